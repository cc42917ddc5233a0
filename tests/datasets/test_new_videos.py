"""Videos without labels take the place of a test list, by folder or by list."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slowfast.config import ConfigError
from slowfast.datasets.clip_sampling import UniformStridedClips
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.labels import IntervalLabels
from slowfast.datasets.new_videos import of_new_videos
from slowfast.datasets.sources import GridSource
from slowfast.datasets.transforms import FixedCrops
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.structures import ActionInterval, VideoRecord


def dataset(source: Any = None) -> VideoDataset:
    return VideoDataset(
        records=[VideoRecord(video_id="old", path="old.mp4", source="list", actions=(ActionInterval(0, 0.0, 1.0),))],
        class_names=("a",),
        source=source or GridSource(24),
        clips=UniformStridedClips(4, 2, 1),
        crops=FixedCrops(size=32),
        labels=IntervalLabels(num_classes=1, fps=24, whole_video=True),
        seed=0,
        replaces=False,
    )


def new(where: Path, old: VideoDataset | None = None) -> VideoDataset:
    cfg: Any = SimpleNamespace(TEST=SimpleNamespace(VIDEOS=str(where), DATASET="folder"))
    return of_new_videos(cfg, old or dataset())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MKV", "x/c.webm", "notes.txt", ".hidden.mp4"):
        path = tmp_path / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "new"


def test_a_folder_gives_its_videos_by_their_paths_below_it(folder: Path) -> None:
    old = dataset()
    found = new(folder, old)
    assert [record.video_id for record in found.records] == ["a.MKV", "b.mp4", "x/c.webm"]
    assert all(Path(record.path).is_file() and not record.actions for record in found.records)
    assert (found.labelled, old.labelled) == (False, True)
    assert [record.video_id for record in old.records] == ["old"]


def test_a_list_gives_its_videos_from_its_own_place(folder: Path) -> None:
    (folder / "list.txt").write_text("\ufeffx/c.webm\r\n\r\n  b.mp4 \r\n", encoding="utf-8")
    found = new(folder / "list.txt")
    assert [record.video_id for record in found.records] == ["x/c.webm", "b.mp4"]
    assert found.records[1].source == f"{folder / 'list.txt'}, row 3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("b.mp4\ngone.mp4\n", r"list\.txt, row 2: 'gone\.mp4': the file does not exist"),
        ("b\n", r"row 1: 'b': the file does not exist, but 'b\.mp4' does"),
        ("b.mp4\n./b.mp4\n", r"row 2: '\./b\.mp4' again, after row 1"),
        ("x\n", "row 1: 'x'"),
        ("\n\n", r"list\.txt: no video"),
    ],
)
def test_lists_that_are_wrong_are_told_with_their_row(folder: Path, content: str, message: str) -> None:
    (folder / "list.txt").write_text(content)
    with pytest.raises(DatasetError, match=message):
        new(folder / "list.txt")


def test_nothing_to_read_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no video"):
        new(tmp_path / "empty")
    with pytest.raises(DatasetError, match="there is no such file"):
        new(tmp_path / "gone")
    pictures: Any = SimpleNamespace()
    with pytest.raises(ConfigError, match=r"TEST\.VIDEOS.*reads pictures here"):
        new(folder, dataset(pictures))
