"""From a config to a test: weights in, results.json out."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config.comparing import changed_options
from slowfast.datasets import ClipDataset, build_loader
from slowfast.engine import checkpoint
from slowfast.engine.inference import Metrics, evaluate
from slowfast.engine.steps import EvalStep
from slowfast.engine.tasks import build_eval_step, build_evaluation
from slowfast.models import build_model
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import write_json
from slowfast.runtime.device import Place
from slowfast.runtime.errors import CheckpointError
from slowfast.runtime.logging import log_stats
from slowfast.runtime.tables import format_table

logger = logging.getLogger(__name__)

RESULTS = "results.json"
MOST_CLASSES_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What was tested, for who wants to show examples of it."""

    model: nn.Module
    step: EvalStep
    dataset: ClipDataset


def test(cfg: CfgNode, place: Place) -> Tested:
    """Tests a checkpoint and writes OUTPUT_DIR/results.json and the scores, as the config says. Runs on every process."""
    path = _checkpoint_path(cfg)
    model = load_for_test(cfg, path).to(place.device)
    step = build_eval_step(cfg)
    with build_loader(
        cfg,
        "test",
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        num_workers=place.loader_workers,
        batch_size=max(1, cfg.TEST.BATCH_SIZE // distributed.world_size()),
    ) as loader:
        evaluation = build_evaluation(cfg, dataset=loader.dataset, split="test")
        started_at = time.monotonic()
        metrics = evaluate(model=model, step=step, loader=loader, device=place.device, evaluation=evaluation)
        seconds = time.monotonic() - started_at
    if metrics is not None:
        log_stats({"_type": "test_final", **metrics.values, "seconds": seconds})
        _write_results(cfg, metrics=metrics, checkpoint_path=path, seconds=seconds)
        evaluation.save(Path(cfg.OUTPUT_DIR))
    distributed.barrier()
    return Tested(model=model, step=step, dataset=loader.dataset)


test.__test__ = False  # type: ignore[attr-defined]  # a collector of tests that meets this name must pass on


def load_for_test(cfg: CfgNode, path: str) -> nn.Module:
    """The model with the weights of a file or URI, every one of them. Raises CheckpointError or WeightsError."""
    model = build_model(cfg)
    weights = checkpoint.load_pretrained(model, path)
    if not weights.complete:
        raise CheckpointError(f"{path}: does not hold all weights of this model ({weights}); a test needs every one")
    logger.info("%s: %s", path, weights)
    return model


def _checkpoint_path(cfg: CfgNode) -> str:
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        return str(cfg.TEST.CHECKPOINT_FILE_PATH)
    found = checkpoint.newest_valid(cfg.OUTPUT_DIR)
    if found is None:
        raise CheckpointError(
            f"{checkpoint.folder(cfg.OUTPUT_DIR)}: there is no checkpoint to test; train first (TRAIN.ENABLE True), or name "
            "one in TEST.CHECKPOINT_FILE_PATH"
        )
    return str(found[0])


def _write_results(cfg: CfgNode, *, metrics: Metrics, checkpoint_path: str, seconds: float) -> None:
    results = {
        "dataset": cfg.TEST.DATASET,
        "checkpoint": checkpoint_path,
        "metrics": {name: _number(value) for name, value in metrics.values.items()},
        **metrics.counts,
        "seconds": round(seconds, 2),
        "config": changed_options(cfg),
    }
    if metrics.per_class_ap is not None:
        results["per_class_ap"] = [{"class": name, "ap": _number(ap)} for name, ap in metrics.per_class_ap]
    path = Path(cfg.OUTPUT_DIR) / RESULTS
    write_json(path, results)
    counts = ", ".join(f"{count} {name.removeprefix('num_')}" for name, count in metrics.counts.items())
    logger.info("results of %s:\n%s", counts, results_table(metrics))
    logger.info("wrote %s", path)


def results_table(metrics: Metrics) -> str:
    """The figures, in percent, and those of each class where they are few enough to be read."""
    rows: list[tuple[str, float]] = list(metrics.values.items())
    if metrics.per_class_ap is not None and len(metrics.per_class_ap) <= MOST_CLASSES_SHOWN:
        rows += [(f"AP {name}", 100 * ap) for name, ap in metrics.per_class_ap]
    return format_table(("measure", "%"), rows)


def _number(value: float) -> float | None:
    """JSON has no name for what is not a number."""
    return None if np.isnan(value) else round(value, 6)
