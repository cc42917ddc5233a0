"""What a config can ask for."""

from __future__ import annotations

import logging
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.commands.report import make_report
from slowfast.engine.preflight import check_run
from slowfast.engine.testing import test
from slowfast.engine.trackers import track_test
from slowfast.engine.training import train
from slowfast.prediction.along import score_along
from slowfast.runtime import distributed
from slowfast.runtime.device import Place
from slowfast.runtime.errors import Interrupted
from slowfast.runtime.output_lock import only_run_in
from slowfast.runtime.packages import has_report_package

logger = logging.getLogger(__name__)


def train_and_test(cfg: CfgNode, place: Place) -> None:
    """Trains if TRAIN.ENABLE, then tests if TEST.ENABLE, and then draws the report. Runs on every process.

    Before that it looks at everything they will need, and raises the errors that they would have ended with;
    OutputDirInUseError when another run writes to the same OUTPUT_DIR.
    """
    with only_run_in(cfg.OUTPUT_DIR):
        check_run(cfg, place)
        _train_and_test(cfg, place)


def _train_and_test(cfg: CfgNode, place: Place) -> None:
    draws = (
        cfg.TEST.ENABLE
        and cfg.REPORT.ENABLE
        and has_report_package("matplotlib", option="REPORT.ENABLE", without="the test draws no curves and no examples")
    )
    makes_page = draws and has_report_package("plotly", option="REPORT.ENABLE", without="the test makes no page of the run")
    if cfg.TRAIN.ENABLE:
        train(cfg, place)
    if cfg.TEST.ENABLE:
        tested = test(cfg, place, score_along)
        if tested.metrics is not None:
            track_test(cfg, tested.metrics.values)
        if draws and distributed.main_process():
            from slowfast.reports.report import write_report  # imports matplotlib, which need not be there

            try:
                write_report(cfg, tested, device=place.device)
                if makes_page:
                    logger.info("wrote %s", make_report([Path(cfg.OUTPUT_DIR)], None, keep="untouched").path)
            except Interrupted as stop:
                raise Interrupted(stop.signal_number, "the results are written, the report is not finished") from None
        distributed.barrier()
