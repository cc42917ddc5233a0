"""Copies of a whole folder: all or those that are missing, with lists that fit."""

import os
from pathlib import Path

import pytest

from slowfast.config.prepared_folder import FolderManifest
from slowfast.datasets.errors import DatasetError
from slowfast.preparation.checking import check
from slowfast.preparation.preparing import Preparation, prepare
from slowfast.preparation.reencoding import Reencoded, Reencoding, copy_name, reencode, sample
from slowfast.preparation.speed import measure_speed


def prepared_folder(class_folders: Path, data: Path, labels: Path | None = None) -> Path:
    prepared = prepare(Preparation(videos=class_folders, data=data, labels=labels, shares=(0.6, 0.2, 0.2), jobs=1))
    for name, text in {**prepared.texts, "folder.json": prepared.manifest.text()}.items():
        (data / name).write_text(text, encoding="utf-8")
    return data


def write_texts(out: Path, result: Reencoded) -> None:
    for name, text in result.texts.items():
        (out / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("with_intervals", [False, True])
def test_copies_of_a_prepared_folder_are_a_prepared_folder(
    class_folders: Path, interval_file: Path, tmp_path: Path, with_intervals: bool
) -> None:
    data = prepared_folder(class_folders, tmp_path / "data", interval_file if with_intervals else None)
    out = tmp_path / "out"
    result = reencode(Reencoding(videos=data, out=out, short_side=24, jobs=1))
    write_texts(out, result)
    assert result.num_new == len(result.copies) == (9 if with_intervals else 10)
    assert not result.problems
    manifest = FolderManifest.read(out)
    assert (manifest.videos, manifest.classes) == ("videos", FolderManifest.read(data).classes)
    assert check(out, jobs=1).problems == []
    moved = out.rename(tmp_path / "elsewhere")
    assert check(moved, jobs=1).problems == []


def test_only_what_is_missing_or_old_is_made_again(class_folders: Path, tmp_path: Path) -> None:
    wanted = Reencoding(videos=class_folders, out=tmp_path / "out", short_side=24, jobs=2)
    first = reencode(wanted)
    assert (first.num_new, len(first.copies)) == (10, 10)
    assert [Path(path).name for path in first.problems] == ["broken.mp4"]
    assert first.texts == {}
    first.copies[0][1].unlink()
    os.utime(first.copies[1][1], (0, 0))
    assert reencode(wanted).num_new == 2
    assert not list((tmp_path / "out").rglob(".*"))


def test_copies_made_with_other_settings_are_not_mixed(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "reencode.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"reencode\.json: copies made with"):
        reencode(Reencoding(videos=class_folders, out=out))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "videos/inside"}, "a folder inside that of the videos"),
        ({"out": "full"}, "files that were not written here"),
        ({"videos": "gone"}, "there is no such folder"),
        ({"videos": "empty"}, "no video"),
        ({"crf": 60}, "expected 2 or more; 0 to 51"),
    ],
)
def test_wrong_wishes_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    for name in ("videos", "full", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "videos" / "a.mp4").touch()
    (tmp_path / "full" / "thesis.txt").touch()
    settings = {"videos": "videos", "out": "out", **changes}
    paths = {key: tmp_path / str(settings.pop(key)) for key in ("videos", "out")}
    with pytest.raises(DatasetError, match=message):
        reencode(Reencoding(**paths, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b c.mp4", "a/b c.mp4"), ("a/b.avi", "a/b.avi.mp4"), ("/x/b.mp4", "x/b.mp4"), ("../b.mp4", "b.mp4")],
)
def test_a_copy_stays_in_its_folder_under_a_name_of_its_own(path: str, name: str) -> None:
    assert copy_name(path) == name


def test_speed_is_measured_on_videos_spread_over_the_list(class_folders: Path) -> None:
    paths = sorted((class_folders / "läuft").glob("?.mp4"))
    pairs = [(str(path), path) for path in paths]
    assert sample(pairs, 2) == [pairs[1], pairs[3]]
    speed = measure_speed(pairs[:2])
    assert speed.num_videos == 2
    assert speed.before_bytes == speed.after_bytes == sum(path.stat().st_size for path in paths[:2])
    assert speed.before_ms > 0 < speed.after_ms
