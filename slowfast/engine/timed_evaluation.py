"""Evaluation in time of whole videos: how well scores say when something happens, and the events that they make.

V videos with scores, K classes.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from fvcore.common.config import CfgNode
from numpy.typing import NDArray

from slowfast.annotations.events import Events, ListedEvents, format_csv, format_results, format_truths
from slowfast.annotations.events.listed import name_fault
from slowfast.config.sections.events import TUNED
from slowfast.datasets import ClipDataset, DatasetError
from slowfast.engine.examined import ExaminedVideos
from slowfast.engine.examining import examine, judge_in_time
from slowfast.engine.inference import Metrics
from slowfast.engine.score_statistics import ScoreStatistics, statistics_in_time
from slowfast.engine.scores_in_time import ScoresInTime, write_csv
from slowfast.engine.video_evaluation import mean_of_defined
from slowfast.engine.whole_video_evaluation import WholeVideoEvaluation
from slowfast.evaluation.timed import (
    ALL_IOU,
    EventMap,
    FrameMap,
    JoinRule,
    KeptRule,
    averages,
    event_map,
    frame_map,
    join_events,
    localization_map,
    read_rule,
    rule_content,
    summarize,
)
from slowfast.runtime.atomic_files import write_json, write_text

logger = logging.getLogger(__name__)

SCORES_TABLE = "scores_in_time.csv"
EVENTS_TABLE, EVENTS = "events.csv", "events.json"
TRUTHS = "truths.json"
RULE = "event_rule.json"

SHOWN_IOU = 0.5
"""The overlap at which groups of classes have a figure of their own."""

SUBSET = "testing"
"""What the videos of a test are called in ActivityNet's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """The options EVENTS.*. threshold, min_seconds: None: tuned. cut: whether only the beginning of videos is read."""

    enabled: bool
    rule_file: str
    threshold: float | None
    min_seconds: float | None
    max_gap_seconds: float
    fps: float
    scores_csv: bool
    cut: bool

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self:
        events = cfg.EVENTS
        return cls(
            enabled=events.ENABLE,
            rule_file=events.RULE_FILE,
            threshold=None if events.THRESHOLD == TUNED else events.THRESHOLD,
            min_seconds=None if events.MIN_SECONDS == TUNED else events.MIN_SECONDS,
            max_gap_seconds=events.MAX_GAP_SECONDS,
            fps=events.FPS,
            scores_csv=events.SCORES_CSV,
            cut=bool(cfg.DATA.MAX_SECONDS),
        )

    @property
    def tunes(self) -> bool:
        """Whether validation videos are needed to know the rule."""
        return self.enabled and not self.rule_file and (self.threshold is None or self.min_seconds is None)

    def given(self, classes: Sequence[str]) -> KeptRule | None:
        """The rule, where options or a file say it; None where it is tuned, or no events are wanted. Raises DatasetError."""
        if not self.enabled or self.tunes:
            return None
        if self.rule_file:
            return read_rule(Path(self.rule_file), classes)
        assert self.threshold is not None
        assert self.min_seconds is not None
        rule = JoinRule.of(len(classes), threshold=self.threshold, max_gap=self.max_gap_seconds, min_length=self.min_seconds)
        return KeptRule(rule=rule, weights="")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """How scores become events in a test. weights: checksum of the weights that it is for, empty where it is for any. notes:
    where it comes from, for people."""

    rule: JoinRule
    weights: str
    notes: dict[str, Any]


class TimedEvaluation(WholeVideoEvaluation):
    """In tests also per-frame mAP, Charades' localisation, and events with their mAP, where there is a rule that makes them;
    without labels events alone. Validation in training has the figures of whole videos alone."""

    settings: EventSettings | None = None
    """None: nothing in time is measured or written."""

    rule: EventRule | None = None
    """Set before results are asked for; None: no events."""

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, dataset: ClipDataset, split: str) -> Self:
        """Raises ConfigError as that of VideoEvaluation, and DatasetError for names that no file of events can hold or a file
        with a rule that does not fit."""
        evaluation = super().from_cfg(cfg, dataset=dataset, split=split)
        if split == "test":
            evaluation.settings = EventSettings.from_cfg(cfg)
            if evaluation.settings.enabled:
                check_names(dataset)
                evaluation.settings.given(dataset.class_names)
        return evaluation

    @property
    def dataset(self) -> ClipDataset:
        return self._dataset

    def result(self) -> Metrics:
        labelled = self._dataset.labelled
        scored = self.in_time()
        metrics = super().result() if labelled else Metrics(values={}, counts={"num_videos": len(scored.numbers)})
        if self.settings is None:
            return metrics
        values: dict[str, float] = {}
        entries: dict[str, Any] = {"frames_per_second": self.settings.fps}
        if labelled:
            truths = self._truths(scored)
            frames = frame_map(scored.scores, truths, rate=self.settings.fps)
            values |= {"frame_mAP": 100 * frames.mean_ap, **self._of_groups("frame_mAP", frames.ap)}
            values["frame_cmAP"] = 100 * frames.mean_calibrated_ap
            values["localization_mAP"] = 100 * localization_map(scored.scores, truths).mean_ap_with_positives
            entries["frames"] = _frame_entries(frames, self._dataset.class_names)
        if self.rule is not None:
            found = join_events(scored.scores, self.rule.rule)
            entries |= {"num_events": len(found), "event_rule": self._rule_content(self.rule)}
            if labelled:
                measured = event_map(found, truths, num_classes=self._dataset.num_classes, iou_thresholds=ALL_IOU)
                values |= _event_values(measured)
                values |= self._of_groups(f"event_mAP@{SHOWN_IOU:g}", measured.ap[ALL_IOU.index(SHOWN_IOU)])
                entries["events"] = summarize(measured, self._dataset.class_names)
        return dataclasses.replace(metrics, values={**metrics.values, **values}, in_time=entries)

    def examined(self) -> ExaminedVideos | None:
        """By the loss along time; None where nobody knows what is seen."""
        if self.settings is None or not self._dataset.labelled:
            return None
        numbers, scores, labels = self._means()
        scored = self.in_time()
        judged = judge_in_time(
            scored.scores,
            self._truths(scored),
            self._found(scored),
            rate=self.settings.fps,
            num_classes=self._dataset.num_classes,
        )
        return examine(self._dataset, numbers=numbers, scores=scores, labels=labels, judged=judged)

    def statistics(self) -> ScoreStatistics | None:
        """Of moments; which classes come together is said of whole videos. None where nobody knows what is seen."""
        if self.settings is None or not self._dataset.labelled:
            return None
        scored, of_videos = self.in_time(), super().statistics()
        in_time = statistics_in_time(
            scored.scores,
            self._truths(scored),
            self._found(scored),
            rate=self.settings.fps,
            class_names=self._dataset.class_names,
        )
        return dataclasses.replace(in_time, together=None if of_videos is None else of_videos.together)

    def _found(self, scored: ScoresInTime) -> Events | None:
        """The events; None where there is no rule that makes them."""
        return None if self.rule is None else join_events(scored.scores, self.rule.rule)

    def save(self, folder: Path) -> None:
        """Besides what whole videos have: scores as a table, events, truths and the rule, those that there are. What an
        earlier test wrote and this one does not is taken away."""
        super().save(folder)
        if self.settings is None:
            return
        for name in (SCORES_TABLE, EVENTS_TABLE, EVENTS, TRUTHS):
            (folder / name).unlink(missing_ok=True)
        scored = self.in_time()
        names = [self._dataset.records[number].video_id for number in scored.numbers]
        if self.settings.scores_csv:
            write_csv(
                folder / SCORES_TABLE, scored.scores, names=names, class_names=self._dataset.class_names, rate=self.settings.fps
            )
            logger.info("wrote %s", folder / SCORES_TABLE)
        if self.rule is None:
            return
        found = self._listed(scored, names, join_events(scored.scores, self.rule.rule))
        write_text(folder / EVENTS_TABLE, format_csv(found))
        write_text(folder / EVENTS, format_results(found))
        if self._dataset.labelled:
            write_text(folder / TRUTHS, format_truths(self._listed(scored, names, self._truths(scored))))
        if not self.settings.rule_file:
            write_json(folder / RULE, self._rule_content(self.rule))
        counts = np.bincount(found.events.label, minlength=self._dataset.num_classes)
        told = ", ".join(f"{count} {name}" for name, count in zip(self._dataset.class_names, counts, strict=True) if count)
        logger.info("wrote %s: %d events in %d videos (%s)", folder / EVENTS_TABLE, len(found.events), len(names), told)

    def _of_groups(self, name: str, ap: NDArray[np.float64]) -> dict[str, float]:
        """The mean of each group of classes, in percent. ap: (K,)."""
        groups = self._dataset.class_groups
        return {f"{name}_{group}": 100 * mean_of_defined(ap[list(classes)]) for group, classes in groups.items()}

    def _truths(self, scored: ScoresInTime) -> Events:
        assert self.settings is not None
        return scored.truths(self._dataset.records, cut=self.settings.cut)

    def _listed(self, scored: ScoresInTime, names: Sequence[str], events: Events) -> ListedEvents:
        return ListedEvents(
            videos=tuple(names),
            classes=self._dataset.class_names,
            events=events,
            duration=scored.durations,
            subset=(SUBSET,) * len(names),
        )

    def _rule_content(self, rule: EventRule) -> dict[str, Any]:
        return rule_content(rule.rule, self._dataset.class_names, weights=rule.weights, notes=rule.notes)


def check_names(dataset: ClipDataset) -> None:
    """Raises DatasetError for names of videos and classes that files of events cannot hold, or that do not tell them apart."""
    named = [("video", record.video_id, record.source) for record in dataset.records]
    named += [("class", name, "classes") for name in dataset.class_names]
    seen: set[tuple[str, str]] = set()
    for what, name, source in named:
        fault = name_fault(name) or ("that of another one, too" if (what, name) in seen else "")
        if fault:
            raise DatasetError(
                path=source, found=f"the name of the {what} {name!r} is {fault}",
                expected="names that tell videos and classes apart in files of events (or EVENTS.ENABLE False)",
            )  # fmt: skip
        seen.add((what, name))


def _frame_entries(frames: FrameMap, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "num_frames": frames.num_frames,
        "unseen_truths": frames.unseen_truths,
        "ap": dict(zip(classes, frames.ap.tolist(), strict=True)),
        "calibrated_ap": dict(zip(classes, frames.calibrated_ap.tolist(), strict=True)),
    }


def _event_values(measured: EventMap) -> dict[str, float]:
    by_overlap = zip(measured.iou_thresholds, measured.mean_ap().tolist(), strict=True)
    return {
        **{f"event_mAP_{name}": 100 * value for name, value in averages(measured).items()},
        **{f"event_mAP@{overlap:g}": 100 * value for overlap, value in by_overlap},
    }
