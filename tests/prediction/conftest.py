"""Weights of small networks, and videos for them."""

from pathlib import Path

import pytest
import torch

from slowfast.config import load_config
from slowfast.engine.contract import Contract, Frames
from slowfast.engine.weight_files import write_weights
from slowfast.models import build_model
from tests.datasets.videos import write_video

CLASSES = ("bark", "jump", "run")
TINY = [
    *(
        "NUM_GPUS",
        0,
        "MODEL.MODEL_NAME",
        "ResNet",
        "MODEL.ARCH",
        "slow",
        "MODEL.NUM_CLASSES",
        3,
        "DATA.MULTI_LABEL",
        True,
        "MODEL.LOSS_FUNC",
        "bce_logit",
    ),
    *("MODEL.HEAD_ACT", "sigmoid", "RESNET.DEPTH", 18, "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", 2),
    *("RESNET.NUM_BLOCK_TEMP_KERNEL", [[2], [2], [2], [2]], "MODEL.FC_INIT_STD", 0.5),
]
STEPS = [*TINY, "PGT.ENABLE", True, "PGT.STEP_LEN", [4], "PGT.STEPS", 3, "PGT.TRAIN_TOGETHER", True, "DATA.NUM_FRAMES", 0]
CLIPS = [*TINY, "DATA.NUM_FRAMES", 4]
KINDS = {"steps": STEPS, "clips": CLIPS}


def weights_of(folder: Path, options: list[object], **changes: object) -> Path:
    """A file of weights of a network that was never trained, on frames a quarter of a second apart."""
    cfg = load_config(None, options)
    torch.manual_seed(0)
    model = build_model(cfg)
    for name, parameter in model.named_parameters():
        if name == "head.projection.bias":
            torch.nn.init.constant_(parameter, -7.0)  # features are above 0: so scores are neither all low nor all high
    frames = Frames(seconds_apart=0.25, grid_fps=24, short_side=36, crop=32, mean=(0.45,) * 3, std=(0.225,) * 3)
    given = {str(key): value for key, value in zip(options[::2], options[1::2], strict=True) if key != "NUM_GPUS"}
    fields = {"task": "classification", "classes": CLASSES, "several": True, "frames": frames, "options": given}
    contract = Contract(**{**fields, "trained_on": "noise", **changes})  # type: ignore[arg-type]
    write_weights(folder / "model.safetensors", model.state_dict(), contract)
    return folder / "model.safetensors"


@pytest.fixture(scope="session", params=list(KINDS))
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each kind of network."""
    return weights_of(tmp_path_factory.mktemp(request.param), KINDS[request.param])


@pytest.fixture(scope="session")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_of(tmp_path_factory.mktemp("stepping"), STEPS)


@pytest.fixture(scope="session")
def clipping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_of(tmp_path_factory.mktemp("clipping"), CLIPS)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four: of 7.3, 3, 5 and 0.5 seconds at three rates, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "day two").mkdir()
    write_video(folder / "a.mp4", 219, fps=30)
    write_video(folder / "b.mkv", 75, fps=25)
    write_video(folder / "day two" / "c.mp4", 120, fps=24)
    write_video(folder / "d.mp4", 12, fps=24)
    return folder
