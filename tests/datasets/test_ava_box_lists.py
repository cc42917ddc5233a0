"""Rows of boxes become persons, and rows that are wrong are told from those that do not count."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slowfast.annotations.ava import AvaTimes
from slowfast.annotations.ava.csv_rules import CORNERS
from slowfast.annotations.ava.list_rules import Sums, judge
from slowfast.datasets import DatasetError
from slowfast.datasets.ava.box_lists import BoxLists, read_persons

VIDEOS = {"film_a": 0, "film_b": 1}
FIRST, SECOND = "0.1,0.1,0.4,0.9", "0.5,0.100,0.8,0.9"


@pytest.fixture
def read(tmp_path):
    def read(truths=None, detections=None, **options):
        files = {}
        for name, text in (("truths", truths), ("detections", detections)):
            files[name] = (tmp_path / f"{name}.csv",) if text is not None else ()
            for path in files[name]:
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_persons(BoxLists(**{"threshold": 0.9, "num_classes": 80, **files, **options}), VIDEOS)

    return read


def labels_of(persons):
    return [(np.flatnonzero(row) + 1).tolist() for row in persons.labels]


def test_rows_with_the_same_corners_are_one_person_in_the_order_of_first_rows(read):
    persons, _ = read(
        truths=f"film_a,0902,{SECOND},80,4\nfilm_a,0902,{FIRST},12,3\nfilm_a,902,{SECOND},1,4\nfilm_a,0902,{FIRST},12,3\n"
    )
    assert persons.boxes.tolist() == [[0.5, 0.1, 0.8, 0.9], [0.1, 0.1, 0.4, 0.9]]
    assert labels_of(persons) == [[1, 80], [12]]
    assert (persons.videos.tolist(), persons.seconds.tolist(), persons.starts.tolist()) == ([0], [902], [0, 2])


def test_seconds_are_sorted_within_videos_in_their_order(read):
    rows = [f"film_{name},{second},{FIRST},1,0" for name, second in (("b", 904), ("a", 1798), ("b", 902), ("a", 902))]
    persons, _ = read(truths="\n".join(rows))
    assert list(zip(persons.videos, persons.seconds, strict=True)) == [(0, 902), (0, 1798), (1, 902), (1, 904)]


def test_truths_come_before_detections_and_share_persons_with_them(read):
    persons, _ = read(truths=f"film_a,902,{FIRST},3,0\n", detections=f"film_a,902,{SECOND},5,0.95\nfilm_a,902,{FIRST},4,0.9\n")
    assert labels_of(persons) == [[3, 4], [5]]


@pytest.mark.parametrize("label", ["-1", ""])
def test_a_person_without_known_action_is_a_negative_example(read, label):
    persons, _ = read(detections=f"film_a,902,{FIRST},{label},0.95\n")
    assert persons.labels.shape == (1, 80)
    assert not persons.labels.any()


def test_scores_from_the_threshold_on_count(read):
    rows = "".join(f"film_a,{second},{FIRST},,{score}\n" for second, score in ((902, 0.9), (903, 0.89999), (904, 1.0)))
    assert read(detections=rows)[0].seconds.tolist() == [902, 904]
    assert read(detections=rows, threshold=0.5)[0].seconds.tolist() == [902, 903, 904]


def test_no_score_at_the_threshold_is_an_error_that_names_the_highest(read):
    message = r"detections.csv: the highest score is 0.7; expected boxes with a score of at least 0.9 \(AVA.DETECTION_SCORE"
    with pytest.raises(DatasetError, match=message):
        read(truths=f"film_a,902,{FIRST},1,0\n", detections=f"film_a,902,{FIRST},,0.7\nfilm_a,902,{SECOND},,0.2\n")


def test_rows_that_do_not_count_are_counted(read):
    rows = [
        f"film_a,901,{FIRST}",
        f"film_a,1799,{FIRST}",
        f"film_c,902,{FIRST}",
        "film_a,905,0.2,0.2,0.2,0.8",
        f"film_a,904,{FIRST}",
    ]
    persons, ignored = read(truths="".join(f"{line},1,0\n" for line in rows), drop_flat=True)
    assert persons.seconds.tolist() == [904]
    assert (ignored.outside_time, ignored.unknown_videos, ignored.flat) == (2, 1, 1)


@pytest.mark.parametrize(
    "box", ["0.5,0.1,0.5,0.9", "0.6,0.1,0.5,0.9", "1.1,0.1,1.2,0.9", "-0.3,0.1,0.0,0.9", "0.1,0.9,0.5,0.2"]
)
def test_flat_boxes_are_dropped_in_training_only(read, box):
    rows = f"film_a,902,{FIRST},,0.95\nfilm_a,902,{box},,0.95\nfilm_a,903,{box},,0.95\n"
    assert read(detections=rows, drop_flat=True)[0].starts.tolist() == [0, 1]
    assert read(detections=rows)[0].starts.tolist() == [0, 2, 3]


@pytest.mark.parametrize("drop_flat", [True, False])
def test_a_list_of_nothing_but_flat_boxes_is_refused(read, drop_flat):
    with pytest.raises(DatasetError, match=r"none of 2 boxes counts: .* 2 without area"):
        read(detections="film_a,902,0.5,0.1,0.5,0.9,,0.95\nfilm_a,903,0.5,0.1,0.5,0.9,,0.95\n", drop_flat=drop_flat)


def test_boxes_partly_outside_of_the_picture_are_kept_as_they_are(read):
    persons, _ = read(truths="film_a,902,-0.1,0.5,0.5,1.2,1,0\n", drop_flat=True)
    assert persons.boxes.tolist() == [[-0.1, 0.5, 0.5, 1.2]]


def test_nothing_that_counts_is_an_error_that_says_why(read):
    message = "none of 2 boxes counts: 1 are outside of seconds 902 to 1798, 1 in videos that are not there"
    with pytest.raises(DatasetError, match=message):
        read(truths=f"film_a,30,{FIRST},1,0\nfilm_c,902,{FIRST},1,0\n")


def test_every_4th_second_can_be_chosen(read):
    rows = "".join(f"film_a,{second},{FIRST},,0.95\n" for second in range(902, 914))
    assert read(detections=rows, every=4)[0].seconds.tolist() == [904, 908, 912]
    with pytest.raises(DatasetError, match=r"none of 1 boxes counts: .* 1 at other than every 4\. second"):
        read(detections=f"film_a,902,{FIRST},,0.95\n", every=4)


def test_marks_line_ends_blank_lines_and_whole_decimals_are_fine(read):
    text = b"\xef\xbb\xbf" + f"film_a,902.000000,{FIRST},1,0\r\n\r\nfilm_a,903,{FIRST},2,0\r\nfilm_b,904\r\n".encode()
    persons, ignored = read(truths=text)
    assert list(zip(persons.videos, persons.seconds, strict=True)) == [(0, 902), (0, 903)]
    assert ignored.unknown_videos == 0


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        ("truths", f"film_a,902.5,{FIRST},1,0", "second is 902.5; expected a whole number"),
        ("truths", "film_a,902,64,48,128,96,1,0", "x1 is 64.*; expected fractions of the image's width and height, not pixels"),
        ("truths", "film_a,902,0.1,,0.4,0.9,1,0", "x1 is 0.1, y1 is missing.*; expected four numbers"),
        ("truths", f"film_a,902,{FIRST},81,0", "label is 81; expected an action, a whole number from 1 to 80"),
        ("truths", f"film_a,902,{FIRST},0,0", "label is 0; expected an action"),
        ("truths", f"film_a,902,{FIRST},-1,0", "label is -1; expected an action"),
        ("truths", f"film_a,902,{FIRST},3.5,0", "label is 3.5; expected an action"),
        ("truths", "video,second,x1,y1,x2,y2,label,person", "second is 'second'; expected a number"),
        ("detections", f"film_a,902,{FIRST},81,0.95", "label is 81; expected an action.* or -1 or nothing"),
        ("detections", f"film_a,902,{FIRST},0,0.95", "label is 0; expected"),
        (
            "detections",
            f"film_a,902,{FIRST},12,17",
            "score is 17; expected the score of a detector, from 0 to 1.*annotated boxes belong into AVA.TRAIN_GT_BOX_LISTS",
        ),
        ("detections", f"film_a,902,{FIRST},12,", "score is missing; expected the score of a detector"),
        ("detections", f"film_a,902,{FIRST},12,0.9,0.1", "more than 8 fields"),
    ],
)
def test_wrong_rows_are_errors_with_file_and_row(read, kind, line, message):
    good = f"film_a,902,{FIRST},1,{1 if kind == 'detections' else 0}\n"
    with pytest.raises(DatasetError, match=rf"{kind}.csv, row 2: {message}"):
        read(**{kind: f"{good}{line}\n{good}"})


def test_actions_beyond_the_networks_classes_are_an_error(read):
    with pytest.raises(DatasetError, match=r"row 2: action 6; expected one of 1 .. 5 \(MODEL.NUM_CLASSES\)"):
        read(truths=f"film_a,902,{FIRST},5,0\nfilm_a,902,{FIRST},6,0\n", num_classes=5)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_lists_are_an_error(read, text):
    with pytest.raises(DatasetError, match=r"truths\.csv: no boxes"):
        read(truths=text)


def test_a_missing_list_is_an_error_with_its_path(tmp_path):
    lists = BoxLists(truths=(tmp_path / "gone.csv",), detections=(), threshold=0.9, num_classes=80)
    with pytest.raises(DatasetError, match=r"gone\.csv: it cannot be read"):
        read_persons(lists, VIDEOS)


SIZES = ["0.5,0.2,0.4,0.6", "0.1,0.1,0.3,0.8", "0.6,0.3,0.3,0.5", "0.05,0.2,0.2,0.7"]


@pytest.mark.parametrize("kind", ["truths", "detections"])
def test_boxes_of_x_y_width_and_height_are_found_out(read, kind):
    rows = [f"film_a,{second},{box},1,{1 if kind == 'truths' else 0.95}\n" for second in range(902, 910) for box in SIZES]
    message = rf"{kind}\.csv, row 1: x1 is beyond x2.* 16 of 32 rows, as in boxes of x, y, width and height; expected x1,y1"
    with pytest.raises(DatasetError, match=message):
        read(**{kind: "".join(rows)})


def lists_of_boxes(seed, rows, as_sizes, broken):
    """Corners, or x, y, width and height, of boxes anywhere in the picture; of some, corners are exchanged."""
    rng = np.random.default_rng(seed)
    begin, end = np.sort(rng.uniform(0, 1, (2, rows, 2)), axis=0)
    boxes = np.concatenate([begin, (end - begin) if as_sizes else end], axis=1)
    wrong = rng.random(rows) < broken
    boxes[wrong] = boxes[wrong][:, [2, 3, 0, 1]]
    return boxes


def judged(boxes):
    sums = Sums()
    sums.add(dict(zip(CORNERS, boxes.T, strict=True)), np.arange(1, len(boxes) + 1))
    return sums


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(20, 400), wide=st.floats(0, 0.95), pixel=st.sampled_from([0, 0.015]))
def test_sizes_are_found_out_if_but_a_hundredth_of_them_is_swapped(seed, rows, wide, pixel):
    boxes = lists_of_boxes(seed, rows, as_sizes=True, broken=0)
    boxes[:, 2:] += wide * (1 - boxes[:, :2] - boxes[:, 2:]) + pixel  # wider boxes have fewer swapped rows
    swapped = np.flatnonzero((boxes[:, :2] > boxes[:, 2:]).any(axis=1))
    sums = judged(boxes)
    assert sums.are_sizes == (len(swapped) >= max(1, 0.01 * rows))
    if sums.are_sizes:
        error = judge(Path("list.csv"), sums)
        assert (error.row, f"{len(swapped)} of {rows} rows" in error.found) == (swapped[0] + 1, True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(20, 400), broken=st.floats(0, 0.15))
def test_corners_are_not_taken_for_sizes_for_a_few_broken_rows(seed, rows, broken):
    assert judge(Path("list.csv"), judged(lists_of_boxes(seed, rows, as_sizes=False, broken=broken))) is None


def test_broken_rows_of_a_list_of_corners_are_named_as_such(read, caplog):
    rows = [f"film_a,{second},{box},1,0\n" for second in range(902, 912) for box in (FIRST, SECOND)]
    rows.insert(7, "film_a,920,0.9,0.1,0.6,0.9,1,0\n")
    read(truths="".join(rows), drop_flat=True)
    assert "truths.csv, row 8: x1 is beyond x2, or y1 beyond y2, here and in 1 of 21 rows; expected two corners" in caplog.text


def test_one_box_with_swapped_corners_among_many_is_dropped_and_counted(read):
    rows = [f"film_a,{second},{FIRST},1,0\n" for second in range(902, 912)] + [f"film_a,920,{SIZES[0]},1,0\n"]
    persons, ignored = read(truths="".join(rows), drop_flat=True)
    assert (len(persons), ignored.flat) == (10, 1)


@pytest.mark.parametrize(
    ("persons", "refused"),
    [
        pytest.param((0, 1), True, id="persons 0 and 1"),
        pytest.param((1, 1, 0, 1), True, id="mostly person 1"),
        pytest.param((0, 0), True, id="person 0 alone"),
        pytest.param((1, 1), False, id="score 1 for annotated boxes"),
        pytest.param((0, 1, 0.5), False, id="scores, 0 and 1 among them"),
        pytest.param((0, 0.95), False, id="0 and another score"),
    ],
)
def test_numbers_of_persons_are_not_read_as_scores(read, persons, refused):
    rows = "".join(f"film_a,{902 + n},{FIRST},1,{person}\n" for n, person in enumerate(persons))
    if not refused:
        assert len(read(detections=rows)[0]) == sum(person >= 0.9 for person in persons)
        return
    with pytest.raises(DatasetError, match=r"detections\.csv: all scores are whole numbers, 0 in .* rows and 1 in .* persons"):
        read(detections=rows)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        pytest.param(AvaTimes(0, 0, 10**9 - 1), [0, 1, 7], id="seconds from 0"),
        pytest.param(AvaTimes(0, 1, 6), [1], id="a range"),
        pytest.param(AvaTimes(0, 7, 7), [7], id="one second"),
    ],
)
def test_which_seconds_count_can_be_said(read, times, seconds):
    rows = "".join(f"film_a,{second},{FIRST},1,0\n" for second in (0, 1, 7))
    assert read(truths=rows, times=times)[0].seconds.tolist() == seconds


def test_seconds_from_0_are_refused_with_the_option_that_helps(read):
    message = r"2 are outside of seconds 902 to 1798.*lists have seconds 0 to 7, .* for example AVA\.START_SECOND 0"
    with pytest.raises(DatasetError, match=message):
        read(truths=f"film_a,0,{FIRST},1,0\nfilm_a,7,{FIRST},1,0\n")


def persons_by_loop(rows):
    """The same, one row after the other: {(video, second): {box: labels}}."""
    found = {}
    for video, second, box, label in rows:
        if video in VIDEOS and 902 <= second <= 1798:
            found.setdefault((VIDEOS[video], second), {}).setdefault(box, set()).update({label} - {-1})
    return dict(sorted(found.items()))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["film_a", "film_b", "film_c"]),
            st.integers(900, 905),
            st.sampled_from([(0.1, 0.1, 0.4, 0.9), (0.5, 0.1, 0.8, 0.9), (0.2, 0.3, 0.4, 0.5)]),
            st.sampled_from([-1, 1, 2, 80]),
        ),
        min_size=1,
    )
)
def test_persons_are_those_that_a_loop_over_rows_finds(read, rows):
    rows = [("film_a", 903, (0.0, 0.0, 1.0, 1.0), 7), *rows]
    persons, _ = read(detections="".join(f"{v},{s},{','.join(map(str, box))},{label},0.95\n" for v, s, box, label in rows))
    expected = persons_by_loop(rows)
    assert list(zip(persons.videos, persons.seconds, strict=True)) == list(expected)
    assert persons.boxes.tolist() == [list(box) for boxes in expected.values() for box in boxes]
    assert labels_of(persons) == [sorted(labels) for boxes in expected.values() for labels in boxes.values()]
    assert np.diff(persons.starts).tolist() == [len(boxes) for boxes in expected.values()]
