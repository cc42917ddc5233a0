"""A run that was stopped and resumed ends with the weights of one that never stopped."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.engine import checkpoint
from slowfast.engine.hooks import Hook
from slowfast.engine.optimizer import OptimizerStateError, load_optimizer_state, parameter_names
from slowfast.engine.resume import resume
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast.runtime.interruption import StopRequest
from tests.conftest import ROOT
from tests.engine.engine_toys import ToyNet, saving_trainer, toy_trainer
from tests.process_groups import members, members_after
from tests.two_processes import in_two_processes


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    trainer = saving_trainer(tmp_path_factory.mktemp("whole"), request=StopRequest())
    trainer.train()
    return trainer.model.state_dict()


def assert_same(weights: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert torch.equal(value, expected[name]), name


class StopAfter(Hook):
    """Plays the signal; `iterations` counts over all epochs."""

    def __init__(self, request: StopRequest, iterations: int) -> None:
        self.request, self.iterations = request, iterations

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self.iterations:
            self.request.signal_number = signal.SIGTERM


@pytest.mark.parametrize("iterations", [1, 3, 6, 8, 11])
def test_resumed_run_equals_uninterrupted_run(tmp_path: Path, uninterrupted: dict[str, torch.Tensor], iterations: int) -> None:
    request = StopRequest()
    stopped = saving_trainer(tmp_path, request=request, extra=[StopAfter(request, iterations)])
    with pytest.raises(Interrupted):
        stopped.train()
    assert stopped.iterations_done == iterations
    resumed = saving_trainer(tmp_path, request=StopRequest())
    assert resumed.iterations_done == iterations
    torch.rand(7)  # what others draw in between does not matter
    resumed.train()
    assert_same(resumed.model.state_dict(), uninterrupted)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_process_that_gets_a_signal_in_mid_epoch_loses_nothing(
    tmp_path: Path, uninterrupted: dict[str, torch.Tensor], start_toy, number: int, code: int
) -> None:
    process = start_toy("killable_job", tmp_path)
    while process.stdout.readline().strip() != "9":  # 6 iterations make an epoch
        assert process.poll() is None, process.stderr.read()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    saved = checkpoint.load(checkpoint.last_path(tmp_path))
    assert (saved["epoch"], saved["iteration"]) == (1, 3)
    resumed = saving_trainer(tmp_path, request=StopRequest())
    resumed.train()
    assert_same(resumed.model.state_dict(), uninterrupted)


def test_two_processes_stop_after_the_same_iteration(tmp_path: Path, start_toy) -> None:
    process = start_toy("killable_job", tmp_path, processes=2)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    assert checkpoint.load(checkpoint.last_path(tmp_path))["iteration"] == int(output.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "number", "code"),
    [
        ("group", signal.SIGTERM, 143),
        ("launcher", signal.SIGUSR1, 138),
        ("launcher", signal.SIGKILL, -9),
        ("one rank", signal.SIGHUP, 129),
    ],
)
def test_launched_processes_save_and_end_whoever_gets_the_signal(tmp_path: Path, target: str, number: int, code: int) -> None:
    command = [sys.executable, "-m", "tests.engine.engine_toys", "killable_job", str(tmp_path), "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # ignored where tests run under nohup
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    if target == "group":
        os.killpg(process.pid, number)
    elif target == "launcher":
        process.send_signal(number)
    else:
        ranks = [pid for pid in members(process.pid) if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(ranks[-1], number)
    assert process.wait(60) == code
    assert members_after(process.pid, seconds=30.0) == []
    assert checkpoint.load(checkpoint.last_path(tmp_path))["iteration"] > 0


def test_model_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "last.pyth"
    checkpoint.save(path, toy_trainer(ToyNet(width=4)).state_dict())
    with pytest.raises(CheckpointError, match=r"last\.pyth: belongs to another model \(conv\.weight is \(4, .*OUTPUT_DIR"):
        resume(toy_trainer(ToyNet(width=5)), path)


def test_model_with_other_layers_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "last.pyth"
    checkpoint.save(path, toy_trainer(ToyNet(norm=True)).state_dict())
    with pytest.raises(CheckpointError, match=r"it has norm\.weight, which the model lacks"):
        resume(toy_trainer(ToyNet(norm=False)), path)


class Seen(Hook):
    """Notes the videos of every batch, and stops a run by an error of its own after some iterations."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.batches: list[tuple[str, ...]] = []
        self.stop_after = stop_after

    def after_iteration(self, trainer: Trainer) -> None:
        self.batches.append(trainer.batch.names)
        if len(self.batches) == self.stop_after:
            raise StoppedError


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def in_parts(tmp_path: Path, *parts: tuple[int, int | None]) -> list[tuple[str, ...]]:
    """The batches of one epoch that is run in parts of (batch size, iterations, or None for the rest)."""
    seen: list[tuple[str, ...]] = []
    path = tmp_path / "last.pyth"
    for batch_size, iterations in parts:
        hook = Seen(iterations)
        trainer = toy_trainer(ToyNet(), hooks=[hook], batch_size=batch_size, num_epochs=1)
        if seen:
            resume(trainer, path)
        with pytest.raises(StoppedError) if iterations else contextlib.nullcontext():
            trainer.train()
        checkpoint.save(path, trainer.state_dict())
        seen += hook.batches
    return seen


@pytest.mark.parametrize(
    "parts",
    [
        ((4, 3), (8, None)),
        ((8, 1), (4, None)),
        ((4, 1), (8, 1), (4, 2), (3, None)),
        ((4, 5), (8, None)),
        ((6, 1), (4, 2), (4, None)),
        ((5, 2), (2, None)),
    ],
)
def test_no_video_is_repeated_or_left_out_when_batches_change_their_size(
    tmp_path: Path, parts: tuple[tuple[int, int | None], ...]
) -> None:
    seen = [name for batch in in_parts(tmp_path, *parts) for name in batch]
    order = [name for batch in in_parts(tmp_path, (1, None)) for name in batch]
    assert seen == order[: len(seen)]
    assert len(order) - len(seen) < parts[-1][0]  # what does not fill a batch, as in every epoch


def test_run_goes_on_at_the_same_sample_with_another_number_of_processes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Three batches of 4 by two processes, then batches of 4 by one; and the log says so."""
    caplog.set_level("INFO", logger="slowfast")
    path = tmp_path / "last.pyth"

    def by_two() -> None:
        hook = Seen(3)
        trainer = toy_trainer(ToyNet(), hooks=[hook], batch_size=2, num_epochs=1)
        with pytest.raises(StoppedError):
            trainer.train()
        both = distributed.gather_to_main(hook.batches)
        if both is not None:
            names = [name for batches in zip(*both, strict=True) for names in batches for name in names]
            (tmp_path / "seen").write_text(" ".join(names))
            checkpoint.save(path, trainer.state_dict())

    in_two_processes(by_two, tmp_path)
    rest = Seen()
    trainer = toy_trainer(ToyNet(), hooks=[rest], batch_size=4, num_epochs=1)
    resume(trainer, path)
    trainer.train()
    order = [name for batch in in_parts(tmp_path, (1, None)) for name in batch]
    assert (tmp_path / "seen").read_text().split() + [name for batch in rest.batches for name in batch] == order
    assert "written by 2 process(es), and there are 1 now" in caplog.text
    assert "batches have another size" not in caplog.text


def test_changed_size_of_batches_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="slowfast")
    in_parts(tmp_path, (4, 3), (8, None))
    assert "batches have another size now, 8 samples: the epoch goes on behind the 12 samples that were seen" in caplog.text


def test_epoch_of_other_samples_begins_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_parts(tmp_path, (4, 3))
    trainer = toy_trainer(ToyNet(), num_epochs=1)
    trainer.loader.videos = trainer.loader.videos[:-1]
    resume(trainer, tmp_path / "last.pyth")
    assert (trainer.epoch, trainer.iteration, trainer.samples_done) == (0, 0, 0)
    assert "this epoch begins anew, and those samples are seen twice" in caplog.text


def sgd(model: ToyNet, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, **options})


def taken_up(before: torch.optim.Optimizer, after: torch.optim.Optimizer, model: ToyNet, **known: Any) -> None:
    """What a resumed run does with the state of the optimizer of the run before."""
    names = parameter_names(after, model)
    load_optimizer_state(after, before.state_dict(), names=names, saved_kind=type(before).__name__, **known)


def stepped(optimizer: torch.optim.Optimizer, model: ToyNet) -> torch.optim.Optimizer:
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    "options", [{"weight_decay": 0.05}, {"momentum": 0.5}, {"nesterov": True}, {"dampening": 0.1}, {"momentum": 0.0}]
)
def test_options_of_the_optimizer_are_those_of_this_run(options: dict[str, Any]) -> None:
    model = ToyNet()
    before = stepped(sgd(model), model)
    after = sgd(model, **options)
    taken_up(before, after, model)
    for key, value in options.items():
        assert [group[key] for group in after.param_groups] == [value]
    weight = model.projection.weight
    assert torch.equal(after.state[weight]["momentum_buffer"], before.state[weight]["momentum_buffer"])


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_another_optimizer_starts_without_moments_and_says_so(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    model = ToyNet()
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    after = kinds[kind](model.parameters(), lr=0.1)
    taken_up(stepped(sgd(model), model), after, model)
    assert not after.state
    assert f"the optimizer was SGD and is {kinds[kind].__name__} now" in caplog.text
    stepped(after, model)
    back = sgd(model)
    taken_up(after, back, model)
    stepped(back, model)


def test_adam_and_adamw_share_their_moments(caplog: pytest.LogCaptureFixture) -> None:
    model = ToyNet()
    before = stepped(torch.optim.Adam(model.parameters(), lr=0.1), model)
    after = torch.optim.AdamW(model.parameters(), lr=0.1, betas=(0.8, 0.9))
    taken_up(before, after, model)
    assert torch.equal(after.state[model.conv.weight]["exp_avg"], before.state[model.conv.weight]["exp_avg"])
    assert after.param_groups[0]["betas"] == (0.8, 0.9)
    assert not caplog.records


def test_moments_follow_their_parameters_into_other_groups() -> None:
    model = ToyNet()
    before = stepped(sgd(model), model)
    for number, parameter in enumerate(model.parameters()):
        before.state[parameter]["momentum_buffer"].fill_(number)
    ones = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    after = torch.optim.SGD([{"params": ones, "weight_decay": 0.0}, {"params": others}], lr=0.1, momentum=0.9)
    taken_up(before, after, model, saved_names=parameter_names(before, model))
    for number, parameter in enumerate(model.parameters()):
        assert (after.state[parameter]["momentum_buffer"] == number).all()


def test_groups_of_a_checkpoint_without_names_must_agree() -> None:
    model = ToyNet()
    before = stepped(sgd(model), model)
    after = torch.optim.SGD([*model.parameters()][:2], lr=0.1)
    with pytest.raises(OptimizerStateError, match="groups have"):
        taken_up(before, after, model)


def test_bare_weights_are_no_resume_point(tmp_path: Path) -> None:
    path = tmp_path / "last.pyth"
    checkpoint.save(path, {"model_state": ToyNet().state_dict()})
    with pytest.raises(CheckpointError, match=r"TRAIN\.CHECKPOINT_FILE_PATH"):
        resume(toy_trainer(ToyNet()), path)
