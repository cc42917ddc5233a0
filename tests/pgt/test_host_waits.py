"""The host waits for the device once an update, whatever is trained: else the device would wait for the host."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.config import CfgNode
from slowfast.engine.hooks import BadVideosHook, CheckpointHook, InterruptionHook, LogHook, ProgressBarHook
from slowfast.engine.lr_schedule import build_schedule
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.tasks import build_train_step
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.engine.weight_average import WeightAverage
from slowfast.models import build_model
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.precision import Precision
from slowfast.runtime.random_state import RandomState
from slowfast.structures import ClipBatch, Keyframes, LaneBatch
from tests.host_waits import DEVICE, HostWaits
from tests.pgt.test_detection import SPARSE, keyframes
from tests.pgt.test_whole_videos import draw_videos, lanes_of

Make = Callable[..., Any]

PLAIN = {"PGT__ENABLE": False}
EXACT = {"PGT__GRADIENT": "exact", "PGT__TBPTT_STEPS": 3}
PERSONS = {"DETECTION__ENABLE": True, "RESNET__SPATIAL_STRIDES": [[1], [2], [2], [1]], "MODEL__LOSS_FUNC": "bce"}
MIXED = {
    "MIXUP__ENABLE": True, "MODEL__LOSS_FUNC": "soft_cross_entropy", "MODEL__HEAD_ACT": "softmax", "DATA__MULTI_LABEL": False,
}  # fmt: skip
WHOLE = {"PGT__STEPS": "all", "PGT__UPDATE_EVERY": 2}
KINDS = {
    "clips": PLAIN,
    "clips of two pathways": PLAIN | {"slowfast": True, "PGT__STEPS": 1},
    "clips, plain norms": PLAIN | {"BN__NORM_TYPE": "batchnorm"},
    "clips, bf16": PLAIN | {"TRAIN__PRECISION": "bf16"},
    "clips, fp16": PLAIN | {"TRAIN__PRECISION": "fp16"},
    "clips, clipped": PLAIN | {"SOLVER__CLIP_GRAD_L2NORM": 1.0, "SOLVER__CLIP_GRAD_VAL": 1.0},
    "clips, average of the weights": PLAIN | {"TRAIN__EMA_DECAY": 0.9},
    "clips, Adam": PLAIN | {"SOLVER__OPTIMIZING_METHOD": "adamw"},
    "clips, mixed": PLAIN | MIXED,
    "persons": PLAIN | PERSONS,
    "steps": {},
    "steps of two pathways": {"slowfast": True},
    "steps, slow frames as released": {"slowfast": True, "PGT__SEMANTICS": "released"},
    "steps, causal": {"PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
    "steps, means": {"PGT__CACHE": "avg", "PGT__CACHE_MOMENTUM": 0.5},
    "steps, exact": EXACT,
    "steps, several a graph": {"PGT__TBPTT_STEPS": 2},
    "steps, mixed": MIXED,
    "steps, persons": PERSONS,
    "whole videos": WHOLE,
    "whole videos, exact": WHOLE | EXACT | {"PGT__TBPTT_STEPS": 2},
    "whole videos, persons": WHOLE | PERSONS,
}


class Batches:
    """The given batches, in order, in every epoch."""

    global_batch_size, order = 2, "as given"

    def __init__(self, batches: Sequence[Any]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def pin(self) -> None:
        """As loaders do for a GPU."""
        self._batches = [batch.pin_memory() for batch in self._batches]

    def batches(self, epoch: int, start: int = 0, **options: Any) -> Iterator[Any]:
        yield from self._batches[start:]


class Counted(Batches):
    """Notes how often the host had waited when a batch is asked for, the end included."""

    def __init__(self, batches: Sequence[Any], waits: Sequence[object]) -> None:
        """waits: what grows by an entry whenever the host waits."""
        super().__init__(batches)
        self._waits = waits
        self.counts: list[int] = []

    def batches(self, epoch: int, start: int = 0, **options: Any) -> Iterator[Any]:
        for batch in self._batches[start:]:
            self.counts.append(len(self._waits))
            yield batch
        self.counts.append(len(self._waits))


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in for a device does not have: half precision in forward passes (what an update does about scaled losses
    is all there), and random numbers."""
    monkeypatch.setattr(Precision, "autocast", lambda self, device: contextlib.nullcontext())
    now = RandomState.now
    monkeypatch.setattr(RandomState, "now", classmethod(lambda cls, device: now(torch.device("cpu"))))


def clips_of(cfg: CfgNode, make_batch: Make) -> list[ClipBatch]:
    clips = [make_batch(cfg.DATA.NUM_FRAMES, seed=seed) for seed in range(4)]
    if not cfg.DATA.MULTI_LABEL:
        return [dataclasses.replace(clip, labels=torch.tensor([0, 1]), frame_labels=None) for clip in clips]
    if not cfg.DETECTION.ENABLE:
        return clips
    times = torch.arange(cfg.DATA.NUM_FRAMES, dtype=torch.float32).expand(2, -1)
    persons = [SPARSE, keyframes([]), SPARSE, SPARSE]
    return [
        dataclasses.replace(clip, keyframes=own, times=times, frame_labels=None)
        for clip, own in zip(clips, persons, strict=True)
    ]


def lanes_of_videos(cfg: CfgNode) -> list[LaneBatch]:
    """All lanes begin, some do, none does, one has ended."""
    frames = cfg.DATA.NUM_FRAMES // cfg.DATA.LANE_PIECES
    batches = list(lanes_of(draw_videos([3, 2, 4], frames), [[0, 2], [1]], pieces=2, frames=frames))
    if not cfg.DETECTION.ENABLE:
        return batches
    persons: tuple[Keyframes, Keyframes] = (keyframes([(0, 908), (1, 908)]), keyframes([]))
    return [dataclasses.replace(batch, keyframes=persons) for batch in batches]


def loader_of(cfg: CfgNode, make_batch: Make, waits: Sequence[object]) -> Counted:
    return Counted(lanes_of_videos(cfg) if cfg.DATA.LANE_PIECES else clips_of(cfg, make_batch), waits)


def trainer_of(cfg: CfgNode, loader: Batches, folder: Path, device: torch.device, *, period: int = 2) -> Trainer:
    """With all hooks but those that may wait: saving and validation. period: of log lines."""
    torch.manual_seed(1)
    model = build_model(cfg).to(device)
    optimizer = build_optimizer(cfg, model)
    saving = CheckpointHook(output_dir=folder, period=1, minutes=0, cfg_text="")
    stopping = InterruptionHook(request=StopRequest(), checkpoints=saving)
    return Trainer(
        model=model,
        step=build_train_step(cfg),
        updater=Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=device),
        optimizer=optimizer,
        schedule=build_schedule(cfg),
        loader=loader,
        device=device,
        num_epochs=2,
        seed=0,
        accumulate=cfg.TRAIN.ACCUMULATE,
        average=WeightAverage(model, decay=cfg.TRAIN.EMA_DECAY) if cfg.TRAIN.EMA_DECAY else None,
        hooks=[ProgressBarHook(period=period), LogHook(period=period), BadVideosHook(), stopping],
    )


def after_the_first(loader: Counted) -> list[int]:
    """How often the host waited in each iteration, without the first of all: that one sends constants, and looks, once in a
    training, whether steps that are run again are what they were."""
    counts = [after - before for before, after in zip(loader.counts, loader.counts[1:], strict=False)]
    assert len(counts) >= 7, "the first epoch, and the second"
    return counts[1:]


@pytest.fixture
def one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal, so that losses are shown."""
    monkeypatch.setattr("slowfast.runtime.progress.console_is_terminal", lambda: True)


@pytest.mark.usefixtures("pretended", "one_bar")
@pytest.mark.parametrize("kind", KINDS)
def test_one_wait_an_update(kind: str, tiny_cfg: Make, make_batch: Make, tmp_path: Path) -> None:
    cfg, waits = tiny_cfg(**KINDS[kind]), HostWaits()
    loader = loader_of(cfg, make_batch, waits.found)
    trainer = trainer_of(cfg, loader, tmp_path, DEVICE)
    with waits:
        trainer.train()
    assert max(after_the_first(loader)) == 1, waits.found
    assert loader.counts[1] < 10 or cfg.PGT.GRADIENT == "exact", waits.found[: loader.counts[1]]


@pytest.mark.usefixtures("pretended", "one_bar")
@pytest.mark.parametrize("kind", ["clips", "steps", "whole videos"])
def test_batches_that_wait_for_an_update_do_not_wait_for_the_device(
    kind: str, tiny_cfg: Make, make_batch: Make, tmp_path: Path
) -> None:
    """But for what a log line says of them."""
    cfg, waits = tiny_cfg(**KINDS[kind], TRAIN__ACCUMULATE=2), HostWaits()
    loader = loader_of(cfg, make_batch, waits.found)
    trainer = trainer_of(cfg, loader, tmp_path, DEVICE, period=100)
    with waits:
        trainer.train()
    assert len(loader) == 4
    epochs = after_the_first(loader)[-4:]
    assert epochs == [0, 1, 0, 1], waits.found


@pytest.mark.gpu
@pytest.mark.usefixtures("one_bar")
@pytest.mark.parametrize("kind", KINDS)
def test_one_wait_an_update_on_a_gpu(kind: str, tiny_cfg: Make, make_batch: Make, tmp_path: Path) -> None:
    cfg, device = tiny_cfg(**KINDS[kind], NUM_GPUS=1), torch.device("cuda", 0)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        loader = loader_of(cfg, make_batch, Waits(found))
        loader.pin()
        trainer = trainer_of(cfg, loader, tmp_path, device)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            trainer.train()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert max(after_the_first(loader)) == 1, [str(warning.message) for warning in found]


class Waits(Sequence[Any]):
    """Those of the warnings that tell of a wait."""

    def __init__(self, found: list[warnings.WarningMessage]) -> None:
        self._found = found

    def __len__(self) -> int:
        return sum("synchronizing CUDA operation" in str(warning.message) for warning in self._found)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]
