"""AVA's frame mAP as the public evaluators find it (protocol slowfast): the yardstick of benchmarks/ava_eval.py.

They grew out of an evaluation of object detection and keep its steps, whether AVA needs them or not: rows become lists of a
frame; each frame is taken through all 80 classes; boxes are wrapped and checked; truths may be "difficult" or stand for a
"group"; and it is noted whether the best detection of each class alone was right (CorLoc). Here these steps are restated, in
the plainest form that does them all.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Set
from pathlib import Path

import numpy as np

NUM_ACTIONS = 80
IOU_THRESHOLD = 0.5
Rows = tuple[list[list[float]], list[int], list[float]]  # boxes, labels, scores (or persons) of a frame


class BoxList:
    """Boxes that are checked when they are made."""

    def __init__(self, corners: np.ndarray) -> None:
        if corners.ndim != 2 or corners.shape[1] != 4:
            raise ValueError("boxes are (N, 4)")
        if len(corners) and not ((corners[:, 2:] >= corners[:, :2]).all()):
            raise ValueError("a box is swapped")
        self.corners = corners

    def areas(self) -> np.ndarray:
        return (self.corners[:, 2] - self.corners[:, 0]) * (self.corners[:, 3] - self.corners[:, 1])


def shared_areas(one: BoxList, other: BoxList) -> np.ndarray:
    left, top, right, bottom = np.split(one.corners, 4, axis=1)
    other_left, other_top, other_right, other_bottom = np.split(other.corners, 4, axis=1)
    height = np.maximum(np.minimum(bottom, other_bottom.T) - np.maximum(top, other_top.T), 0)
    width = np.maximum(np.minimum(right, other_right.T) - np.maximum(left, other_left.T), 0)
    return height * width


def overlaps(one: BoxList, other: BoxList) -> np.ndarray:
    """Intersection over union."""
    shared = shared_areas(one, other)
    return shared / (one.areas()[:, None] + other.areas()[None, :] - shared)


def shares_of_own_area(one: BoxList, other: BoxList) -> np.ndarray:
    return shared_areas(one, other) / one.areas()[:, None]


class FrameByFrame:
    def __init__(self) -> None:
        self.num_truths = np.zeros(NUM_ACTIONS, dtype=int)
        self.num_frames_with = np.zeros(NUM_ACTIONS, dtype=int)
        self.num_frames_right = np.zeros(NUM_ACTIONS, dtype=int)
        self.truths: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}
        self.scores: list[list[np.ndarray]] = [[] for _ in range(NUM_ACTIONS)]
        self.hits: list[list[np.ndarray]] = [[] for _ in range(NUM_ACTIONS)]

    def add_truths(self, frame: str, rows: Rows) -> None:
        boxes, labels = np.array(rows[0], dtype=float), np.array(rows[1], dtype=int) - 1
        difficult, group = np.zeros(len(boxes), dtype=bool), np.zeros(len(boxes), dtype=bool)
        self.truths[frame] = boxes, labels, difficult, group
        for label in range(NUM_ACTIONS):
            self.num_truths[label] += np.sum(labels[~difficult & ~group] == label)
            self.num_frames_with[label] += np.any(labels == label)

    def add_detections(self, frame: str, rows: Rows) -> None:
        boxes, labels, scores = np.array(rows[0], dtype=float), np.array(rows[1], dtype=int) - 1, np.array(rows[2], dtype=float)
        empty = np.zeros((0, 4)), np.zeros(0, dtype=int), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        truths, truth_labels, difficult, group = self.truths.get(frame, empty)
        is_valid = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        boxes, labels, scores = boxes[is_valid], labels[is_valid], scores[is_valid]
        for label in range(NUM_ACTIONS):
            mine, theirs = labels == label, truth_labels == label
            mine_boxes, mine_scores, their_boxes = boxes[mine], scores[mine], truths[theirs]
            kept, hit = match(mine_boxes, mine_scores, their_boxes, difficult[theirs], group[theirs])
            if len(kept):
                self.scores[label].append(kept)
                self.hits[label].append(hit)
        for label in range(NUM_ACTIONS):
            mine = labels == label
            self.num_frames_right[label] += best_is_right(boxes[mine], scores[mine], truths[truth_labels == label])

    def mean_ap(self, listed: Set[int]) -> float:
        return float(
            np.mean(
                [
                    average_precision(self.scores[label], self.hits[label], int(self.num_truths[label]))
                    for label in range(NUM_ACTIONS)
                    if label + 1 in listed and self.num_truths[label]
                ]
            )
        )


def match(
    boxes: np.ndarray, scores: np.ndarray, truths: np.ndarray, difficult: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the detections that count, and whether each is a hit."""
    if len(boxes) == 0:
        return np.zeros(0), np.zeros(0, dtype=bool)
    detected, single, groups = BoxList(boxes), BoxList(truths[~group]), BoxList(truths[group])
    overlap, group_share = overlaps(detected, single), shares_of_own_area(detected, groups)
    hit, ignored = np.zeros(len(boxes), dtype=bool), np.zeros(len(boxes), dtype=bool)
    if overlap.shape[1]:
        taken, is_difficult = np.zeros(overlap.shape[1], dtype=bool), difficult[~group]
        for number, best in enumerate(np.argmax(overlap, axis=1)):
            if overlap[number, best] >= IOU_THRESHOLD:
                if is_difficult[best]:
                    ignored[number] = True
                elif not taken[best]:
                    hit[number] = taken[best] = True
    if group_share.shape[1]:
        for number, best in enumerate(np.argmax(group_share, axis=1)):
            if not hit[number] and group_share[number, best] >= IOU_THRESHOLD:
                ignored[number] = True
    return scores[~ignored], hit[~ignored]


def best_is_right(boxes: np.ndarray, scores: np.ndarray, truths: np.ndarray) -> bool:
    if len(boxes) == 0 or len(truths) == 0:
        return False
    best = BoxList(boxes[[np.argmax(scores)]])
    return bool(overlaps(best, BoxList(truths)).max() >= IOU_THRESHOLD)


def average_precision(scores: list[np.ndarray], hits: list[np.ndarray], num_truths: int) -> float:
    if not scores:
        return 0.0
    ranked = np.concatenate(hits)[np.argsort(np.concatenate(scores), kind="stable")[::-1]]
    found = np.cumsum(ranked)
    precision = np.concatenate([[0], found / np.arange(1, len(ranked) + 1), [0]])
    recall = np.concatenate([[0], found / num_truths, [1]])
    for rank in range(len(precision) - 2, -1, -1):
        precision[rank] = np.maximum(precision[rank], precision[rank + 1])
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[steps] - recall[steps - 1]) * precision[steps]).sum())


def read_frames(path: Path, listed: Set[int]) -> dict[str, Rows]:
    frames: dict[str, Rows] = defaultdict(lambda: ([], [], []))
    with path.open() as file:
        for row in csv.reader(file):
            frame = f"{row[0]},{int(row[1]):04d}"
            corners, label = [float(value) for value in row[2:6]], int(row[6])
            if label in listed:
                boxes, labels, scores = frames[frame]
                boxes.append(corners)
                labels.append(label)
                scores.append(float(row[7]))
    return frames


def frame_map(detections: Path, truths: Path, listed: Set[int]) -> float:
    evaluation = FrameByFrame()
    detected, annotated = read_frames(detections, listed), read_frames(truths, listed)
    for frame, rows in annotated.items():
        evaluation.add_truths(frame, rows)
    for frame, rows in detected.items():
        evaluation.add_detections(frame, rows)
    return evaluation.mean_ap(listed)
