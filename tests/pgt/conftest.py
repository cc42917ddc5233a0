"""Tiny progressive networks and batches."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.structures import ClipBatch

TINY = {
    "NUM_GPUS": 0,
    "MODEL.MODEL_NAME": "ResNet",
    "MODEL.ARCH": "slow",
    "MODEL.NUM_CLASSES": 5,
    "MODEL.LOSS_FUNC": "bce_logit",
    "MODEL.HEAD_ACT": "sigmoid",
    "MODEL.FINAL_POOL": ["avg", "max"],
    "MODEL.DROPOUT_RATE": 0.0,
    "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 4,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]],
    "BN.NORM_TYPE": "frozen_batchnorm",
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TRAIN_JITTER_SCALES": [32, 40],
    "DATA.MULTI_LABEL": True,
    "PGT.ENABLE": True,
    "PGT.STEPS": 3,
    "PGT.STEP_LEN": [4],
    "PGT.OVERLAP": [1],
    "PGT.TRAIN_TOGETHER": True,
    "PGT.CACHE": "max",
}

TINY_SLOWFAST = TINY | {
    "MODEL.MODEL_NAME": "SlowFast",
    "MODEL.ARCH": "slowfast",
    "SLOWFAST.ALPHA": 4,
    "SLOWFAST.BETA_INV": 2,
    "RESNET.WIDTH_PER_GROUP": 8,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2, 2], [2, 2], [2, 2], [2, 2]],
    "RESNET.SPATIAL_STRIDES": [[1, 1], [2, 2], [2, 2], [2, 2]],
    "RESNET.SPATIAL_DILATIONS": [[1, 1], [1, 1], [1, 1], [1, 1]],
    "PGT.STEP_LEN": [4, 16],
    "PGT.OVERLAP": [1, 4],
}


@pytest.fixture
def tiny_cfg() -> Callable[..., CfgNode]:
    """A config of a tiny progressive SlowOnly (or, with slowfast=True, SlowFast); keys can be overridden."""

    def make(*, slowfast: bool = False, **changes: Any) -> CfgNode:
        options = (TINY_SLOWFAST if slowfast else TINY) | {key.replace("__", "."): value for key, value in changes.items()}
        return load_config(None, [part for item in options.items() for part in item])

    return make


@pytest.fixture
def make_batch() -> Callable[..., ClipBatch]:
    def make(num_frames: int, *, size: int = 2, side: int = 32, classes: int = 5, seed: int = 0) -> ClipBatch:
        generator = torch.Generator().manual_seed(seed)
        frame_labels = torch.rand((size, num_frames, classes), generator=generator) < 0.2
        return ClipBatch(
            frames=torch.randint(0, 256, (size, 3, num_frames, side, side), generator=generator, dtype=torch.uint8),
            times=torch.arange(num_frames).repeat(size, 1) / 6.0,
            labels=frame_labels.any(dim=1).float(),
            frame_labels=frame_labels,
            videos=torch.arange(size),
            views=torch.zeros(size, dtype=torch.long),
            names=tuple(f"video{i}" for i in range(size)),
        )

    return make


class RecordingUpdater:
    """Stands in for the engine's updater: propagates losses back and counts, but changes no weight."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.updates = 0

    def autocast(self) -> Any:
        return torch.autocast("cpu", enabled=False)

    def accumulate(
        self,
        loss: torch.Tensor | None,
        carried: Sequence[tuple[torch.Tensor, torch.Tensor]] = (),
        *,
        completes: bool = False,
    ) -> None:
        if loss is not None:
            self.losses.append(float(loss.detach()))
        roots = [*([] if loss is None else [(loss, None)]), *carried]
        torch.autograd.backward([root for root, _ in roots], [gradient for _, gradient in roots])

    def apply_and_read(self, loss: torch.Tensor) -> torch.Tensor:
        self.apply()
        return loss.detach()

    def apply(self) -> None:
        self.updates += 1


@pytest.fixture
def updater() -> RecordingUpdater:
    return RecordingUpdater()
