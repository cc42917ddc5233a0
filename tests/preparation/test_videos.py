"""What is taken for a video, and what a csv file says of it."""

import os
from pathlib import Path

import pytest

from slowfast.datasets.errors import DatasetError
from slowfast.datasets.found_files import LOOP
from slowfast.preparation.videos import Span, find_class_folders
from tests.preparation.label_reading import read_labels


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
    inventory = read_labels(write(tmp_path, "\ufeffpath,labels\r\na.mp4,run; jump;run\r\nb.mp4,\r\n"), tmp_path)
    assert inventory.multi_label
    assert [video.class_names for video in inventory.videos] == [("run", "jump"), ()]


def test_a_video_has_a_row_for_each_of_its_intervals(tmp_path: Path) -> None:
    text = 'path,label,start,end\n"a, b.mp4",run,0,1.5\nc.mp4,,,\n"a, b.mp4",jump,1,2\n'
    first, second = read_labels(write(tmp_path, text), tmp_path).videos
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
        ("path,label,start,end\na.mp4,run,0:70,1\n", "row 2: the time '0:70'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_labels(write(tmp_path, text), tmp_path)


def test_a_missing_csv_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: there is no such file"):
        read_labels(tmp_path / "gone.csv", tmp_path)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        pytest.param(
            ["all/run/1.mp4", "all/jump/2.mp4"],
            r"2 videos in one folder, all, .* \(jump, run\); .*/all may be",
            id="too high",
        ),
        pytest.param(["run/1.mp4", "run/2.mp4"], "one class, 'run', for all 2 videos; expected two classes", id="one class"),
        pytest.param(["train/a/1.mp4", "test/a/2.mp4", "more/a/3.mp4"], "test, train, which are splits", id="splits and more"),
        pytest.param(["Run/1.mp4", "run/2.mp4"], "'Run' .* and 'run' .*, which differ in case or blanks only", id="case"),
        pytest.param(["jump rope/1.mp4", "jumprope/2.mp4"], "differ in case or blanks only", id="blanks"),
    ],
)
def test_folders_that_are_probably_meant_otherwise_are_refused(tmp_path: Path, paths: list[str], message: str) -> None:
    touch(tmp_path, *paths)
    with pytest.raises(DatasetError, match=message):
        find_class_folders(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.mp4", "bus/2.mp4")
    assert len(find_class_folders(tmp_path).videos) == 2


def test_empty_folders_and_deep_ones_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "run/1.mp4", "others/walk/2.mp4", "others/sit/3.mp4", "notes/a.txt", "__MACOSX/._1.mp4")
    assert find_class_folders(tmp_path).notes == (
        "folders without a video, which are no classes: __MACOSX, notes",
        "2 videos lie in folders below those of the classes; of 'others/sit/3.mp4' the class is 'others'",
    )


def test_links_that_lead_in_a_circle_are_counted_and_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "videos"
    touch(root, "run/1.mp4", "jump/2.mp4")
    (root / "run" / "again").symlink_to("..")
    (root / "jump" / "above").symlink_to("../..")
    (root / "jump" / "self").symlink_to("self")
    inventory = find_class_folders(root)
    assert [video.path for video in inventory.videos] == ["jump/2.mp4", "run/1.mp4"]
    assert inventory.ignored == {LOOP: 2, "without suffix": 1}


@pytest.mark.parametrize("hard", [True, False])
def test_a_file_in_two_classes_is_refused(tmp_path: Path, hard: bool) -> None:
    touch(tmp_path, "run/1.mp4", "jump/2.mp4")
    if hard:
        os.link(tmp_path / "run" / "1.mp4", tmp_path / "jump" / "1.mp4")
    else:
        (tmp_path / "jump" / "more").symlink_to("../run")
    with pytest.raises(DatasetError, match=r"run/1\.mp4: the same file as .*jump/.*1\.mp4; expected each video once"):
        find_class_folders(tmp_path)


def test_links_to_folders_and_files_elsewhere_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "store/1.mp4", "store2/2.mp4", "videos/jump/3.mp4")
    (tmp_path / "videos" / "run").symlink_to("../store")
    (tmp_path / "videos" / "jump" / "2.MP4").symlink_to("../../store2/2.mp4")
    assert [video.path for video in find_class_folders(tmp_path / "videos").videos] == [
        "jump/2.MP4", "jump/3.mp4", "run/1.mp4",
    ]  # fmt: skip
