"""The rule by which a test makes events of scores: given, kept from an earlier test, or tuned on validation videos."""

from __future__ import annotations

import functools
import logging
import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import ConfigError
from slowfast.config.sections.events import have_events
from slowfast.datasets import ClipDataset, DatasetError, VideoDataset, build_dataset, build_loader
from slowfast.datasets.same_file import spelling_key
from slowfast.engine.inference import evaluate
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.engine.steps import EvalStep
from slowfast.engine.timed_evaluation import EventRule, EventSettings, TimedEvaluation
from slowfast.evaluation.timed import Candidates, TunedJoin, tune_join_rule
from slowfast.runtime import distributed
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.precision import precision_of
from slowfast.structures import VideoRecord

logger = logging.getLogger(__name__)

FIGURE, OVERLAP = "f1", 0.5
"""What the rule is best for: F1 of a class's events that overlap with a truth by so much."""

UNTUNED = 0.5
"""Least score of an event where no rule was tuned or given."""

_RULE_OPTIONS = "EVENTS.RULE_FILE, or EVENTS.THRESHOLD and EVENTS.MIN_SECONDS"


class Scoring(Protocol):
    """Scores along videos, as those that the rule is for will have them."""

    def __call__(self, dataset: VideoDataset) -> ScoresInTime | None:
        """Runs on every process; None on all but the main one."""


def find_rule(
    cfg: CfgNode, place: Place, *, evaluation: TimedEvaluation, model: nn.Module, step: EvalStep, request: StopRequest
) -> EventRule | None:
    """For an evaluation of a test. Runs on every process; the main one gets the rule. None: there are no events, and the log
    says why if they are wanted.

    Where it is tuned, validation videos are scored just as those of the test are; ones that are tested too are left out. Raises
    DatasetError, ConfigError, Interrupted.
    """
    settings, tested = evaluation.settings, evaluation.dataset
    assert settings is not None
    assert isinstance(tested, VideoDataset), "whole videos are read of these alone"
    weights = checksum(model)
    rule = _given(settings, tested, weights)
    if rule is not None or not settings.tunes:
        return rule
    score = functools.partial(_score, cfg, place, model=model, step=step, request=request)
    return _tuned(
        _validation(cfg, tested), settings, weights, score,
        without="no events are looked for", right=f"a validation list of its own, {_RULE_OPTIONS}",
    )  # fmt: skip


def find_rule_of_clips(cfg: CfgNode, *, tested: ClipDataset, model: nn.Module, score: Scoring) -> EventRule | None:
    """For weights whose test looks at clips: by it predictions along videos become events. Runs on every process; the main one
    gets the rule.

    None: these weights keep none, and the log says why where labels have times: there is no validation video that is not tested
    too, or the lists name none that can be read. Such a test is worth its figures all the same. Raises DatasetError for a
    file with a rule that does not fit, Interrupted.
    """
    settings = EventSettings.from_cfg(cfg)
    if not have_events(cfg) or not settings.enabled or not isinstance(tested, VideoDataset):
        return None
    weights = checksum(model)
    rule = _given(settings, tested, weights)
    if rule is not None:
        return rule
    without = f"these weights keep no thresholds of events, so that predictions take scores from {UNTUNED:g} on"
    try:
        dataset = _validation(cfg, tested)
    except (DatasetError, ConfigError) as error:
        if distributed.main_process():
            logger.warning("%s: %s", without, error)
        return None
    return _tuned(dataset, settings, weights, score, without=without, right=_RULE_OPTIONS)


def _given(settings: EventSettings, tested: VideoDataset, weights: str) -> EventRule | None:
    """What options or a file say. weights: checksum of those that are tested."""
    given = settings.given(tested.class_names)
    if given is None:
        return None
    if given.weights not in ("", weights) and distributed.main_process():
        logger.warning("%s: this rule was tuned for other weights; their scores may be higher or lower", settings.rule_file)
    notes = {"from": settings.rule_file or "EVENTS.THRESHOLD, EVENTS.MIN_SECONDS, EVENTS.MAX_GAP_SECONDS"}
    return EventRule(rule=given.rule, weights=given.weights, notes=notes)


def _tuned(
    dataset: VideoDataset, settings: EventSettings, weights: str, score: Scoring, *, without: str, right: str
) -> EventRule | None:
    """dataset: of validation. without, right: what the log says where there is nothing to tune on."""
    why = "no validation video that is not tested too has an event"
    tuned, num_videos = None, 0
    if any(record.actions for record in dataset.records):  # else it is not worth while to score them
        scored = score(dataset)
        if scored is None:
            return None
        tuned, num_videos = _tune(scored, dataset.records, settings), len(scored.numbers)
        if num_videos < len(dataset.records):
            why = f"no validation video that can be read ({num_videos} of {len(dataset.records)}) has an event"
    if tuned is None:
        if distributed.main_process():
            logger.warning("%s: %s, so no threshold can be tuned; right would be %s", without, why, right)
        return None
    logger.info("events: the rule for joining scores is tuned on %d validation videos", num_videos)
    return EventRule(rule=tuned.rule, weights=weights, notes=_notes(tuned, num_videos, dataset.class_names))


def checksum(model: nn.Module) -> str:
    """The same for equal weights, on whatever device they are."""
    found = 0
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        found = zlib.crc32(values, zlib.crc32(name.encode(), found))
    return f"{found:08x}"


def _validation(cfg: CfgNode, tested: VideoDataset) -> VideoDataset:
    """The validation videos that are not tested, cut out as those are. Raises ConfigError where they have other classes."""
    dataset = build_dataset(cfg, "val")
    if not isinstance(dataset, VideoDataset) or dataset.class_names != tested.class_names:
        raise ConfigError(
            key="TRAIN.DATASET", value=cfg.TRAIN.DATASET, why=f"{cfg.TEST.DATASET}, which is tested, has other classes, so "
            "events cannot be tuned on validation videos", right="the same data set, EVENTS.RULE_FILE, or EVENTS.THRESHOLD",
        )  # fmt: skip
    shared = {spelling_key(record.path) for record in tested.records}
    kept = [record for record in dataset.records if spelling_key(record.path) not in shared]
    return dataset.of(kept).cut_as(tested.crops)


def _score(
    cfg: CfgNode, place: Place, dataset: VideoDataset, *, model: nn.Module, step: EvalStep, request: StopRequest
) -> ScoresInTime | None:
    """None on all processes but the main one."""
    world = distributed.world_size()
    with build_loader(
        cfg,
        "val",
        dataset=dataset,
        rank=distributed.rank(),
        world_size=world,
        num_workers=place.loader_workers,
        batch_size=max(1, cfg.TEST.BATCH_SIZE // world),
    ) as loader:
        evaluation = TimedEvaluation.from_cfg(cfg, dataset=dataset, split="val")
        done = evaluate(
            model=model,
            step=step,
            loader=loader,
            device=place.device,
            evaluation=evaluation,
            precision=precision_of(cfg, "TEST", place.device),
            request=request,
        )
    return None if done is None else evaluation.in_time()


def _tune(scored: ScoresInTime, records: Sequence[VideoRecord], settings: EventSettings) -> TunedJoin | None:
    """None where no video with scores has an event."""
    truths = scored.truths(records, cut=settings.cut)
    if not len(truths):
        return None
    candidates = Candidates(
        thresholds=None if settings.threshold is None else np.array([settings.threshold]),
        max_gaps=(settings.max_gap_seconds,),
        min_lengths=None if settings.min_seconds is None else (settings.min_seconds,),
    )
    return tune_join_rule(scored.scores, truths, figure=FIGURE, iou_threshold=OVERLAP, candidates=candidates)


def _notes(tuned: TunedJoin, num_videos: int, classes: Sequence[str]) -> dict[str, object]:
    return {
        "from": f"validation videos, for the best {FIGURE} at overlap {OVERLAP:g}",
        "validation_videos": num_videos,
        f"validation_{FIGURE}": dict(zip(classes, tuned.figure.tolist(), strict=True)),
    }
