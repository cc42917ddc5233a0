"""Which test videos are worth looking at where persons in boxes are judged, and what is said of each person.

V videos, K classes, R boxes at a moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.datasets import ClipDataset
from slowfast.engine.ava_persons import AvaTruth, Predictions
from slowfast.engine.examined import DECIMALS, MEAN_AP, ExaminedVideo, ExaminedVideos
from slowfast.engine.examined_persons import ExaminedMoment, ExaminedPerson
from slowfast.engine.examining import MOST_CLASSES, examined_places, files_of, scores_along
from slowfast.engine.person_matching import NOBODY, match_boxes
from slowfast.evaluation.ava import PROTOCOLS, AvaResult, Boxes, ava_frame_map
from slowfast.evaluation.timed import TimedScores

SAID = 0.5
"""Score from which the network says a class of a box without a true person. Of a person it says as many as are true."""

LONE_MOMENT_SEC = 1.0
"""How long the boxes of a video's only moment are shown."""


def examine_persons(dataset: ClipDataset, predictions: Predictions, truth: AvaTruth, *, protocol: str) -> ExaminedVideos | None:
    """The worst and best of the videos in which something is true, by the mean average precision of each on its own; None:
    nothing is true in any."""
    judged = _Judged.of(predictions, truth, protocol, num_videos=len(dataset.records))
    results = [judged.result(video) for video in range(len(dataset.records))]
    measured = np.array([result.mean_ap()[0] for result in results])
    numbers = np.flatnonzero(~np.isnan(measured))
    order = numbers[np.argsort(measured[numbers], kind="stable")].tolist()
    videos = []
    for place in examined_places(len(order)):
        number = order[place]
        record = dataset.records[number]
        shown, moments, along = judged.look(number, first_second=dataset.start_second)
        files, fps = files_of(dataset, record)
        aps = dict(zip((results[number].class_ids - 1).tolist(), results[number].ap[0].tolist(), strict=True))
        persons = [person for moment in moments for person in moment.persons]
        videos.append(
            ExaminedVideo(
                video_id=record.video_id,
                number=number,
                files=files,
                fps=fps,
                place=place + 1,
                measured=round(float(measured[number]), DECIMALS),
                true=_once(label for person in persons for label in person.true or ()),
                missed=_once(label for person in persons for label in person.missed),
                false=_once(label for person in persons for label in person.wrong),
                rank=None,
                scores={label: round(aps[label], DECIMALS) for label in shown if not np.isnan(aps[label])},
                truths=(),
                found=None,
                along=scores_along(along, shown),
                moments=moments,
            )
        )
    if not videos:
        return None
    return ExaminedVideos(measure=MEAN_AP, num_videos=len(order), class_names=tuple(dataset.class_names), videos=tuple(videos))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What was said and what is true; both by video. borders: (V + 1,), the boxes of a video are rows from one to the next."""

    merged: Predictions
    truths: Boxes
    borders: NDArray[np.int64]
    truth_borders: NDArray[np.int64]
    truth: AvaTruth
    protocol: str

    @classmethod
    def of(cls, predictions: Predictions, truth: AvaTruth, protocol: str, *, num_videos: int) -> _Judged:
        merged, truths = predictions.merged(), truth.counted(truth.truths)
        truths = truths[np.argsort(truths.video, kind="stable")]
        borders, truth_borders = (
            np.searchsorted(videos, np.arange(num_videos + 1)) for videos in (merged.keys[:, 0], truths.video)
        )
        return cls(merged=merged, truths=truths, borders=borders, truth_borders=truth_borders, truth=truth, protocol=protocol)

    def result(self, video: int) -> AvaResult:
        """Of one video on its own."""
        return ava_frame_map(
            self.truth.counted(self._said(video).detections(self.truth.class_ids)),
            self._true(video),
            class_ids=self.truth.class_ids,
            excluded=self.truth.excluded,
            protocol=self.protocol,
        )

    def look(self, video: int, *, first_second: int) -> tuple[list[int], tuple[ExaminedMoment, ...], TimedScores]:
        """(classes worth showing, moments, scores in time: at each moment with boxes the best of each class). first_second: of
        the video, as the annotation counts seconds."""
        said, true = self._said(video), self._true(video)
        seconds = self._counted_seconds(video, said.keys[:, 1], true)
        starts = (seconds - first_second).astype(np.float64)
        steps = np.diff(starts)
        longest = float(np.median(steps)) if len(steps) else LONE_MOMENT_SEC
        ends = starts + np.append(np.minimum(steps, longest), longest)
        true = true[true.label > 0]
        scored = np.asarray(self.truth.class_ids) - 1
        moments, spans, best = [], [], []
        for second, start, end in zip(seconds.tolist(), starts.tolist(), ends.tolist(), strict=True):
            here = said.keys[:, 1] == second
            persons = tuple(_persons(said.boxes[here], said.scores[here], true[true.second == second], scored))
            moments.append(ExaminedMoment(start=start, end=end, second=second, persons=persons))
            if here.any():
                spans.append((start, end))
                best.append(said.scores[here].max(axis=0))
        along = TimedScores(
            seconds=np.array(spans, np.float64).reshape(-1, 2),
            scores=np.array(best, np.float32).reshape(-1, said.scores.shape[1]),
            duration=float(ends.max(initial=0.0)),
        )
        return _shown(moments), tuple(moments), along

    def _said(self, video: int) -> Predictions:
        rows = slice(self.borders[video], self.borders[video + 1])
        return Predictions(self.merged.keys[rows], self.merged.scores[rows], self.merged.boxes[rows])

    def _true(self, video: int) -> Boxes:
        return self.truths[self.truth_borders[video] : self.truth_borders[video + 1]]

    def _counted_seconds(self, video: int, said: NDArray[np.int64], true: Boxes) -> NDArray[np.int64]:
        """Those that the protocol counts."""
        rules, excluded = PROTOCOLS[self.protocol], self.truth.excluded
        seconds = np.unique(true.second) if rules.drop_unannotated else np.union1d(said, true.second)
        left_out = excluded[excluded[:, 0] == video, 1] if rules.use_exclusions else excluded[:0, 1]
        counted: NDArray[np.int64] = seconds[(seconds % self.truth.every == 0) & ~np.isin(seconds, left_out)]
        return counted


def _persons(
    boxes: NDArray[np.float64], scores: NDArray[np.floating], true: Boxes, scored: NDArray[np.int64]
) -> Iterator[ExaminedPerson]:
    """Boxes (R, 4) with scores (R, K), then true persons that none of them is of. scored: numbers of the classes that count."""
    matched = match_boxes(boxes, true)
    counted = set(scored.tolist())
    done = [tuple(dict.fromkeys(label - 1 for label in labels if label - 1 in counted)) for labels in matched.done]
    for box, row, person in zip(boxes, scores, matched.person_of.tolist(), strict=True):
        ranked = scored[np.argsort(-row[scored], kind="stable")]
        real = done[person] if person != NOBODY else None
        said = tuple((ranked[row[ranked] >= SAID] if real is None else ranked[: len(real)]).tolist())
        named = dict.fromkeys([*(real or ()), *said])
        kept = {label: round(float(row[label]), DECIMALS) for label in named}
        yield ExaminedPerson(box=_rounded(box), true=real, said=said, scores=kept)
    for person in matched.missed:
        yield ExaminedPerson(box=_rounded(matched.true_boxes[person]), true=done[person], said=None, scores={})


def _shown(moments: Sequence[ExaminedMoment]) -> list[int]:
    """Classes worth showing: those with most mistakes, then those that are true most often."""
    persons = [person for moment in moments for person in moment.persons]
    mistakes = Counter(label for person in persons for label in (*person.missed, *person.wrong))
    true = Counter(label for person in persons for label in person.true or ())
    return sorted({*mistakes, *true}, key=lambda label: (-mistakes[label], -true[label], label))[:MOST_CLASSES]


def _once(labels: Iterator[int]) -> tuple[int, ...]:
    return tuple(sorted(set(labels)))


def _rounded(box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(float(edge), DECIMALS) for edge in box)
    return x1, y1, x2, y2
