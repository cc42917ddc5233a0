"""What is taken for a video, and what a csv file says of it."""

from pathlib import Path

import pytest

from slowfast.datasets.errors import DatasetError
from slowfast.preparation.videos import Span, find_class_folders, read_label_file


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_class_is_the_first_folder_whatever_its_name_and_depth(tmp_path: Path) -> None:
    touch(tmp_path, "jump rope/a b.MP4", "läuft/x/y/c.mkv", ".hidden/d.mp4", "läuft/._c.mkv", "läuft/notes.txt", "loose.mp4")
    inventory = find_class_folders(tmp_path)
    assert [(video.path, video.class_names) for video in inventory.videos] == [
        ("jump rope/a b.MP4", ("jump rope",)),
        ("läuft/x/y/c.mkv", ("läuft",)),
    ]
    assert inventory.ignored == {".txt": 1, ".mp4": 1}
    assert not inventory.multi_label


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.mp4", "b.mp4"], r"no video in any class folder \(2 other files\)"),
        (["train/a/1.mp4", "val/a/2.mp4"], "folders called train, val, which are splits"),
    ],
)
def test_folders_that_are_no_classes_are_refused(tmp_path: Path, paths: list[str], message: str) -> None:
    touch(tmp_path, *paths)
    with pytest.raises(DatasetError, match=message):
        find_class_folders(tmp_path)


def test_a_column_labels_holds_several_classes(tmp_path: Path) -> None:
    inventory = read_label_file(write(tmp_path, "\ufeffpath,labels\r\na.mp4,run; jump;run\r\nb.mp4,\r\n"))
    assert inventory.multi_label
    assert [video.class_names for video in inventory.videos] == [("run", "jump"), ()]


def test_a_video_has_a_row_for_each_of_its_intervals(tmp_path: Path) -> None:
    text = 'path,label,start,end\n"a, b.mp4",run,0,1.5\nc.mp4,,,\n"a, b.mp4",jump,1,2\n'
    first, second = read_label_file(write(tmp_path, text)).videos
    assert first.spans == (Span("run", 0.0, 1.5), Span("jump", 1.0, 2.0))
    assert (second.path, second.spans) == ("c.mp4", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4,run\nb.mp4,run\n", r"row 1: the header is 'a\.mp4,run' and lacks path, label"),
        ("path,label\na.mp4,run\na.mp4,jump\n", r"row 3: 'a\.mp4' again, after row 2; .* column labels"),
        ("path,label\na.mp4,\n", "row 2: an empty label"),
        ("path,label\n,run\n", "row 2: an empty path"),
        ("path,label\n", "no video"),
        ("path,label,start,end\na.mp4,run,2,1\n", "row 2: an end, 1, before the start, 2"),
        ("path,label,start,end\na.mp4,run,0:10,1\n", "row 2: the time '0:10'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_label_file(write(tmp_path, text))


def test_a_missing_csv_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: there is no such file"):
        read_label_file(tmp_path / "gone.csv")
