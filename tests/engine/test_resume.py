"""A run that was stopped and resumed ends with the weights of one that never stopped."""

import signal
from pathlib import Path

import pytest
import torch

from slowfast.engine import checkpoint
from slowfast.engine.hooks import Hook
from slowfast.engine.resume import resume
from slowfast.engine.trainer import Trainer
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast.runtime.interruption import StopRequest
from tests.engine.engine_toys import ToyNet, saving_trainer, toy_trainer


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


def test_shorter_epoch_is_refused(tmp_path: Path) -> None:
    trainer = toy_trainer(ToyNet(), batch_size=4)
    trainer.iteration = 5
    path = tmp_path / "last.pyth"
    checkpoint.save(path, trainer.state_dict())
    with pytest.raises(CheckpointError, match="an epoch has 3 now"):
        resume(toy_trainer(ToyNet(), batch_size=8), path)


def test_bare_weights_are_no_resume_point(tmp_path: Path) -> None:
    path = tmp_path / "last.pyth"
    checkpoint.save(path, {"model_state": ToyNet().state_dict()})
    with pytest.raises(CheckpointError, match=r"TRAIN\.CHECKPOINT_FILE_PATH"):
        resume(toy_trainer(ToyNet()), path)
