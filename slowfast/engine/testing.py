"""From a config to a test: weights in, results.json out."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import default_config
from slowfast.datasets import ClipDataset, build_loader
from slowfast.engine import checkpoint, distributed, report
from slowfast.engine.atomic import whole_file, write_json
from slowfast.engine.device import Place
from slowfast.engine.errors import CheckpointError
from slowfast.engine.inference import Metrics, measure, score_videos
from slowfast.engine.logging import log_stats
from slowfast.engine.steps import build_eval_step
from slowfast.evaluation import VideoScores
from slowfast.models import build_model
from slowfast.visualization import format_table

logger = logging.getLogger(__name__)

RESULTS = "results.json"
MOST_CLASSES_SHOWN = 30


def test(cfg: CfgNode, place: Place) -> None:
    """Tests a checkpoint and writes OUTPUT_DIR/results.json, the scores and the report, as the config says."""
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
        started_at = time.monotonic()
        scores = score_videos(model=model, step=step, loader=loader, device=place.device, method=cfg.DATA.ENSEMBLE_METHOD)
        seconds = time.monotonic() - started_at
    if scores is not None:
        metrics = measure(scores, multi_label=cfg.DATA.MULTI_LABEL, class_groups=loader.dataset.class_groups)
        log_stats({"_type": "test_final", **metrics.values, "seconds": seconds})
        _write_results(cfg, dataset=loader.dataset, scores=scores, metrics=metrics, checkpoint_path=path, seconds=seconds)
        if cfg.REPORT.ENABLE:
            report.write_report(cfg, model=model, step=step, dataset=loader.dataset, device=place.device)
    distributed.barrier()


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
    path = checkpoint.newest(cfg.OUTPUT_DIR)
    if path is None:
        raise CheckpointError(
            f"{checkpoint.folder(cfg.OUTPUT_DIR)}: there is no checkpoint to test; train first (TRAIN.ENABLE True), or name "
            "one in TEST.CHECKPOINT_FILE_PATH"
        )
    return str(path)


def _write_results(
    cfg: CfgNode, *, dataset: ClipDataset, scores: VideoScores, metrics: Metrics, checkpoint_path: str, seconds: float
) -> None:
    results = {
        "dataset": cfg.TEST.DATASET,
        "checkpoint": checkpoint_path,
        "metrics": {name: _number(value) for name, value in metrics.values.items()},
        "num_videos": int((scores.view_counts > 0).sum()),
        "num_views": int(scores.view_counts.sum()),
        "seconds": round(seconds, 2),
        "config": changed_options(cfg),
    }
    if metrics.per_class_ap is not None:
        named = zip(dataset.class_names, metrics.per_class_ap.tolist(), strict=True)
        results["per_class_ap"] = [{"class": name, "ap": _number(ap)} for name, ap in named]
    path = Path(cfg.OUTPUT_DIR) / RESULTS
    write_json(path, results)
    logger.info(
        "results of %d videos, %d views:\n%s", results["num_videos"], results["num_views"], results_table(metrics, dataset)
    )
    logger.info("wrote %s", path)
    if cfg.TEST.SAVE_RESULTS_PATH:
        _save_scores(Path(cfg.OUTPUT_DIR) / cfg.TEST.SAVE_RESULTS_PATH, dataset, scores)


def results_table(metrics: Metrics, dataset: ClipDataset) -> str:
    """The figures, in percent, and those of each class where they are few enough to be read."""
    rows: list[tuple[str, float]] = list(metrics.values.items())
    if metrics.per_class_ap is not None and dataset.num_classes <= MOST_CLASSES_SHOWN:
        rows += [(f"AP {name}", 100 * ap) for name, ap in zip(dataset.class_names, metrics.per_class_ap.tolist(), strict=True)]
    return format_table(("measure", "%"), rows)


def _save_scores(path: Path, dataset: ClipDataset, scores: VideoScores) -> None:
    """An .npz archive, whatever the name: video_ids (V,), scores (V, K), labels (V,) or (V, K), view_counts (V,)."""
    names = np.array([record.video_id for record in dataset.records])
    with whole_file(path) as beside, beside.open("wb") as file:
        np.savez(file, video_ids=names, scores=scores.scores, labels=scores.labels, view_counts=scores.view_counts)


def changed_options(cfg: CfgNode) -> dict[str, Any]:
    """Options that differ from their defaults, by full key: what tells this run from others."""
    defaults = _flat(default_config())
    return {key: value for key, value in _flat(cfg).items() if value != defaults[key]}


def _flat(node: CfgNode, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, CfgNode) else {f"{prefix}{key}": value}
    return flat


def _number(value: float) -> float | None:
    """JSON has no name for what is not a number."""
    return None if np.isnan(value) else round(value, 6)
