"""Whatever signal a scheduler sends, and whenever it comes: the run is saved, ends with 128 + n, and leaves no process."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch._dynamo  # optimizers import it: once here, not in every process that is forked

from slowfast.commands import run_net
from slowfast.config import CfgNode, load_config
from slowfast.datasets.clip_dataset import ClipDataset
from slowfast.engine import checkpoint, testing, training
from slowfast.engine.hooks import CheckpointHook, Hook, InterruptionHook, precise_bn
from slowfast.engine.inference import evaluate
from slowfast.engine.steps import PlainTrainStep
from slowfast.engine.trainer import Trainer
from slowfast.engine.video_evaluation import VideoEvaluation
from slowfast.registry import DATASETS, MODELS
from slowfast.reports import report
from slowfast.runtime import distributed
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import SIGNALS, StopRequest
from slowfast.runtime.launch import launch
from slowfast.runtime.logging import read_stats
from slowfast.structures import Clip, ClipBatch, EvalOutput, VideoRecord
from tests.engine.engine_toys import CLASSES, ToyLoader, ToyNet, eval_step, toy_trainer
from tests.process_groups import Ended, run_in_own_group
from tests.two_processes import in_two_processes

VIDEOS = 4


class Flicker(ClipDataset):
    """Clips of noise."""

    def __init__(self, cfg: CfgNode, split: str) -> None:
        records = [VideoRecord(video_id=str(number), path="", source="", label=number % CLASSES) for number in range(VIDEOS)]
        super().__init__(records=records, class_names=("a", "b", "c"), class_groups=None, seed=0, replaces=split == "train")

    def __len__(self) -> int:
        return VIDEOS

    def _read(self, sample: int, rng: np.random.Generator, replaced: tuple[str, ...], clip_frames: int | None) -> Clip:
        frames = torch.from_numpy(rng.integers(0, 256, (3, 4, 8, 8), dtype=np.uint8))
        label = torch.tensor(sample % CLASSES)
        return Clip(
            frames=frames, times=torch.arange(4.0), label=label, frame_labels=None, video=sample, view=0, name=str(sample)
        )


class FlickerNet(ToyNet):
    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> "FlickerNet":
        return cls()


@pytest.fixture(autouse=True)
def _flicker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS._entries, "flicker", Flicker)
    monkeypatch.setitem(MODELS._entries, "toy", FlickerNet)


def config(folder: Path, *overrides: object) -> CfgNode:
    """Two epochs of two iterations, each followed by a validation of two batches, then a test of two."""
    return load_config(
        None,
        [
            *("NUM_GPUS", 0, "OUTPUT_DIR", str(folder / "out"), "REPORT.ENABLE", False, "LOG_PERIOD", 1),
            *("MODEL.MODEL_NAME", "toy", "MODEL.ARCH", "slow", "MODEL.NUM_CLASSES", CLASSES, "DATA.INPUT_CHANNEL_NUM", [3]),
            *("DATA.NUM_FRAMES", 4, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32),
            *("TRAIN.DATASET", "flicker", "TEST.DATASET", "flicker", "TRAIN.BATCH_SIZE", 2, "TEST.BATCH_SIZE", 2),
            *("TRAIN.EVAL_PERIOD", 1, "TRAIN.CHECKPOINT_PERIOD", 1, "SOLVER.MAX_EPOCH", 2, "SOLVER.WARMUP_EPOCHS", 0),
            *("BN.USE_PRECISE_STATS", True, "BN.NUM_BATCHES_PRECISE", 2),
            *overrides,
        ],
    )


def job(folder: Path, *, workers: int = 0, overrides: tuple[object, ...] = ()) -> Callable[[], None]:
    cfg = config(folder, "DATA_LOADER.NUM_WORKERS", workers, *overrides)
    return lambda: launch(cfg, run_net.train_and_test)


def at_call(patch: pytest.MonkeyPatch, owner: object, name: str, number: int, signal_number: int) -> None:
    """The whole group gets the signal when a function is called the `number`th time."""
    real = getattr(owner, name)
    calls = 0

    def function(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            os.killpg(0, signal_number)
        return real(*args, **kwargs)

    patch.setattr(owner, name, function)


MOMENTS = {
    "data sets are built": (training, "build_loader", 1),
    "the model is built": (training, "build_model", 1),
    "the first iteration": (PlainTrainStep, "__call__", 1),
    "the last iteration of an epoch": (PlainTrainStep, "__call__", 2),
    "precise statistics": (precise_bn, "measure_statistics", 1),
    "a checkpoint is written": (checkpoint, "save", 1),
    "the first validation": (VideoEvaluation, "add", 1),
    "the last validation": (VideoEvaluation, "add", 3),
    "the last batch of the last validation": (VideoEvaluation, "add", 4),
    "the network of the test is built": (testing, "build_model", 1),
    "the test": (VideoEvaluation, "add", 5),
    "the report": (report, "write_report", 1),
}
BEFORE_TRAINING = ("data sets are built", "the model is built")
IN_TEST = ("the network of the test is built", "the test", "the report")


def stop(folder: Path, patch: pytest.MonkeyPatch, moment: str, number: int, workers: int) -> Ended:
    owner, name, calls = MOMENTS[moment]
    with patch.context() as context:
        at_call(context, owner, name, calls, number)
        return run_in_own_group(job(folder, workers=workers, overrides=("REPORT.ENABLE", moment == "the report")), folder)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS._entries, "flicker", Flicker)
        patch.setitem(MODELS._entries, "toy", FlickerNet)
        ended = run_in_own_group(job(folder, overrides=("TEST.ENABLE", False)), folder)
        assert ended.code == 0, ended.said
    return checkpoint.load(checkpoint.last_path(folder / "out"))["model_state"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_run_that_gets_a_signal_ends_politely_and_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, torch.Tensor], moment: str
) -> None:
    position = list(MOMENTS).index(moment)
    number = SIGNALS[position % len(SIGNALS)]
    ended = stop(tmp_path, monkeypatch, moment, number, workers=2 * (position % 2))
    assert (ended.code, ended.left) == (128 + number, []), ended.said
    assert "Traceback" not in ended.said
    assert f"stopped by {signal.Signals(number).name}" in ended.said
    assert not (tmp_path / "out" / "results.json").exists() or moment == "the report"
    assert checkpoint.last_path(tmp_path / "out").exists() == (moment not in BEFORE_TRAINING)
    if moment in IN_TEST:
        return
    ended = run_in_own_group(job(tmp_path, overrides=("TEST.ENABLE", False)), tmp_path)
    assert ended.code == 0, ended.said
    state = checkpoint.load(checkpoint.last_path(tmp_path / "out"))
    assert all(torch.equal(state["model_state"][name], value) for name, value in uninterrupted.items())
    assert "EvaluateHook" not in state["hooks"], "a validation that was done over is not done once more"
    stats = [entry for entry in read_stats(tmp_path / "out" / "stdout.log") if entry["_type"] in ("train_epoch", "val_epoch")]
    assert [(entry["_type"], entry["epoch"]) for entry in stats] == [
        (kind, epoch) for epoch in ("1/2", "2/2") for kind in ("train_epoch", "val_epoch")
    ], "what was given up is done over, what was done is not"


@pytest.mark.parametrize(
    ("moment", "text"), [("the test", r"the test of .*last\.pyth was not finished"), ("the report", "results are written")]
)
def test_what_is_left_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, text: str) -> None:
    ended = stop(tmp_path, monkeypatch, moment, signal.SIGTERM, workers=0)
    assert re.search(f"^stopped by SIGTERM: .*{text}.*$", ended.said, re.MULTILINE), ended.said


def test_second_signal_ends_a_run_and_its_workers_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*_: object) -> None:
        os.killpg(0, signal.SIGTERM)
        os.killpg(0, signal.SIGINT)

    monkeypatch.setattr(PlainTrainStep, "__call__", twice)
    ended = run_in_own_group(job(tmp_path, workers=2), tmp_path)
    assert (ended.code, ended.left) == (130, []), ended.said
    assert not checkpoint.last_path(tmp_path / "out").exists()


def test_killed_run_leaves_no_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainTrainStep, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    ended = run_in_own_group(job(tmp_path, workers=2), tmp_path)
    assert (ended.code, ended.left) == (-9, [])


class AskingStep:
    """Asks for a stop in its second batch."""

    def __init__(self, request: StopRequest) -> None:
        self.request = request
        self.calls = 0

    def __call__(self, model: torch.nn.Module, batch: ClipBatch) -> EvalOutput:
        self.calls += 1
        if self.calls == 2:
            self.request.signal_number = signal.SIGTERM
        return eval_step()(model, batch)


def test_signal_to_one_process_stops_an_evaluation_of_unequal_parts_on_all(tmp_path: Path) -> None:
    def share() -> None:
        rank = distributed.rank()
        loader = ToyLoader(batch_size=1, videos=(range(2), range(2, 9))[rank], shuffle=False)
        for asked in (None, 0, 1):
            request = StopRequest()
            step = AskingStep(request if rank == asked else StopRequest())
            options = {"model": ToyNet(), "step": step, "loader": loader, "device": torch.device("cpu"), "request": request}
            evaluation = VideoEvaluation(loader.dataset, method="sum", multi_label=False)
            if asked is None:  # nobody asks
                evaluate(**options, evaluation=evaluation)
                assert step.calls == (2, 7)[rank]
            else:
                with pytest.raises(Interrupted):
                    evaluate(**options, evaluation=evaluation)
                assert step.calls == 2

    in_two_processes(share, tmp_path)


class AsksAt(Hook):
    """Asks this process to stop, and notes the iterations that were begun."""

    def __init__(self, request: StopRequest, iteration: int | None) -> None:
        self.request, self.iteration, self.done = request, iteration, 0

    def after_iteration(self, trainer: Trainer) -> None:
        self.done = trainer.iterations_done
        if self.done == self.iteration:
            self.request.signal_number = signal.SIGTERM


@pytest.mark.parametrize(("accumulate", "asked_at", "stops_at"), [(1, 2, 3), (1, 6, 6), (2, 2, 4), (2, 3, 4), (4, 5, 6)])
def test_signal_to_one_process_stops_a_training_on_all_at_one_of_the_next_two_updates(
    accumulate: int, asked_at: int, stops_at: int, tmp_path: Path
) -> None:
    """Two epochs of 6 iterations on each. Processes hear of it with the next update, and at the end of an epoch at once."""

    def share() -> None:
        for rank in range(2):
            request = StopRequest()
            asking = AsksAt(request, asked_at if distributed.rank() == rank else None)
            saving = CheckpointHook(output_dir=tmp_path / str(rank), period=10, minutes=0, cfg_text="")
            stopping = InterruptionHook(request=request, checkpoints=saving)
            trainer = toy_trainer(ToyNet(), batch_size=2, accumulate=accumulate, hooks=[saving, asking, stopping])
            with pytest.raises(Interrupted) as stop:
                trainer.train()
            assert (asking.done, stop.value.signal_number) == (stops_at, signal.SIGTERM)

    in_two_processes(share, tmp_path)
    for rank in "01":
        assert checkpoint.load(checkpoint.last_path(tmp_path / rank))["iteration"] == stops_at
