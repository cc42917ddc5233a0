"""From a config to a test: weights in, results.json out."""

from __future__ import annotations

import csv
import dataclasses
import functools
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config.comparing import changed_options
from slowfast.datasets import ClipDataset, VideoDataset, build_loader
from slowfast.engine import checkpoint
from slowfast.engine.contract import Contract
from slowfast.engine.event_rule import find_rule, find_rule_of_clips
from slowfast.engine.examined import EXAMINED, ExaminedVideos
from slowfast.engine.inference import Confusion, Evaluation, Metrics, evaluate
from slowfast.engine.score_statistics import STATISTICS
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.engine.steps import EvalStep
from slowfast.engine.tasks import build_eval_step, build_evaluation
from slowfast.engine.timed_evaluation import RULE, EventRule, TimedEvaluation
from slowfast.engine.weight_files import write_weights
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import rule_content
from slowfast.models import build_model
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import atomic_write, write_json
from slowfast.runtime.device import Place
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.logging import log_stats
from slowfast.runtime.precision import precision_of
from slowfast.runtime.tables import format_table

logger = logging.getLogger(__name__)

RESULTS = "results.json"
CONFUSION = "confusion_matrix.csv"
MODEL = "model.safetensors"
MOST_CLASSES_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What was tested, for who wants to show examples of it. metrics, examined: on the main process alone."""

    model: nn.Module
    step: EvalStep
    dataset: ClipDataset
    metrics: Metrics | None
    examined: ExaminedVideos | None = None


class AlongVideos(Protocol):
    """Scores along whole videos, as predictions with the weights have them."""

    def __call__(
        self, dataset: VideoDataset, *, contract: Contract, model: nn.Module, place: Place, lanes: int, request: StopRequest
    ) -> ScoresInTime | None:
        """lanes: videos side by side. Runs on every process; None on all but the main one. Raises Interrupted."""


def test(cfg: CfgNode, place: Place, along: AlongVideos) -> Tested:
    """Tests a checkpoint and writes OUTPUT_DIR/results.json and the scores, as the config says. Runs on every process.

    along: scores validation videos where the test itself has no scores in time, so that the weights know when something is an
    event.
    """
    path = checkpoint_path(cfg)
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
        contract, rule = Contract.of(cfg, loader.dataset), None
        try:
            with StopRequest() as request:
                if isinstance(evaluation, TimedEvaluation):
                    evaluation.rule = find_rule(cfg, place, evaluation=evaluation, model=model, step=step, request=request)
                elif contract.frames.seconds_apart is not None:
                    score = functools.partial(
                        along,
                        contract=contract,
                        model=model,
                        place=place,
                        lanes=max(1, cfg.TEST.BATCH_SIZE // distributed.world_size()),
                        request=request,
                    )
                    rule = find_rule_of_clips(cfg, tested=loader.dataset, model=model, score=score)
                started_at = time.monotonic()
                metrics = evaluate(
                    model=model,
                    step=step,
                    loader=loader,
                    device=place.device,
                    evaluation=evaluation,
                    precision=precision_of(cfg, "TEST", place.device),
                    request=request,
                )
        except Interrupted as stop:
            text = f"the test of {path} was not finished and has written nothing; the same command begins it again"
            raise Interrupted(stop.signal_number, text) from None
        seconds = time.monotonic() - started_at
    examined = None
    if metrics is not None:
        _take_away_rule(cfg)
        if rule is not None:
            metrics = _with_rule(cfg, metrics, rule, loader.dataset)
        log_stats({"_type": "test_final", **metrics.values, "seconds": seconds})
        _write_results(cfg, metrics=metrics, checkpoint_path=path, seconds=seconds)
        evaluation.save(Path(cfg.OUTPUT_DIR))
        if metrics.confusion is not None:
            _write_confusion(Path(cfg.OUTPUT_DIR) / CONFUSION, metrics.confusion)
        if cfg.TEST.SAVE_MODEL and not cfg.TEST.VIDEOS:
            tested = contract.tested(metrics.values, (metrics.in_time or {}).get("event_rule"))
            write_weights(Path(cfg.OUTPUT_DIR) / MODEL, model.state_dict(), tested)
            logger.info("wrote %s", Path(cfg.OUTPUT_DIR) / MODEL)
        examined = _write_examined(Path(cfg.OUTPUT_DIR), evaluation)
        _write_statistics(Path(cfg.OUTPUT_DIR), evaluation)
    distributed.barrier()
    return Tested(model=model, step=step, dataset=loader.dataset, metrics=metrics, examined=examined)


test.__test__ = False  # type: ignore[attr-defined]  # a collector of tests that meets this name must pass on


def load_for_test(cfg: CfgNode, path: str) -> nn.Module:
    """The model with the weights of a file or URI, every one of them. Raises CheckpointError or WeightsError."""
    model = build_model(cfg)
    weights = checkpoint.load_pretrained(model, path)
    if not weights.complete:
        raise CheckpointError(f"{path}: does not hold all weights of this model ({weights}); a test needs every one")
    logger.info("%s: %s", path, weights)
    return model


def checkpoint_path(cfg: CfgNode) -> str:
    named = cfg.TEST.CHECKPOINT_FILE_PATH
    if named and not Path(named).is_dir():
        return str(named)
    found = checkpoint.newest_valid(named or cfg.OUTPUT_DIR)
    if found is None:
        raise CheckpointError(
            f"{checkpoint.folder(named or cfg.OUTPUT_DIR)}: there is no checkpoint to test; train first (TRAIN.ENABLE True), "
            "or name one in TEST.CHECKPOINT_FILE_PATH"
        )
    return str(found[0])


def _take_away_rule(cfg: CfgNode) -> None:
    """That of an earlier test, which may have been of other weights; not where it is the one that is used."""
    path = Path(cfg.OUTPUT_DIR) / RULE
    if not cfg.EVENTS.RULE_FILE or Path(cfg.EVENTS.RULE_FILE).resolve() != path.resolve():
        path.unlink(missing_ok=True)


def _with_rule(cfg: CfgNode, metrics: Metrics, rule: EventRule, dataset: ClipDataset) -> Metrics:
    """The same with the rule of the weights, which is written into a file of its own as well, unless it came from one."""
    content = rule_content(rule.rule, dataset.class_names, weights=rule.weights, notes=rule.notes)
    if not cfg.EVENTS.RULE_FILE:
        write_json(Path(cfg.OUTPUT_DIR) / RULE, content)
    return dataclasses.replace(metrics, in_time={**(metrics.in_time or {}), "event_rule": content})


def _write_results(cfg: CfgNode, *, metrics: Metrics, checkpoint_path: str, seconds: float) -> None:
    results = {
        "dataset": cfg.TEST.DATASET,
        "checkpoint": checkpoint_path,
        "metrics": {name: _rounded(value) for name, value in metrics.values.items()},
        **metrics.counts,
        "seconds": round(seconds, 2),
        "config": changed_options(cfg),
    }
    if metrics.per_class_ap is not None:
        results["per_class_ap"] = [
            {"class": name, "ap": _rounded(ap), "support": support}
            for (name, ap), support in zip(metrics.per_class_ap, metrics.support, strict=True)
        ]
    if metrics.confusion is not None:
        results |= _confusion_entries(metrics.confusion)
    if metrics.in_time is not None:
        results["in_time"] = dict(metrics.in_time)
    path = Path(cfg.OUTPUT_DIR) / RESULTS
    write_json(path, results)
    counts = ", ".join(f"{count} {name.removeprefix('num_')}" for name, count in metrics.counts.items())
    logger.info("results of %s:\n%s", counts, results_table(metrics))
    logger.info("wrote %s", path)


def _write_examined(folder: Path, evaluation: Evaluation) -> ExaminedVideos | None:
    """What an earlier test wrote and this one does not is taken away."""
    examined = evaluation.examined()
    if examined is None:
        (folder / EXAMINED).unlink(missing_ok=True)
        return None
    examined.write(folder)
    logger.info("wrote %s", folder / EXAMINED)
    return examined


def _write_statistics(folder: Path, evaluation: Evaluation) -> None:
    """What an earlier test wrote and this one does not is taken away."""
    try:
        statistics = evaluation.statistics()
    except ScoreError as error:  # steps of projects may give scores that are no probabilities, and the results are there
        logger.warning("%s is not written: %s", STATISTICS, error)
        statistics = None
    if statistics is None:
        (folder / STATISTICS).unlink(missing_ok=True)
        return
    statistics.write(folder)
    logger.info("wrote %s", folder / STATISTICS)


def results_table(metrics: Metrics) -> str:
    """The figures, in percent, and those of each class where they are few enough to be read."""
    if not metrics.values:
        return "no figures: nobody has said what is seen in these videos"
    rows: list[tuple[str, float]] = list(metrics.values.items())
    if metrics.per_class_ap is not None and len(metrics.per_class_ap) <= MOST_CLASSES_SHOWN:
        rows += [(f"AP {name}", 100 * ap) for name, ap in metrics.per_class_ap]
    if metrics.confusion is not None and len(metrics.confusion.class_names) <= MOST_CLASSES_SHOWN:
        of_classes = zip(metrics.confusion.class_names, metrics.confusion.accuracies(), strict=True)
        rows += [(f"accuracy {name}", 100 * accuracy) for name, accuracy in of_classes]
    return format_table(("measure", "%"), rows)


def _rounded(value: float) -> float:
    """Six digits behind the point; what is not a number stays so, and is written as null."""
    return round(value, 6)


def _confusion_entries(confusion: Confusion) -> dict[str, object]:
    """The accuracy of each class, and the matrix where it is small enough to be read; the whole one is in a file of its own."""
    rows = zip(confusion.class_names, confusion.accuracies(), confusion.videos.sum(axis=1).tolist(), strict=True)
    entries: dict[str, object] = {
        "per_class_accuracy": [{"class": name, "accuracy": _rounded(share), "videos": videos} for name, share, videos in rows]
    }
    if len(confusion.class_names) <= MOST_CLASSES_SHOWN:
        entries["confusion_matrix"] = confusion.videos.tolist()  # rows: true classes, in the order above
    return entries


def _write_confusion(path: Path, confusion: Confusion) -> None:
    """A table: a row a true class, a column a class that the network said."""
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["true class", *confusion.class_names])
        writer.writerows([name, *row] for name, row in zip(confusion.class_names, confusion.videos.tolist(), strict=True))
    logger.info("wrote %s", path)
