"""The annotation of Charades: what is accepted, and the message for everything that is not."""

import pytest
from conftest import CHARADES_TRAIN

from slowfast.datasets import DatasetError
from slowfast.datasets.charades_csv import read_annotation, read_class_names
from slowfast.structures import ActionInterval

GOOD = 'id,script,actions,length\nAB123,"a, ""b""",c001 1.50 2.00;c000 0.00 9.00,5.00\nCD456,c,,3\n'


def write(tmp_path, text, name="train.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def test_rows_are_read_by_column_name(tmp_path):
    first, second = read_annotation(write(tmp_path, GOOD), 2)
    assert first.video_id == "AB123"
    assert first.actions == (ActionInterval(1, 1.5, 2.0), ActionInterval(0, 0.0, 9.0))
    assert (second.video_id, second.actions) == ("CD456", ())


def test_byte_order_mark_windows_line_ends_and_empty_lines_change_nothing(tmp_path):
    odd = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").replace("CD456", "\r\nCD456").encode()
    plain = read_annotation(write(tmp_path, GOOD), 2)
    assert [(r.video_id, r.actions) for r in read_annotation(write(tmp_path, odd), 2)] == [
        (r.video_id, r.actions) for r in plain
    ]


def test_rows_are_numbered_by_the_line_they_begin_on(charades_folder):
    rows = read_annotation(charades_folder / "Charades_v1_train.csv", 4)
    assert [row.video_id for row in rows] == list(CHARADES_TRAIN)
    assert [row.row for row in rows] == [2, 4, 6, 8, 10]  # every row has a line break in its script


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("id:actions:length\n", 1, "the header is 'id:actions:length' and lacks id, actions, length; expected comma-separated"),
        ("", 1, "the header is '' and lacks id, actions, length"),
        ("id,action,length\nA,,1\n", 1, "lacks actions"),
        ("id,actions,length\n", None, "no video; expected a row for each video"),
        ("id,actions,length\nA,c001 0 1\n", 2, "2 fields; expected 3, as many as in the header"),
        ("id,actions,length\nA,,1\nB,c002 0 1,2\n", 3, r"'c002' in 'c002 0 1'; expected one of c000 .. c001 \(MODEL"),
        ("id,actions,length\nA,12 0 1,2\n", 2, "class '12' in '12 0 1'; expected a class like 'c092'"),
        ("id,actions,length\nA,c12 0 1,2\n", 2, "class 'c12'"),
        ("id,actions,length\nA,c001 0,2\n", 2, "action 'c001 0'; expected class, start and end"),
        ("id,actions,length\nA,c001 0 x,2\n", 2, "times '0 x' in 'c001 0 x'; expected start and end in seconds"),
        ("id,actions,length\nA,c001 0 nan,2\n", 2, "times '0 nan'"),
        ("id,actions,length\nA,c001 2.5 1.0,2\n", 2, "an end before the start in 'c001 2.5 1.0'; expected start <= end"),
        ("id,actions,length\nA,,long\n", 2, "length 'long'; expected seconds above 0"),
        ("id,actions,length\n,,1\n", 2, "an empty id; expected the name of a video"),
        ("id,actions,length\nA,,1\nA,,1\n", 3, "video 'A' again, after row 2; expected one row a video"),
        (b"id,actions,length\nA\xff,,1\n", 2, "this is not UTF-8"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_file_and_row(tmp_path, text, row, message):
    path = write(tmp_path, text)
    with pytest.raises(DatasetError, match=message) as caught:
        read_annotation(path, 2)
    assert caught.value.row == row
    assert str(caught.value).startswith(str(path) if row is None else f"{path}, row {row}: ")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.csv: there is no such file"):
        read_annotation(tmp_path / "none.csv", 2)


def test_class_names_come_from_the_list_and_are_codes_without_it(tmp_path):
    path = write(tmp_path, "c000 Holding a cup\r\nc001 Opening a door\r\n", "classes.txt")
    assert read_class_names(path, 2) == ("Holding a cup", "Opening a door")
    assert read_class_names(tmp_path / "none.txt", 2) == ("c000", "c001")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c000 A\nc000 B\n", "row 2: 'c000 B'; expected a new class"),
        ("c000 A\nB c001\n", "row 2: 'B c001'"),
        ("c000 A\nc001\n", "row 2: 'c001'"),
        ("c000 A\n", r"1 classes; expected c000 .. c001 \(MODEL.NUM_CLASSES is 2\)"),
        ("c000 A\nc001 B\nc002 C\n", "3 classes"),
    ],
)
def test_a_class_list_that_does_not_fit_is_an_error(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        read_class_names(write(tmp_path, text, "classes.txt"), 2)
