"""Frame mAP on AVA: the public numbers, and an evaluation written out row by row."""

import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.evaluation import ScoreError
from slowfast.evaluation.ava import (
    PROTOCOLS,
    AvaResult,
    Boxes,
    ava_frame_map,
    count_oddities,
    read_detections,
    read_excluded,
    read_label_map,
    read_truths,
)

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "ava_eval"
CASES = ["tiny", *(f"edge/{path.name}" for path in sorted((GOLDEN / "edge").iterdir())), "medium"]
SUBSET = "_every_4th_second"


def detections_csv(case: Path, folder: Path) -> Path:
    """Unpacked if need be."""
    packed = case / "detections.csv.xz"
    if not packed.exists():
        return case / "detections.csv"
    (folder / "detections.csv").write_bytes(lzma.decompress(packed.read_bytes()))
    return folder / "detections.csv"


def score(case: Path, name: str, folder: Path) -> AvaResult:
    videos: dict[str, int] = {}
    detections = read_detections(detections_csv(case, folder), videos)
    truths = read_truths(case / "gt.csv", videos)
    if name.endswith(SUBSET):
        detections, truths = detections[detections.second % 4 == 0], truths[truths.second % 4 == 0]
    return ava_frame_map(
        detections,
        truths,
        class_ids=[action.id for action in read_label_map(case / "label_map.pbtxt")],
        excluded=read_excluded(case / "exclusions.csv", videos),
        protocol=name.removesuffix(SUBSET),
    )


def agrees(found: float, expected: float | None, bounds: list[float] | None) -> bool:
    if expected is None:
        return bool(np.isnan(found))
    low, high = bounds or (expected, expected)
    return low - 1e-8 <= found <= high + 1e-8


@pytest.mark.parametrize("case", CASES)
def test_every_protocol_gives_the_public_numbers(case: str, tmp_path: Path) -> None:
    expected = json.loads((GOLDEN / case / "expected.json").read_text())["protocols"]
    assert {name.removesuffix(SUBSET) for name in expected} == set(PROTOCOLS)
    assert (f"slowfast{SUBSET}" in expected) == (case == "medium")
    for name, wanted in expected.items():
        result = score(GOLDEN / case, name, tmp_path)
        assert agrees(result.mean_ap()[0], wanted["mAP"], wanted.get("mAP_bounds_over_tie_orders")), name
        for number, of_class in wanted["per_class"].items():
            (place,) = np.flatnonzero(result.class_ids == int(number))
            assert agrees(result.ap[0, place], of_class["ap"], of_class.get("ap_bounds_over_tie_orders")), (name, number)
            counts = result.num_truths[place], result.num_detections[place], result.num_hits[0, place]
            assert counts == (of_class["num_gt"], of_class["num_det"], of_class["num_tp"]), (name, number)


GRID = st.integers(0, 4).map(lambda cell: cell / 4)
ROW = st.tuples(
    st.integers(0, 1), st.integers(902, 903), st.tuples(GRID, GRID, GRID, GRID), st.integers(1, 4), st.integers(-3, 9)
)


def boxes_of(rows: list[tuple[Any, ...]], *, scored: bool = True) -> Boxes:
    return Boxes(
        video=np.array([row[0] for row in rows], dtype=np.int32),
        second=np.array([row[1] for row in rows], dtype=np.int32),
        box=np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 4),
        label=np.array([row[3] for row in rows], dtype=np.int16),
        score=np.array([row[4] for row in rows], dtype=np.float64) if scored else None,
    )


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def by_hand(detections: list[Any], truths: list[Any], *, classes: list[int], excluded: set[Any], protocol: str) -> list[float]:
    """AP of each class, one row after the other."""
    rules = PROTOCOLS[protocol]
    annotated = {row[:2] for row in truths}
    frames: dict[Any, list[Any]] = {}
    for row in detections:
        if row[3] in classes and (row[:2] in annotated or not rules.drop_unannotated):
            frames.setdefault(row[:2], []).append(row)
    result = []
    for label in classes:
        ranked: list[tuple[float, bool]] = []
        mine = [row for row in truths if row[3] == label and not (rules.use_exclusions and row[:2] in excluded)]
        for frame, rows in frames.items():
            if rules.use_exclusions and frame in excluded:
                continue
            if rules.best_score_first:
                rows = sorted(rows, key=lambda row: -row[4])
            here, taken = [row[2] for row in mine if row[:2] == frame], set()
            for _, _, box, found, value in rows[: rules.rows_per_second]:
                if found != label or not (box[0] < box[2] and box[1] < box[3]):
                    continue
                overlaps = [overlap(box, truth) for truth in here]
                best = int(np.argmax(overlaps)) if overlaps else -1
                is_hit = bool(overlaps) and overlaps[best] >= 0.5 and best not in taken
                taken.update([best] if is_hit else [])
                ranked.append((value, is_hit))
        ranked.sort(reverse=True)
        hits = [hit for _, hit in ranked]
        precision = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits))]
        gains = [max(precision[rank:]) for rank in range(len(hits)) if hits[rank]]
        result.append(sum(gains) / len(mine) if mine else float("nan"))
    return result


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROW, max_size=70),
    st.lists(ROW, max_size=12),
    st.sets(st.tuples(st.integers(0, 2), st.integers(902, 903)), max_size=2),
)
def test_matching_without_loops_equals_matching_row_by_row(
    detections: list[Any], truths: list[Any], excluded: set[tuple[int, int]]
) -> None:
    # No two scores are equal, so that there is one order; corners of truths are in order, as is demanded.
    detections = [(*row[:4], row[4] + number / 1000) for number, row in enumerate(detections)]
    truths = [
        (row[0], row[1], (*np.minimum(row[2][:2], row[2][2:]), *np.maximum(row[2][:2], row[2][2:])), *row[3:]) for row in truths
    ]
    seconds = np.array(sorted(excluded), dtype=np.int64).reshape(-1, 2)
    for protocol in PROTOCOLS:
        result = ava_frame_map(
            boxes_of(detections), boxes_of(truths, scored=False), class_ids=[1, 2, 4], excluded=seconds, protocol=protocol
        )
        expected = by_hand(detections, truths, classes=[1, 2, 4], excluded=excluded, protocol=protocol)
        np.testing.assert_allclose(result.ap[0], expected, atol=1e-12)


PERSON = (0.1, 0.1, 0.5, 0.9)
NEAR = (0.1, 0.1, 0.5, 0.6)  # overlaps PERSON by 0.625
ELSEWHERE = (0.6, 0.1, 0.9, 0.2)


def test_each_threshold_has_its_own_hits() -> None:
    result = ava_frame_map(
        boxes_of([(0, 902, PERSON, 12, 0.9), (0, 903, NEAR, 12, 0.8)]),
        boxes_of([(0, 902, PERSON, 12), (0, 903, PERSON, 12)], scored=False),
        class_ids=[12],
        iou_thresholds=(0.5, 0.7),
    )
    assert result.ap.tolist() == [[1.0], [0.5]]
    assert result.num_hits.tolist() == [[2], [1]]
    assert result.mean_ap().tolist() == [1.0, 0.5]


def test_mean_over_some_classes_leaves_out_those_without_truths() -> None:
    result = ava_frame_map(
        boxes_of([(0, 902, PERSON, 1, 0.9), (0, 902, PERSON, 3, 0.9)]),
        boxes_of([(0, 902, PERSON, 1), (0, 902, PERSON, 2)], scored=False),
        class_ids=[1, 2, 3],
    )
    assert result.mean_ap().tolist() == [0.5]
    assert result.mean_ap([1, 3]).tolist() == [1.0]
    assert np.isnan(result.mean_ap([3])).all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_second_with_no_action_counts_as_annotated(protocol: str) -> None:
    nowhere = (0.0, 0.0, 0.0, 0.0)
    truths = boxes_of([(0, 902, PERSON, 12), (0, 903, nowhere, 0)], scored=False)
    false_alarm_first = boxes_of([(0, 903, ELSEWHERE, 12, 0.9), (0, 902, PERSON, 12, 0.8)])
    assert ava_frame_map(false_alarm_first, truths, class_ids=[12], protocol=protocol).ap[0, 0] == 0.5


def test_nothing_on_either_side_is_undefined() -> None:
    result = ava_frame_map(boxes_of([]), boxes_of([], scored=False), class_ids=[1, 2])
    assert np.isnan(result.ap).all()
    assert np.isnan(result.mean_ap()).all()


def test_numbering_of_videos_and_types_of_numbers_do_not_matter() -> None:
    detections, truths = [(5, 902, PERSON, 12, 0.9), (7, 1798, NEAR, 12, 0.8)], [(5, 902, PERSON, 12), (7, 1798, PERSON, 12)]
    found, true = boxes_of(detections), boxes_of(truths, scored=False)
    wide = replace(found, video=-1000 * found.video.astype(np.int64), label=found.label.astype(np.uint8))
    assert ava_frame_map(wide, replace(true, video=-1000 * true.video.astype(np.int64)), class_ids=[12]).ap[0, 0] == 1.0
    assert ava_frame_map(wide, true, class_ids=[256 + 12]).num_detections.tolist() == [0]  # 12 again in eight bits


def test_repeats_and_strangers_are_counted() -> None:
    row = (0, 902, PERSON, 12)
    detections = boxes_of(
        [
            (*row, 0.9),
            (*row, 0.8),
            (0, 902, PERSON, 11, 0.9),
            (0, 902, NEAR, 12, 0.9),
            (0, 901, PERSON, 12, 0.9),
            (3, 902, *row[2:], 0.9),
        ]
    )
    odd = count_oddities(detections, boxes_of([row], scored=False))
    assert (odd.repeated, odd.outside_annotated_time, odd.in_unknown_videos) == (1, 1, 1)


TRUTH = boxes_of([(0, 902, PERSON, 12)], scored=False)
FOUND = boxes_of([(0, 902, PERSON, 12, 0.9)])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"protocol": "coco"}, "right would be one of slowfast, activitynet_2018"),
        ({"detections": TRUTH}, "the detections have no scores"),
        ({"iou_thresholds": ()}, "overlap thresholds"),
        ({"iou_thresholds": (0.5, 1.5)}, "overlap thresholds"),
        ({"class_ids": [12, 12]}, "different numbers from 1"),
        ({"class_ids": [0, 1]}, "different numbers from 1"),
        ({"class_ids": []}, "different numbers from 1"),
        ({"truths": boxes_of([(0, 902, (0.5, 0.1, 0.1, 0.9), 12)], scored=False)}, "x1 <= x2 and y1 <= y2"),
    ],
)
def test_what_cannot_be_scored_is_refused(change: dict[str, Any], text: str) -> None:
    arguments = {"detections": FOUND, "truths": TRUTH, "class_ids": [12], **change}
    with pytest.raises(ScoreError, match=text):
        ava_frame_map(arguments.pop("detections"), arguments.pop("truths"), **arguments)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"score": np.array([np.nan])}, "score of row 0 .* is not a number"),
        ({"box": np.array([[0.1, np.nan, 0.5, 0.9]])}, "box of row 0 .* is not a number"),
        ({"score": np.array([0.5, 0.6])}, "score is float64"),
        ({"second": np.array([902.0])}, "right would be integers"),
        ({"box": np.zeros((1, 5))}, r"right would be floats \(1, 4\)"),
    ],
)
def test_boxes_must_be_whole(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ScoreError, match=text):
        replace(FOUND, **change)


def test_infinite_scores_rank_like_all_others() -> None:
    result = ava_frame_map(replace(FOUND[[0, 0]], score=np.array([np.inf, -np.inf])), TRUTH, class_ids=[12])
    assert result.ap[0, 0] == 1.0
