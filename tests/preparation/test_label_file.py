"""A csv file of labels as people write it: understood, or refused with the row and what would be right; never misread."""

import os
from pathlib import Path

import pytest

from slowfast.datasets.errors import DatasetError
from slowfast.preparation.videos import Inventory
from tests.preparation.label_reading import read_labels

TWO = [("1.mp4", ("run",)), ("2.mp4", ("jump",))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """1.mp4 to 5.mp4, a folder x, and 1.mp4 under other names: links of both kinds."""
    folder = tmp_path / "videos"
    (folder / "x").mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"{number}.mp4").touch()
    (folder / "soft.mp4").symlink_to("1.mp4")
    os.link(folder / "1.mp4", folder / "hard.mp4")
    (folder / "y").symlink_to("x")
    return folder


def read(root: Path, content: str | bytes) -> Inventory:
    path = root.parent / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path, root)


def named(inventory: Inventory) -> list[tuple[str, tuple[str, ...]]]:
    return [(video.path, video.class_names) for video in inventory.videos]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("path,label\n1.mp4,run\n2.mp4,jump\n", id="as it should be"),
        pytest.param("path;label\r\n1.mp4;run\r\n2.mp4;jump\r\n", id="semicolons and Windows line ends"),
        pytest.param("path\tlabel\n1.mp4\trun\n2.mp4\tjump\n", id="tabs"),
        pytest.param("sep=;\npath;label\n1.mp4;run\n2.mp4;jump\n", id="Excel's line about the separator"),
        pytest.param("path,label\r1.mp4,run\r2.mp4,jump\r", id="line ends of old Macs"),
        pytest.param("path,label,,\n1.mp4,run,,\n2.mp4,jump,,\n,,,\n,,,\n", id="trailing empty columns and rows"),
        pytest.param("\n".join(["path,label", "1.mp4,run,", "2.mp4,jump,,,"]), id="trailing empty fields"),
        pytest.param("path,label\n 1.mp4 , run \n2.mp4,jump\n", id="outer blanks"),
        pytest.param('path,label\n"1.mp4","run"\n"2.mp4","jump"\n', id="quotes around every field"),
        pytest.param(b"\xef\xbb\xbfpath,label\n1.mp4,run\n2.mp4,jump\n", id="UTF-8 with a mark"),
        pytest.param("path\tlabel\n1.mp4\trun\n2.mp4\tjump\n".encode("utf-16"), id="UTF-16, Excel's Unicode text"),
        pytest.param(b"\xfe\xff" + "path,label\n1.mp4,run\n2.mp4,jump\n".encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param("note,label,path\n-,run,1.mp4\n-,jump,2.mp4\n", id="columns in another order"),
    ],
)
def test_other_programs_ways_of_writing_are_understood(root: Path, content: str | bytes) -> None:
    assert named(read(root, content)) == TWO


def test_classes_may_hold_commas_quotes_and_other_scripts(root: Path) -> None:
    text = 'path,label\n1.mp4,"pour milk, slowly"\n2.mp4,"say ""hi"""\n3.mp4,走る\n'
    assert [names for _, names in named(read(root, text))] == [("pour milk, slowly",), ('say "hi"',), ("走る",)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("1.mp4,./1.mp4", r"row 3: '\./1\.mp4' again, after row 2, which calls it '1\.mp4'", id="./"),
        pytest.param("1.mp4,x/../1.mp4", r"row 3: 'x/\.\./1\.mp4' again, after row 2", id=".."),
        pytest.param("1.mp4,y/../1.mp4", "row 3: .* again, after row 2", id=".. behind a link"),
        pytest.param("1.mp4,x//..//1.mp4", "row 3: .* again, after row 2", id="doubled slashes"),
        pytest.param("1.mp4,soft.mp4", "row 3: 'soft.mp4' again, after row 2", id="link"),
        pytest.param("1.mp4,hard.mp4", "row 3: 'hard.mp4' again, after row 2", id="hard link"),
        pytest.param("1.mp4,{root}/1.mp4", "row 3: .* again, after row 2", id="absolute and relative"),
        pytest.param("gone.mp4,./gone.mp4", "row 3: .* again, after row 2", id="a file that is not there"),
        pytest.param("e\u0301.mp4,\u00e9.mp4", "row 3: .* again, after row 2", id="composed and decomposed letters"),
    ],
)
@pytest.mark.parametrize("label", ["run", "jump"])
def test_one_file_under_two_names_is_refused_with_one_label_as_with_two(
    root: Path, content: str, message: str, label: str
) -> None:
    first, second = content.format(root=root).split(",")
    with pytest.raises(DatasetError, match=message):
        read(root, f"path,label\n{first},run\n{second},{label}\n3.mp4,jump\n")
    with pytest.raises(DatasetError, match=r"row 3: .*, which row 2 calls"):
        read(root, f"path,label,start,end\n{first},run,0,1\n{second},{label},1,2\n")


def test_all_wrong_rows_are_named_at_once(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"row 3: '\./1\.mp4' again, after row 2.* \(2 more wrong rows: 5, 6\)"):
        read(root, "path,label\n1.mp4,run\n./1.mp4,run\n2.mp4,jump\n2.mp4,run\n3.mp4,\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            "path,label\n1.mp4,pour, slowly\n",
            'row 2: 3 fields under the 2 columns path, label; .*quotes around it, like "pour, slowly"',
            id="comma in a label without quotes",
        ),
        pytest.param("path,label\n1.mp4,pour, very, slowly\n", 'like "pour, very, slowly"', id="two commas"),
        pytest.param("path,label,start,end\n1.mp4,a, b,0,1\n", "row 2: 5 fields under the 4 columns", id="... at times"),
        pytest.param("path;label\n1.mp4;a;b\n", 'row 2: 3 fields under the 2 columns.* like "a;b"', id="semicolon in a label"),
        pytest.param("path,label,start,end\n1.mp4,run,0\n", "row 2: 3 fields; expected 4", id="row that ends early"),
        pytest.param('path,label\n1.mp4,"run\n2.mp4,jump\n', "row 2: a quote in the wrong place", id="quote never closed"),
        pytest.param('path,label\n1.mp4,"run"ning\n', "row 2: a quote in the wrong place", id="quote in the middle"),
        pytest.param("path,label,label\n1.mp4,a,b\n", "has label twice", id="two columns of one name"),
        pytest.param(
            b"path,label\n1.mp4,run\n2.mp4,l\xe4uft\n", "row 3: this is not UTF-8; .*Excel: save as", id="Windows-1252"
        ),
        pytest.param("path,label\n1.mp4,run\n".encode("utf-16-le"), "row 1: a NUL character, as in UTF-16", id="no mark"),
        pytest.param(b"path,label\n1.mp4,r\0n\n", "row 2: a NUL character", id="NUL in a field"),
        pytest.param("path,label\n1.mp4,Run\n2.mp4,run\n", "'Run' .*row 2.* and 'run' .*row 3.*case or blanks", id="case"),
        pytest.param("path,label\n1.mp4,jump rope\n2.mp4,jump  rope\n", "differ in case or blanks only", id="blanks"),
        pytest.param("path,label\n1.mp4,e\u0301\n2.mp4,\u00e9\n", "differ in case or blanks only", id="composed letters"),
        pytest.param("path,labels\n1.mp4,run|jump\n2.mp4,run\n", "row 2: commas or bars in labels", id="bars in labels"),
        pytest.param('path,labels\n1.mp4,"run,jump"\n', "row 2: commas or bars in labels", id="commas in labels"),
        pytest.param('path;label;start;end\n1.mp4;a;"1.000,5";1\n', "the time '1.000,5'", id="separators of thousands"),
        pytest.param("path,label,start,end\n1.mp4,a,1_0,20\n", "the time '1_0'", id="underscore in a number"),
        pytest.param("path,label,start,end\n1.mp4,a,0:10,0:70\n", "the time '0:70'", id="seconds beyond a minute"),
        pytest.param("path,label,start,end\n1.mp4,a,2026-01-02,3\n", "the time '2026-01-02'", id="a date"),
        pytest.param("path,label,start,end\n1.mp4,a,１,２\n", "the time '１'", id="full-width digits"),
        pytest.param("path,label,start,end\n1.mp4,a,-1,2\n", "the time '-1'", id="negative"),
        pytest.param("path,label,start,end\n1.mp4,a,nan,2\n", "the time 'nan'", id="no number"),
        pytest.param("path,label,start,end\n1.mp4,a,0,inf\n", "the time 'inf'", id="without end"),
        pytest.param("path,label,start,end\n1.mp4,a,,\n", "the time ''", id="a label without times"),
        pytest.param("path,label,start,end\n1.mp4,,0,1\n", "row 2: times without a label", id="times without a label"),
        pytest.param("path,label,start,end\n1.mp4,a,2,1\n", "row 2: an end, 1, before the start, 2", id="end before start"),
        pytest.param(
            "path,label,start,end\n1.mp4,,,\n1.mp4,a,0,1\n", "row 2: an empty label for '1.mp4', which row 3", id="both"
        ),
        pytest.param("", "an empty file; expected ELAN", id="empty file"),
    ],
)
def test_what_could_be_misread_is_refused(root: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read(root, content)


def test_videos_without_a_label_and_videos_that_are_not_named_are_told(root: Path) -> None:
    unnamed, unlabelled = read(root, "path,labels\n1.mp4,run\n2.mp4,jump\n3.mp4,\n4.mp4,\n").notes
    assert "does not name, which are not used: 1, such as" in unnamed
    assert unnamed.endswith("5.mp4")
    assert "count as videos in which none of the classes is seen: 2, the first in" in unlabelled
    assert unlabelled.endswith("labels.csv, row 4")


def test_files_of_events_are_read_under_their_own_names_of_columns_and_without_endings(root: Path) -> None:
    found = read(root, "video,start,end,class,score\n1,0.5,2,run,0.9\n2.mp4,0,1,jump,0.1\n1.mp4,3,4,jump,0.5\n3,,,,\n")
    assert found.multi_label
    assert named(found) == [("1.mp4", ("run", "jump")), ("2.mp4", ("jump",)), ("3.mp4", ())]
    assert [(span.start_sec, span.end_sec) for span in found.videos[0].spans] == [(0.5, 2), (3, 4)]
    assert named(read(root, "video,class\n1,run\n2,jump\n")) == TWO


def test_a_name_that_two_files_may_have_is_refused_and_one_that_none_has_is_kept(root: Path) -> None:
    (root / "1.mkv").touch()
    with pytest.raises(DatasetError, match=r"row 2: '1', which may be 1\.mkv or 1\.mp4; expected one of these"):
        read(root, "video,start,end,class\n1,0,1,run\n")
    assert named(read(root, "video,start,end,class\n1.mp4,0,1,run\ngone,0,1,run\n")) == [
        ("1.mp4", ("run",)),
        ("gone", ("run",)),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("1,2,1.5,run", r"labels\.csv, row 2: an end, 1\.5, before the start, 2", id="end before start"),
        pytest.param('1,"0,5s,",2,run', r"row 2: the time '0,5s,'; expected a time like 12\.5, 12,5", id="no time"),
        pytest.param("1,0,5,2,run", "row 2: 5 fields under the 4 columns", id="decimal comma without quotes"),
        pytest.param("1,-1,2,run", "row 2: the time '-1'", id="before the video"),
        pytest.param("1,0,,run", "row 2: the time ''", id="without end"),
        pytest.param("1,nan,2,run", "row 2: the time 'nan'", id="not a number"),
        pytest.param("1,0,1,", "row 2: times without a label", id="without class"),
        pytest.param(",0,1,run", "row 2: an empty path", id="without video"),
    ],
)
def test_wrong_rows_of_events_are_named(root: Path, row: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read(root, f"\ufeffvideo,start,end,class\n{row}\n")
