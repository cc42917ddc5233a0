"""Several batches make one update (TRAIN.ACCUMULATE): that of a larger batch, and nothing of it is lost."""

import signal
from pathlib import Path

import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.engine import checkpoint
from slowfast.engine.hooks import CheckpointHook, Hook, InterruptionHook
from slowfast.engine.resume import resume
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import Interrupted, NonFiniteLossError
from slowfast.runtime.interruption import StopRequest
from slowfast.structures import StepOutput
from tests.engine.engine_toys import ToyNet, toy_trainer
from tests.two_processes import in_two_processes


def flat(trainer: Trainer) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


def trained(*, batch_size: int, accumulate: int, hooks: tuple[Hook, ...] = ()) -> Trainer:
    """Of 24 videos, two epochs, without anything that looks at a batch as a whole."""
    torch.manual_seed(0)
    net = ToyNet(dropout=0.0, norm=False)
    trainer = toy_trainer(net, batch_size=batch_size, accumulate=accumulate, hooks=hooks, schedule=lambda epoch: 0.1)
    trainer.train()
    return trainer


@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 2), (2, 4), (1, 8), (4, 6), (8, 3)])
def test_batches_together_make_the_update_of_one_that_is_as_large(batch_size: int, accumulate: int) -> None:
    together = trained(batch_size=batch_size, accumulate=accumulate)
    assert torch.allclose(flat(together), flat(trained(batch_size=batch_size * accumulate, accumulate=1)), atol=1e-6)
    assert not torch.allclose(flat(together), flat(trained(batch_size=batch_size, accumulate=1)), atol=1e-4)


class CountsUpdates(Hook):
    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []

    def after_iteration(self, trainer: Trainer) -> None:
        self.weights.append(flat(trainer))

    after_last_iteration = after_iteration


def test_what_is_left_at_the_end_of_an_epoch_makes_an_update_of_the_mean() -> None:
    counts = CountsUpdates()
    trained(batch_size=4, accumulate=4, hooks=(counts,))  # 6 iterations an epoch: 4 and 2
    changes = [not torch.equal(one, other) for one, other in zip(counts.weights, counts.weights[1:], strict=False)]
    # After iterations 1 to 6 and at the end of the first epoch, then the same again.
    assert changes == [False, False, True, False, False, True, False, False, False, True, False, False, True]
    one_large = trained(batch_size=24, accumulate=1)
    assert torch.allclose(flat(trained(batch_size=4, accumulate=100)), flat(one_large), atol=1e-6)


def test_two_processes_make_the_same_update_as_one(tmp_path: Path) -> None:
    def job() -> None:
        torch.save(flat(trained(batch_size=2, accumulate=3)), tmp_path / f"{distributed.rank()}")

    in_two_processes(job, tmp_path)
    one = flat(trained(batch_size=12, accumulate=1))
    for rank in "01":
        assert torch.allclose(torch.load(tmp_path / rank), one, atol=1e-6)


class SavedAt(CheckpointHook):
    """Remembers after how many iterations the resume point was written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(output_dir=folder, period=10, minutes=1e-9, cfg_text="")
        self.places: list[tuple[int, int]] = []

    def save_last(self, trainer: Trainer, *, keeps: bool = False) -> Path:
        self.places.append((trainer.epoch, trainer.iteration))
        return super().save_last(trainer, keeps=keeps)


def test_nothing_is_saved_within_an_update(tmp_path: Path) -> None:
    saving = SavedAt(tmp_path)
    trained(batch_size=4, accumulate=4, hooks=(saving,))
    assert saving.places == [(0, 4), (1, 0), (1, 4), (2, 0)]


class StopsAt(Hook):
    def __init__(self, request: StopRequest, iteration: int) -> None:
        self.request, self.iteration = request, iteration

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self.iteration:
            self.request.signal_number = signal.SIGTERM


@pytest.mark.parametrize("iteration", [1, 3, 5, 6, 8])
def test_a_training_that_is_stopped_within_an_update_finishes_it_and_goes_on_bit_exactly(
    iteration: int, tmp_path: Path
) -> None:
    request = StopRequest()
    saving = CheckpointHook(output_dir=tmp_path, period=10, minutes=0, cfg_text="")
    hooks = [StopsAt(request, iteration), saving, InterruptionHook(request=request, checkpoints=saving)]
    torch.manual_seed(0)
    with pytest.raises(Interrupted):
        toy_trainer(ToyNet(), batch_size=4, accumulate=4, hooks=hooks).train()
    path = checkpoint.last_path(tmp_path)
    again = toy_trainer(ToyNet(), batch_size=4, accumulate=4)
    resume(again, path, checkpoint.load(path))
    again.train()
    torch.manual_seed(0)
    undisturbed = toy_trainer(ToyNet(), batch_size=4, accumulate=4)
    undisturbed.train()
    assert torch.equal(flat(again), flat(undisturbed))


def test_a_loss_that_is_not_finite_names_the_videos_of_all_batches_of_the_update() -> None:
    trainer = toy_trainer(ToyNet(), batch_size=2, accumulate=3)
    seen: list[str] = []
    plain = trainer.step

    class Breaks:
        def __call__(self, model, batch, updater) -> StepOutput:
            seen.extend(batch.names)
            if len(seen) == 2:
                updater.accumulate(sum(p.sum() for p in model.parameters()) * float("nan"))
            return plain(model, batch, updater)

        def __getattr__(self, name: str):
            return getattr(plain, name)

    trainer.step = Breaks()
    with pytest.raises(NonFiniteLossError) as caught:
        trainer.train()
    assert len(seen) == 6
    assert all(name in str(caught.value) for name in seen)


def test_steps_that_make_updates_of_their_own_cannot_be_accumulated() -> None:
    own = ["PGT.ENABLE", "True", "MODEL.ARCH", "slow", "TRAIN.ACCUMULATE", "2"]
    with pytest.raises(ConfigError, match=r"TRAIN\.ACCUMULATE = 2: a clip makes several updates.*PGT\.TRAIN_TOGETHER True"):
        load_config(overrides=own)
    assert load_config(overrides=[*own, "PGT.TRAIN_TOGETHER", "True"]).TRAIN.ACCUMULATE == 2
