"""A check says everything that is wrong with a folder, in any of our formats."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from slowfast.datasets.errors import DatasetError
from slowfast.preparation.checking import Checked, check
from slowfast.preparation.preparing import Preparation, prepare


@pytest.fixture
def data(class_folders: Path, tmp_path: Path) -> Path:
    """A prepared folder of ten videos, which may be spoiled."""
    shutil.copytree(class_folders, tmp_path / "videos")
    folder = tmp_path / "data"
    prepared = prepare(Preparation(videos=tmp_path / "videos", data=folder, shares=(0.6, 0.2, 0.2), jobs=1))
    for name, text in {**prepared.texts, "folder.json": prepared.manifest.text()}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def checked(folder: Path, prefix: str = "") -> Checked:
    return check(folder, prefix=prefix, jobs=1)


def test_prepared_folder_without_a_fault_has_no_problems(data: Path) -> None:
    assert checked(data) == Checked("folder (prepared)", 10, 10, [])


def test_every_fault_is_told_with_its_place(data: Path) -> None:
    videos = data.parent / "videos"
    (videos / "läuft" / "1.mp4").unlink()
    (videos / "läuft" / "2.mp4").write_bytes(b"")
    with (data / "val.csv").open("a") as file:
        file.write("no label\n")
    (data / "classes.txt").write_text("one\n")
    rows = {line.rpartition(" ")[0] for name in ("train", "test") for line in (data / f"{name}.csv").read_text().splitlines()}
    problems = dict(checked(data).problems)
    assert "1 names" in problems.pop(f"{data}/classes.txt")
    assert problems.pop(f"{data}/val.csv, row 3").startswith("label 'label'")
    assert sorted(text.partition(": ")[0] for text in problems.values()) == sorted(
        str(videos / path) for path in ("läuft/1.mp4", "läuft/2.mp4") if path in rows
    )
    assert problems


def test_kinetics_lists_are_checked_below_a_prefix(data: Path) -> None:
    (data / "folder.json").unlink()
    assert checked(data, prefix=str(data.parent / "videos")) == Checked("kinetics (lists)", 10, 10, [])
    assert len(checked(data).problems) == 10


def test_a_missing_list_is_a_problem(data: Path) -> None:
    (data / "test.csv").unlink()
    assert [text for _, text in checked(data).problems] == ["there is no such file; expected a list of videos"]


def test_charades_is_checked(class_folders: Path, tmp_path: Path) -> None:
    for split, video in (("train", "0"), ("test", "1")):
        (tmp_path / f"Charades_v1_{split}.csv").write_text(f"id,actions,length\n{video},c000 0 1,1\n")
    prefix = str(class_folders / "läuft")
    assert checked(tmp_path, prefix) == Checked("charades (csv files and videos)", 2, 2, [])
    (tmp_path / "Charades_v1_test.csv").write_text("id,actions,length\n1,c000 0 1,1\n77,,1\n")
    assert checked(tmp_path, prefix).problems == [
        (f"{tmp_path}/Charades_v1_test.csv, row 3", f"{prefix}/77.mp4: the file does not exist")
    ]
    (tmp_path / "Charades_v1_test.csv").rename(tmp_path / "Charades_v1_val.csv")
    (tmp_path / "Charades_v1_test.csv").write_text("id,actions,length\n1,c000 0 1,1\n")
    assert checked(tmp_path, prefix).problems == [
        (f"{tmp_path}/Charades_v1_val.csv, row 3", f"{prefix}/77.mp4: the file does not exist")
    ]


def test_lists_of_frames_are_checked(tmp_path: Path) -> None:
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
        rows = [f'{name} 0 {n} {name}/{n:06d}.jpg ""' for n in range(3)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["original_vido_id video_id frame_id path labels", *rows]) + "\n")
        for n in range(3):
            cv2.imwrite(str(tmp_path / name / f"{n:06d}.jpg"), np.zeros((8, 8, 3), np.uint8))
    assert checked(tmp_path) == Checked("frame lists (pictures)", 2, 2, [])
    (tmp_path / "train" / "000001.jpg").unlink()
    (tmp_path / "val" / "000002.jpg").write_bytes(b"no picture")
    (first, missing), (second, damaged) = checked(tmp_path).problems
    assert (first, second) == (f"{tmp_path}/train.csv, row 2", f"{tmp_path}/val.csv, row 2")
    assert missing.endswith("train/000001.jpg: the file does not exist (1 of 3 pictures are missing)")
    assert damaged.endswith("val/000002.jpg: the picture is damaged")


def test_a_folder_of_nothing_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing that is known; expected lists of one of these formats: folder"):
        checked(tmp_path)


def test_all_wrong_rows_of_a_list_are_told_and_the_right_ones_checked(data: Path) -> None:
    with (data / "train.csv").open("a") as file:
        file.write('no label\njump rope/0.mp4 7\n"a b.mp4" 1\ngone.mp4 0\n')
    problems = checked(data).problems
    assert [where.rpartition(", ")[2] for where, _ in problems] == ["row 7", "row 8", "row 9", "row 10"]
    assert [text.partition(";")[0] for _, text in problems[:3]] == [
        "label 'label' in 'no label'", "class 7 in 'jump rope/0.mp4 7'", 'the path "a b.mp4" in quotes',
    ]  # fmt: skip


def link(name: str, target: str) -> Callable[[Path], str]:
    def make(videos: Path) -> str:
        (videos / name).symlink_to(target)
        return name

    return make


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda videos: "a.mp4", id="the same spelling"),
        pytest.param(lambda videos: "x/.././a.mp4", id="another spelling"),
        pytest.param(lambda videos: f"{videos}/a.mp4", id="absolute"),
        pytest.param(link("link.mp4", "a.mp4"), id="a link"),
    ],
)
@pytest.mark.parametrize(
    ("list_name", "label", "problem", "note"),
    [
        ("train", 1, "again, with class 1 after class 0|is the file of .*, with other classes", None),
        ("train", 0, None, r"a video that is listed before, with the same classes \(1 such rows\)"),
        ("val", 0, r"is trained on too, by .*train\.csv, row 1 \(1 of 2 videos of val are\)", None),
        ("test", 0, r"is trained on too, by .*train\.csv, row 1 \(1 of 2 videos of test are\)", None),
    ],
)
def test_one_file_twice_is_found_whatever_it_is_called(
    class_folders: Path, tmp_path: Path, again: Callable[[Path], str], list_name: str, label: int, problem: str, note: str
) -> None:
    videos = tmp_path / "videos"
    (videos / "x").mkdir(parents=True)
    for number, name in enumerate("abcd"):
        shutil.copy(class_folders / "jump rope" / f"{number}.mp4", videos / f"{name}.mp4")
    rows = {"train": "a.mp4 0\nb.mp4 1\n", "val": "c.mp4 0\n", "test": "d.mp4 0\n"}
    rows[list_name] += f"{again(videos)} {label}\n"
    for name, text in rows.items():
        (tmp_path / f"{name}.csv").write_text(text)
    found = checked(tmp_path, str(videos))
    assert bool(found.problems) == bool(problem)
    assert not problem or re.search(problem, found.problems[0][1])
    assert not note or any(re.search(note, text) for text in found.notes)


def test_thin_lists_and_what_they_leave_open_are_told(class_folders: Path, tmp_path: Path) -> None:
    for name, rows in {"train": "0.mp4 0\n1.mp4 2\n", "val": "2.mp4 0\n", "test": "2.mp4 0\n"}.items():
        (tmp_path / f"{name}.csv").write_text(rows)
    found = checked(tmp_path, str(class_folders / "jump rope"))
    assert found.problems == []
    assert f"{tmp_path}/train.csv: classes go up to 2, so MODEL.NUM_CLASSES has to be 3 or more" in found.notes
    assert "val has one video: its figures say hardly anything" in found.notes
    assert "classes that no video of val shows: 2 (1 in all)" in found.notes


def test_classes_without_a_training_video_are_told(data: Path) -> None:
    rows = (data / "train.csv").read_text().splitlines()
    (data / "train.csv").write_text("".join(f"{row}\n" for row in rows if row.endswith("0")))
    assert f"{data}/train.csv: 1 of 2 classes have no training video: 1" in checked(data).notes


def test_videos_without_a_label_and_late_actions_are_told(class_folders: Path, tmp_path: Path) -> None:
    for split, rows in (("train", "0,c000 0 1,0.5\n1,c000 500 900,0.5\n"), ("test", "2,,0.5\n3,c000 0 1,0.5\n")):
        (tmp_path / f"Charades_v1_{split}.csv").write_text(f"id,actions,length\n{rows}")
    found = checked(tmp_path, str(class_folders / "jump rope"))
    assert found.problems == []
    late, unlabelled = found.notes
    assert late.endswith("(the first in row 3: at second 500 of 0.5; are these seconds?)")
    assert "1 of 2 videos have no action, and count as videos in which none of the classes is seen" in unlabelled


def test_another_separator_can_be_given(data: Path) -> None:
    for name in ("train", "val", "test"):
        path = data / f"{name}.csv"
        path.write_text("".join("\t".join(line.rsplit(" ", 1)) + "\n" for line in path.read_text().splitlines()))
    assert checked(data).problems
    assert check(data, separator="\t", jobs=1).problems == []
