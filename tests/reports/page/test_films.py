"""A browser gets what it can play, from where it lies if that is possible."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av
import cv2
import pytest

from slowfast.engine.examined import ExaminedVideo
from slowfast.reports.page import films
from slowfast.reports.page.films import PICTURES, Shelf
from tests.datasets.videos import picture, read_numbers, write_video


def video_of(*files: Path, fps: float | None = None, name: str = "v") -> ExaminedVideo:
    return ExaminedVideo(
        video_id=name, number=0, files=tuple(map(str, files)), fps=fps, place=1, measured=0.5, true=(0,), missed=(), false=(),
        rank=1, scores={0: 0.5}, truths=(), found=None, along=None,
    )  # fmt: skip


def frames_of(path: Path) -> tuple[str, str, list[int]]:
    """(codec, pixels, numbers of the frames)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        names = stream.codec_context.name, str(stream.codec_context.pix_fmt)
        return *names, read_numbers([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def reached(page: Path, address: str) -> Path:
    return (page.parent / unquote(address)).resolve()


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {}), ("b c#d?é.mov", {}), ("v.webm", {"codec": "libvpx-vp9"}), ("k.m4v", {"fps": 10})],
)
def test_what_browsers_play_stays_where_it_is(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / "data" / name
    path.parent.mkdir()
    write_video(path, 20, **options)
    shelf = Shelf(page=tmp_path / "run" / "page.html")
    film = shelf.film(video_of(path))
    assert reached(shelf.page, film.address) == path
    assert "#" not in film.address
    assert "?" not in film.address
    assert not shelf.folder.exists()
    assert film.note == ""
    assert film.duration == pytest.approx(20 / options.get("fps", 30), abs=0.01)
    assert [second for second, _ in film.strip] == sorted({second for second, _ in film.strip})
    assert len(film.strip) == PICTURES


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("a.avi", {"codec": "mpeg4", "b_frames": 0}, "files of the kind .avi"),
        ("a.mkv", {}, "files of the kind .mkv"),
        ("a.mp4", {"codec": "mpeg4"}, "mpeg4 (yuv420p)"),
        ("b.mp4", {"pix_fmt": "yuv444p"}, "h264 (yuv444p)"),
    ],
)
def test_what_browsers_do_not_play_is_written_once_as_what_they_do(
    tmp_path: Path, name: str, options: dict[str, Any], told: str
) -> None:
    path = Path(write_video(tmp_path / name, 20, **options))
    shelf = Shelf(page=tmp_path / "page.html")
    film = shelf.film(video_of(path))
    copy = reached(shelf.page, film.address)
    assert copy.parent == tmp_path / "page_files"
    assert frames_of(copy) == ("h264", "yuv420p", list(range(20)))
    assert told in film.note
    before = copy.stat().st_mtime_ns
    assert Shelf(page=shelf.page).film(video_of(path)).address == film.address
    assert copy.stat().st_mtime_ns == before


def test_pictures_become_a_video_at_their_rate(tmp_path: Path) -> None:
    files = [tmp_path / f"{number:03}.png" for number in range(9)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), picture(number)[..., ::-1])
    shelf = Shelf(page=tmp_path / "page.html")
    film = shelf.film(video_of(*files, fps=4.5))
    assert film.duration == 2.0
    copy = reached(shelf.page, film.address)
    assert frames_of(copy) == ("h264", "yuv420p", list(range(9)))
    with av.open(str(copy)) as container:
        assert float(container.duration / av.time_base) == pytest.approx(2.0, abs=0.01)
    assert "9 pictures" in film.note


def test_other_content_under_an_old_name_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    addresses = []
    for count in (5, 20):
        write_video(path, count, codec="mpeg4", b_frames=0)
        addresses.append(Shelf(page=tmp_path / "page.html").film(video_of(path)).address)
    assert addresses[0] != addresses[1]


def test_page_and_its_folder_can_be_given_away(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "data.mp4", 12))
    shelf = Shelf(page=tmp_path / "run" / "page.html", keep="copied")
    film = shelf.film(video_of(path, name="kitchen/7 a"))
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    path.unlink()
    assert frames_of(tmp_path / "elsewhere" / unquote(film.address))[2] == list(range(12))


def test_videos_in_the_page_are_whole_and_those_too_large_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(write_video(tmp_path / "a.mp4", 12))
    shelf = Shelf(page=tmp_path / "page.html", keep="embedded")
    kind, _, content = shelf.film(video_of(path)).address.partition(";base64,")
    assert kind == "data:video/mp4"
    assert base64.b64decode(content) == path.read_bytes()
    monkeypatch.setattr(films, "MOST_EMBEDDED_BYTES", 100)
    film = shelf.film(video_of(path, name="long"))
    assert shelf.too_large == ["long"]
    assert frames_of(reached(shelf.page, film.address))[2] == list(range(12))


def test_small_copies_are_in_the_page_and_nowhere_else(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "a.avi", 12, codec="mpeg4", b_frames=0))
    shelf = Shelf(page=tmp_path / "page.html", keep="embedded")
    assert shelf.film(video_of(path)).address.startswith("data:video/mp4;base64,")
    shelf.tidy()
    assert not shelf.folder.exists()


def test_hours_are_not_written_anew_unless_that_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "LONGEST_COPY_SEC", 0.5)
    path = Path(write_video(tmp_path / "a.avi", 20, codec="mpeg4", b_frames=0))
    page = tmp_path / "page.html"
    film = Shelf(page=page).film(video_of(path))
    assert film.address == ""
    assert "--copy" in film.note
    assert len(film.strip) == PICTURES
    assert Shelf(page=page, keep="copied").film(video_of(path)).address


def test_videos_that_are_gone_damaged_or_elsewhere_say_so(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video")
    shelf = Shelf(page=tmp_path / "page.html")
    for path, told in (
        (tmp_path / "gone.mp4", "is not in its place any more"),
        (damaged, "cannot be read"),
        ("s3://bucket/a.mp4", "lies elsewhere"),
    ):
        film = shelf.film(video_of(path))  # type: ignore[arg-type]
        assert (film.strip, film.address, film.duration) == ((), "", None)
        assert told in film.note
        assert str(path) in film.note


def test_films_of_an_earlier_page_go_and_what_others_put_there_stays(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "a.avi", 5, codec="mpeg4", b_frames=0))
    page = tmp_path / "page.html"
    old = reached(page, Shelf(page=page).film(video_of(path, name="old")).address)
    (tmp_path / "page_files" / "mine.mp4").write_bytes(b"")
    shelf = Shelf(page=page)
    new = reached(page, shelf.film(video_of(path, name="new")).address)
    shelf.tidy()
    assert {file.name for file in old.parent.iterdir()} == {new.name, "mine.mp4"}


def test_a_page_that_a_test_makes_writes_no_copies(tmp_path: Path) -> None:
    played, other = tmp_path / "a.mp4", tmp_path / "b.avi"
    write_video(played, 20)
    write_video(other, 20, codec="mpeg4")
    shelf = Shelf(page=tmp_path / "run" / "page.html", keep="untouched")
    assert reached(shelf.page, shelf.film(video_of(played)).address) == played
    film = shelf.film(video_of(other))
    assert film.address == ""
    assert "tools/report.py" in film.note
    assert len(film.strip) == PICTURES
    assert not shelf.folder.exists()


def test_a_page_that_is_given_away_does_not_tell_where_videos_lie(tmp_path: Path) -> None:
    gone = video_of(tmp_path / "secret place" / "v.mp4")
    for keep, told in (("linked", True), ("copied", False), ("embedded", False)):
        note = Shelf(page=tmp_path / "page.html", keep=keep).film(gone).note
        assert ("secret place" in note) == told
        assert "v.mp4" in note


def test_pictures_of_which_some_are_gone_say_so(tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.png" for number in range(3)]
    for number, name in enumerate(names):
        cv2.imwrite(str(name), picture(number))
    shelf = Shelf(page=tmp_path / "page.html")
    assert shelf.film(video_of(*names, fps=2.0)).address
    names[-1].unlink()
    assert "2.png" in shelf.film(video_of(*names, fps=2.0)).note
