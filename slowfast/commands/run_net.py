"""What a config can ask for."""

from __future__ import annotations

from fvcore.common.config import CfgNode

from slowfast.engine.testing import test
from slowfast.engine.training import train
from slowfast.reports.report import write_report
from slowfast.runtime import distributed
from slowfast.runtime.device import Place


def train_and_test(cfg: CfgNode, place: Place) -> None:
    """Trains if TRAIN.ENABLE, then tests if TEST.ENABLE, and then draws the report. Runs on every process."""
    if cfg.TRAIN.ENABLE:
        train(cfg, place)
    if cfg.TEST.ENABLE:
        tested = test(cfg, place)
        if cfg.REPORT.ENABLE and distributed.main_process():
            write_report(cfg, model=tested.model, step=tested.step, dataset=tested.dataset, device=place.device)
        distributed.barrier()
