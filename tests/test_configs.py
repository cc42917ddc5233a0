"""Every config that we ship is complete: it loads, builds its network and trains it a step."""

from pathlib import Path

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.tasks import build_train_step
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.structures import ClipBatch, Keyframes, LaneBatch

CONFIGS = Path(__file__).parent.parent / "configs"
SMALL = ["NUM_GPUS", 0, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TRAIN_JITTER_SCALES", [32, 40]]

WITHOUT_DATA: dict[str, list[object]] = {"Folder": ["MODEL.NUM_CLASSES", 3]}  # else derived from videos that are not here


def random_batch(cfg: CfgNode) -> ClipBatch:
    frames = cfg.DATA.NUM_FRAMES
    frame_labels = torch.rand(1, frames, cfg.MODEL.NUM_CLASSES) < 0.1 if cfg.DATA.MULTI_LABEL else None
    labels = torch.tensor([1]) if frame_labels is None else frame_labels.any(dim=1).float()
    return ClipBatch(
        frames=torch.randint(0, 256, (1, 3, frames, 32, 32), dtype=torch.uint8),
        times=torch.arange(frames)[None] / 24.0,
        labels=labels,
        frame_labels=frame_labels,
        videos=torch.tensor([0]),
        views=torch.tensor([0]),
        names=("noise",),
        keyframes=random_persons(cfg) if cfg.DETECTION.ENABLE else None,
    )


def random_lane(cfg: CfgNode) -> LaneBatch:
    """The first pieces of a video."""
    frames, pieces = cfg.DATA.NUM_FRAMES, torch.arange(cfg.DATA.LANE_PIECES)[None]
    return LaneBatch(
        frames=torch.randint(0, 256, (1, 3, frames, 32, 32), dtype=torch.uint8),
        times=torch.arange(frames)[None] / 24.0,
        frame_sec=torch.full(pieces.shape, 1 / 24.0),
        video_sec=torch.full(pieces.shape, 60.0, dtype=torch.float64),
        valid=torch.ones((1, frames), dtype=torch.bool),
        begins=pieces == 0,
        labels=(torch.rand(1, cfg.DATA.LANE_PIECES, cfg.MODEL.NUM_CLASSES) < 0.1).float(),
        videos=torch.zeros_like(pieces),
        views=torch.zeros_like(pieces),
        pieces=pieces,
        names=("noise",),
        keyframes=(random_persons(cfg),) * cfg.DATA.LANE_PIECES if cfg.DETECTION.ENABLE else None,
    )


def random_persons(cfg: CfgNode) -> Keyframes:
    """Two at the second that the clip, which begins at second 900, was cut out for."""
    return Keyframes(
        clips=torch.zeros(2, dtype=torch.int64),
        seconds=torch.full((2,), 901),
        main=torch.ones(2, dtype=torch.bool),
        boxes=torch.tensor([[2.0, 3.0, 15.0, 30.0], [12.0, 0.0, 31.0, 31.0]]),
        original=torch.rand(2, 4, dtype=torch.float64),
        labels=(torch.rand(2, cfg.MODEL.NUM_CLASSES) < 0.1).float(),
        videos=torch.zeros(2, dtype=torch.int64),
        numbers=torch.arange(2),
    )


LIKE_OTHERS = (
    "R101", "K600", "SSv2/SLOWFAST", "Charades/SLOWFAST", "Charades/SLOWONLY_PGT", "Charades/MVITv2", "AVA/SLOWFAST.",
    "AVA/MVITv2", "Kinetics200/SLOWONLY_PGT", "Kinetics/TIMESFORMER.", "Kinetics/VIT_S.", "Kinetics/REGNET3D_4G",
    "Kinetics/SLOWFAST.",
)  # fmt: skip
"""Parts of names of large configs that differ from others in depth or numbers alone; they are trained among the slow tests."""

PATHS = sorted(CONFIGS.rglob("*.yaml"))
MARKED = [
    pytest.param(path, marks=pytest.mark.slow) if any(part in str(path) for part in LIKE_OTHERS) else path for path in PATHS
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_config_loads_and_nothing_in_it_is_without_effect(path: Path) -> None:
    assert load_config(path, WITHOUT_DATA.get(path.parent.name, [])).OUTPUT_DIR.startswith("runs/")


def test_no_two_configs_write_to_one_folder() -> None:
    folders = [load_config(path, WITHOUT_DATA.get(path.parent.name, [])).OUTPUT_DIR for path in PATHS]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("path", MARKED, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_config_builds_its_network_and_trains_it_a_step(path: Path) -> None:
    cfg = load_config(path, [*SMALL, *WITHOUT_DATA.get(path.parent.name, [])])
    model = build_model(cfg).train()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    updater = Updater.from_cfg(cfg, model=model, optimizer=build_optimizer(cfg, model), device=torch.device("cpu"))
    batch = random_lane(cfg) if cfg.DATA.LANE_PIECES else random_batch(cfg)
    output = build_train_step(cfg)(model, batch, updater)
    assert torch.isfinite(output.loss)
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
