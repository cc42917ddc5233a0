"""A check says everything that is wrong with a folder, in any of our formats."""

import shutil
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
