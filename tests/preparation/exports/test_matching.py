"""Videos are found where they are now, whatever machine their export was made on; a name that fits two is refused."""

from pathlib import Path

import pytest

from slowfast.annotations.errors import DatasetError
from slowfast.preparation.exports.export import Place
from slowfast.preparation.exports.matching import VideoFinder

PLACE = Place(Path("a.eaf"), 3, "annotation a1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in (
        "match 1.mp4", "Größe.MKV", "day 1/cam.mp4", "day 2/cam.mp4", "day 2/only.mp4", "v_abc123.mp4", "x.y.mp4", "two.mp4",
        "deep/two.avi", "notes.txt",
    ):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("match 1.mp4", "match 1.mp4", id="as it stands"),
        pytest.param("match 1", "match 1.mp4", id="without its ending"),
        pytest.param(r"C:\Users\Someone\My Videos\match 1.mp4", "match 1.mp4", id="a path of Windows"),
        pytest.param("/home/someone/videos/match 1.mp4", "match 1.mp4", id="a path of another machine"),
        pytest.param("file:///C:/Users/Someone/match%201.mp4", "match 1.mp4", id="an address of a file"),
        pytest.param("https://example.org/data/match%201.mp4?token=x", "match 1.mp4", id="an address"),
        pytest.param("/data/local-files/?d=lab/match%201.mp4", "match 1.mp4", id="Label Studio's local file"),
        pytest.param("/data/upload/3/1a2b3c4d-match_1.mp4", "match 1.mp4", id="Label Studio's upload"),
        pytest.param("match 1.avi", "match 1.mp4", id="another ending"),
        pytest.param("GRÖSSE.mkv", "Größe.MKV", id="another case"),
        pytest.param("Gro\u0308ße.mkv", "Größe.MKV", id="decomposed letters"),
        pytest.param("abc123", "v_abc123.mp4", id="an id of ActivityNet"),
        pytest.param("x.y", "x.y.mp4", id="a dot in the name"),
        pytest.param(r"D:\lab\day 2\cam.mp4", "day 2/cam.mp4", id="the folder decides"),
        pytest.param("only", "day 2/only.mp4", id="deeper than it is named"),
        pytest.param("gone.mp4", "gone.mp4", id="nothing fits"),
        pytest.param("notes.txt", "notes.txt", id="a file that is named is taken, whatever its ending"),
        pytest.param("s3://bucket/gone.mp4", "s3://bucket/gone.mp4", id="remote and not here"),
    ],
)
def test_videos_are_found(root: Path, name: str, path: str) -> None:
    assert VideoFinder(root).find(name, PLACE) == path


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        (r"D:\lab\cam.mp4", "day 1/cam.mp4 or day 2/cam.mp4"),
        ("lab/two", "deep/two.avi or two.mp4"), ("/x/two.mov", "deep/two.avi or two.mp4"),
    ],
)  # fmt: skip
def test_names_that_several_videos_may_have_are_refused(root: Path, name: str, paths: str) -> None:
    with pytest.raises(DatasetError) as caught:
        VideoFinder(root).find(name, PLACE)
    assert str(caught.value) == f"a.eaf, annotation a1, row 3: {name!r}, which may be {paths}; expected one of these"
