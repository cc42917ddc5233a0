"""What a config can ask for."""

from __future__ import annotations

from fvcore.common.config import CfgNode

from slowfast.engine.testing import test
from slowfast.engine.training import train
from slowfast.runtime.device import Place


def train_and_test(cfg: CfgNode, place: Place) -> None:
    """Trains if TRAIN.ENABLE, then tests if TEST.ENABLE. Runs on every process."""
    if cfg.TRAIN.ENABLE:
        train(cfg, place)
    if cfg.TEST.ENABLE:
        test(cfg, place)
