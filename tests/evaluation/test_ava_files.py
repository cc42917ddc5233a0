"""AVA's files as people have them: permitted spellings are read, and what is wrong is named with its row."""

from pathlib import Path

import numpy as np
import pytest

from slowfast.annotations.ava import csv_rows
from slowfast.evaluation.ava import AvaFileError, read_detections, read_excluded, read_label_map, read_truths

GOOD = "v1,0902,0.100,0.100,0.500,0.900,12,0.9\n"


def write(folder: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_detections_keep_the_order_and_the_numbers_of_the_file(tmp_path: Path) -> None:
    videos: dict[str, int] = {"v2": 0}
    found = read_detections(write(tmp_path, GOOD + "-a b,1798,0,0.25,1.5,1,80,1e-3\nv2,903,-.1,0,1,1,1,-inf\n"), videos)
    assert videos == {"v2": 0, "v1": 1, "-a b": 2} or videos == {"v2": 0, "-a b": 1, "v1": 2}
    assert [videos[name] for name in ("v1", "-a b", "v2")] == found.video.tolist()
    assert found.second.tolist() == [902, 1798, 903]
    assert found.box.tolist() == [[0.1, 0.1, 0.5, 0.9], [0, 0.25, 1.5, 1], [-0.1, 0, 1, 1]]
    assert found.label.tolist() == [12, 80, 1]
    assert found.score is not None
    assert found.score.tolist() == [0.9, 1e-3, -np.inf]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode() * 2,
        GOOD.replace("\n", "\r\n") * 2,
        "\n" + GOOD + "\n\n" + GOOD + "\n",
        (GOOD * 2).rstrip("\n"),
        GOOD + "v1, 902.000000, 0.1, 0.1, 0.5, 0.9, 12.0, 0.9\n",
        GOOD + '"v1","902",0.1,0.1,0.5,0.9,12,0.9\n',
    ],
    ids=["byte-order mark", "Windows line ends", "blank lines", "no last line end", "blanks and decimals", "quotes"],
)
def test_spellings_of_one_file_are_equal(tmp_path: Path, content: str | bytes) -> None:
    videos: dict[str, int] = {}
    found = read_detections(write(tmp_path, content), videos)
    assert videos == {"v1": 0}
    assert found.second.tolist() == [902, 902]
    assert found.box.tolist() == [[0.1, 0.1, 0.5, 0.9]] * 2


def test_many_chunks_make_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "".join(f"v{number % 3},{902 + number},0,0,1,1,12,0.5\n" for number in range(10)))
    monkeypatch.setattr(csv_rows, "ROWS_AT_ONCE", 3)
    videos: dict[str, int] = {}
    found = read_detections(path, videos)
    assert found.second.tolist() == list(range(902, 912))
    assert found.video.tolist() == [videos[f"v{number % 3}"] for number in range(10)]


@pytest.mark.parametrize("content", ["", "\n\n", b"\xef\xbb\xbf"])
def test_empty_files_have_no_rows(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path, content)
    assert len(read_detections(path, {})) == len(read_truths(path, {})) == len(read_excluded(path, {})) == 0


def test_names_that_mean_nothing_to_pandas_are_videos(tmp_path: Path) -> None:
    videos: dict[str, int] = {}
    read_excluded(write(tmp_path, "NA,902\nnan,902\nnull,902\n007,902\n7,902\n"), videos)
    assert set(videos) == {"NA", "nan", "null", "007", "7"}


def test_truths_may_lack_the_person_or_the_action(tmp_path: Path) -> None:
    truths = read_truths(write(tmp_path, "v1,902,0.1,0.1,0.5,0.9,12\nv1,903\nv1,0904,0.1,0.1,0.5,0.9,17,3\n"), {})
    assert truths.second.tolist() == [902, 903, 904]
    assert truths.label.tolist() == [12, 0, 17]
    assert truths.score is None


def test_fractions_are_read_exactly(tmp_path: Path) -> None:
    texts = [f"{number / 1000:.3f}" for number in range(1000)]
    found = read_detections(write(tmp_path, "".join(f"v,902,{text},0,1,1,1,0.5\n" for text in texts)), {})
    assert found.box[:, 0].tolist() == [float(text) for text in texts]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("v1,902,0.1,0.1,0.5,0.9,12,nan", "score is 'nan'"),
        ("v1,902,0.1,0.1,0.5,0.9,12,", "score is missing"),
        ("v1,902,0.1,0.1,0.5,0.9,12", "score is missing"),
        ("v1,902,0.1,0.1,0.5,0.9,12,0.9,0.8", "more than 8 fields"),
        ("v1,902,0.1,0.1,0.5,0.9,12,0.9,0.8,0.7", "cannot be split into fields"),
        ("v1,902,32,17,180,203,12,0.9", "x1 is 32, y1 is 17, x2 is 180, y2 is 203; right would be fractions"),
        ("v1,902,0.1,0.1,inf,0.9,12,0.9", "right would be fractions"),
        ("v1,902,0.1,,0.5,0.9,12,0.9", "y1 is missing"),
        ("v1,902.5,0.1,0.1,0.5,0.9,12,0.9", "second is 902.5"),
        ("v1,1e300,0.1,0.1,0.5,0.9,12,0.9", "second is 1e\\+300"),
        ("v1,902,0.1,0.1,0.5,0.9,0,0.9", "label is 0"),
        ("v1,902,0.1,0.1,0.5,0.9,81,0.9", "label is 81; right would be .* 1 to 80"),
        ("v1,902,0.1,0.1,0.5,0.9,1.5,0.9", "label is 1.5"),
        ("v1,902,0.1,0.1,0.5,0.9,c012,0.9", "label is 'c012'"),
        (",902,0.1,0.1,0.5,0.9,12,0.9", "there is no video"),
        ("v1;902;0.1;0.1;0.5;0.9;12;0.9", "second is missing; .* behind the video and a comma"),
        ('"v1,902,0.1,0.1,0.5,0.9,12,0.9', "cannot be split into fields"),
        ("v1", "second is missing"),
    ],
)
def test_a_wrong_detection_is_named_with_its_row(tmp_path: Path, row: str, text: str) -> None:
    path = write(tmp_path, f"{GOOD}\n{GOOD}{row}\n{GOOD}")
    with pytest.raises(AvaFileError, match=text) as caught:
        read_detections(path, {})
    assert str(path) in str(caught.value)
    assert caught.value.row == 4


def test_the_row_is_right_beyond_the_first_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "ROWS_AT_ONCE", 2)
    for wrong in ("v1,902,0.1,0.1,0.5,0.9,99,0.9\n", "v1,902,0.1,0.1,0.5,0.9,twelve,0.9\n"):
        with pytest.raises(AvaFileError, match="row 6: label is"):
            read_detections(write(tmp_path, GOOD + "\n" + GOOD * 3 + wrong), {})


def test_a_header_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "video_id,timestamp,x1,y1,x2,y2,action,score\n" + GOOD)
    with pytest.raises(AvaFileError, match=r"row 1: second is 'timestamp'; .* without a header"):
        read_detections(path, {})


@pytest.mark.filterwarnings("error")
def test_a_first_row_of_far_too_many_fields_is_named(tmp_path: Path) -> None:
    with pytest.raises(AvaFileError, match="row 1: more than 8 fields"):
        read_detections(write(tmp_path, GOOD.strip() + ",1,2,3\n"), {})


def test_truths_given_as_detections_are_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"v1,902,0.1,0.1,0.5,0.9,12,{person}\n" for person in range(4)))
    with pytest.raises(AvaFileError, match="all scores are whole numbers, up to 3, as the persons of a file of truths"):
        read_detections(path, {})
    assert len(read_truths(path, {})) == 4


def test_detections_given_as_truths_are_recognised(tmp_path: Path) -> None:
    with pytest.raises(AvaFileError, match=r"row 1: person is 0.9; .* as this is read as a file of truths"):
        read_truths(write(tmp_path, GOOD), {})


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("v1,902,0.5,0.1,0.1,0.9,12,0", "right would be x1 <= x2 and y1 <= y2"),
        ("v1,902,0.1,0.1,0.5,0.9,81,0", "label is 81"),
        ("v1,902,0.1,0.1,0.5,0.9,-1,0", "label is -1"),
        ("v1,902,0.1,0.1,0.5,0.9", "label is missing"),
        ("v1,902,,,,,12,0", "x1 is missing"),
        ("v1,902.5", "second is 902.5"),
        ("v1,902,10,10,50,90,12,0", "fractions"),
    ],
)
def test_a_wrong_truth_is_named_with_its_row(tmp_path: Path, row: str, text: str) -> None:
    with pytest.raises(AvaFileError, match=text) as caught:
        read_truths(write(tmp_path, f"v1,902,0.1,0.1,0.5,0.9,12,0\n{row}\n"), {})
    assert caught.value.row == 2


def test_a_row_of_excluded_seconds_is_video_and_second(tmp_path: Path) -> None:
    videos = {"v1": 7}
    assert read_excluded(write(tmp_path, "v1,0903\n"), videos).tolist() == [[7, 903]]
    with pytest.raises(AvaFileError, match="row 1: more than 2 fields"):
        read_excluded(write(tmp_path, GOOD), {})


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        for read in (read_detections, read_truths, read_excluded):
            with pytest.raises(AvaFileError, match="cannot be read"):
                read(path, {})
        with pytest.raises(AvaFileError, match="cannot be read"):
            read_label_map(path)
    for read in (read_detections, read_truths, read_excluded, lambda path, _: read_label_map(path)):
        with pytest.raises(AvaFileError, match="not UTF-8"):
            read(write(tmp_path, b"v\xff1,902\n"), {})


LABEL_MAP = """# scored classes
label {
    label_type: OBJECT_MANIPULATION label_id: 5
  name: "answer, or \\"pick up\\" {phone} (e.g., a/b) # no comment"
}
item { id: 80, name: 'watch (a person)' }
item
{
name: "sit" id: 11
}
item { name: "drive" id: 24 extra: 1.5 }
label { name: "x" label_id: 64 label_type: OTHER }
"""


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_label_maps_of_any_layout_are_read(tmp_path: Path, start: str, line_end: str) -> None:
    classes = read_label_map(write(tmp_path, start + LABEL_MAP.replace("\n", line_end)))
    assert [(action.id, action.category) for action in classes] == [
        (5, "object"),
        (11, "pose"),
        (24, "object"),
        (64, "OTHER"),
        (80, "person"),
    ]
    assert classes[0].name == 'answer, or "pick up" {phone} (e.g., a/b) # no comment'
    assert classes[4].name == "watch (a person)"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('item { name: "a" id: 1 }\nitem { name: "b" id: 1 }', "row 2: class 1 is there for a second time"),
        ('item { name: "a" }', "row 1: a class without an id"),
        ("item { id: 3 }", "row 1: class 3 has no name"),
        ('item { name: "a" id: 81 }', "the id is 81; right would be a whole number from 1 to 80"),
        ('item { name: "a" id: -1 }', "the id is -1"),
        ('item { name: "a" id: 1', "the block does not end"),
        ('\nitem { name: "a id: 1 }', "row 2: .* closed quotes"),
        ('item { name "a" id: 1 }', "right would be field: value"),
        ("item { name: } ", "the value of name"),
        ("1,bend\n2,crawl\n", "right would be item or label"),
        ("item", "right would be {"),
        ("", "there are no classes"),
    ],
)
def test_a_wrong_label_map_is_refused(tmp_path: Path, content: str, text: str) -> None:
    path = write(tmp_path, content, "map.pbtxt")
    with pytest.raises(AvaFileError, match=text) as caught:
        read_label_map(path)
    assert str(path) in str(caught.value)
