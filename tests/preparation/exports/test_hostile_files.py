"""Files that are broken, of another kind, or made to do harm end in one sentence that says where and what would be right."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slowfast.annotations.errors import DatasetError
from slowfast.preparation.exports.sniffing import read_export
from tests.preparation.label_reading import read_labels

FILES = Path(__file__).parent / "files"
WHOLE = sorted(path for path in FILES.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    (folder / "kitchen.mp4").touch()
    return folder


STRANGE = [None, True, -1, 1e300, "", "x", [], {}, [[]], {"x": 1}, float("nan"), "9" * 20]


def changed(name: str, *changes: tuple[str, str]) -> str:
    text = (FILES / name).read_text()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.data())
def test_a_file_that_is_cut_off_or_damaged_is_understood_or_refused_in_one_sentence(
    root: Path, path: Path, data: st.DataObject
) -> None:
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    damaged = (
        content[:place]
        if data.draw(st.booleans())
        else content[:place] + data.draw(st.binary(max_size=3)) + content[place + 2 :]
    )
    file = root / f"damaged{path.suffix}"
    file.write_bytes(damaged)
    try:
        read_labels(file, root)
    except DatasetError as error:
        assert "expected" in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_json_with_other_values_anywhere_is_understood_or_refused_in_one_sentence(root: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in WHOLE if path.suffix in (".json", ".boris")]))
    content = json.loads(path.read_text())
    here: Any = content
    while isinstance(here, dict | list) and here:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.integers(0, 5)) == 0:
            here[key] = data.draw(
                st.sampled_from([None, True, -1, 1e300, "", "x", [], {}, [[]], {"x": 1}, float("nan"), "9" * 20])
            )
            break
        here = here[key]
    (root / "other.json").write_text(json.dumps(content))
    try:
        read_labels(root / "other.json", root)
    except DatasetError as error:
        assert "expected" in str(error)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("kitchen.eaf", [('"a2"', '"a1"')], r"tier 'Cook', annotation a1, row 24: the id 'a1' a second time, after .* row 19"),
        ("kitchen.eaf", [('REF2="ts2"', 'REF2="ts77"')], "row 19: the time slot 'ts77', which is not there"),
        ("kitchen.eaf", [('"ts2" TIME_VALUE="4250"', '"ts2" TIME_VALUE="100"')], "row 19: an end, 0.1, before the start, 1.5"),
        (
            "kitchen.eaf", [('"ts1" TIME_VALUE="1500"', '"ts1" TIME_VALUE="soon"')],
            "row 11: the time 'soon'; expected a whole number",
        ),
        ("kitchen.eaf", [('"ts3"', '"ts1"')], "row 13: the time slot 'ts1' a second time"),
        (
            "kitchen.eaf", [('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a9"')],
            "annotation a4, row 36: it refers to annotation 'a9'",
        ),
        (
            "kitchen.eaf", [('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a4"')],
            "annotation a4, row 36: it refers to annotation 'a4'",
        ),
        ("kitchen.eaf", [("milliseconds", "NTSC-frames")], "row 4: times in NTSC-frames; expected milliseconds"),
        ("boris_7_tabular.tsv", [("STOP", "START")], "row 11: 'groom' starts and never stops; .*1 more wrong rows: 13"),
        ("boris_7_tabular.tsv", [("\tSTART", "\tPOINT")], "row 13: 'groom' stops, and nothing started it"),
        ("boris_7_tabular.tsv", [("POINT", "MAYBE")], "row 14: Status 'MAYBE'; expected START, STOP or POINT"),
        ("boris_8_tabular.csv", [(",STOP,", ",POINT,")], "row 2: 'groom' starts and never stops"),
        (
            "boris_8_tabular.csv", [("10.000;20.000", "NA")],
            "row 3: an observation of 2 files, .* nothing says how long each is",
        ),
        ("boris_8_aggregated.csv", [("101.500", "late")], "row 2: the time 'late'"),
        ("boris_8_aggregated.csv", [("101.500", "1.500")], "row 2: the time -98.5; expected a time from the start"),
        ("mice.boris", [('[4.25, "A", "groom"', '[4.25, "A", "fly"')], "observation 'mouse 1', event 2: the behavior 'fly'"),
        ("mice.boris", [('[1.5, "A", "groom"', '["x", "A", "groom"')], r"mouse 1\.events\[0\]\[0\]: 'x'; expected seconds"),
        ("via.json", [('"z": [1.5, 4.25]', '"z": [4.5, 4.25]')], "metadata '1_aaaaaaaa': an end, 4.25, before the start, 4.5"),
        ("via.json", [('"av": {"1": "1"}', '"av": {"7": "1"}')], "metadata '1_aaaaaaaa': attribute '7', which is not defined"),
        (
            "via.json", [('"vid": "1"', '"vid": "8"')],
            "metadata '1_aaaaaaaa': view '8', which shows no video; expected one of 1",
        ),
        ("vidat.json", [('"action": 1', '"action": 9')], "action 1: the label 9, which the config lacks"),
        (
            "vidat.json", [('"start": 1.5', '"start": "soon"')],
            r"annotation\.actionAnnotationList\[0\]\.start: 'soon'; expected seconds",
        ),
        (
            "cvat.xml", [('xtl="10.00"', 'xtl="90.00"')],
            "track 0, row 40: a box with corners 90, 5, 50, 25; expected xtl <= xbr",
        ),
        ("cvat.xml", [('frame="25"', 'frame="0"')], "track 0, row 43: frame 0 a second time"),
        ("cvat.xml", [('xtl="10.00"', 'xtl="left"')], "track 0, row 40: 'left'; expected xtl in pixels"),
        (
            "cvat.xml", [("<source>kitchen.mp4</source>", ""), ("<name>kitchen</name>", "")],
            "row 5: no source or no original_size",
        ),
        ("cvat.xml", [("<track", '<image id="0" name="a.jpg"/><track')], r"row 39: annotated pictures \(CVAT for images\)"),
        ("label_studio.json", [('"end": 50', '"end": 0')], "task 11, result 1: an end, frame 0, before the start, frame 1"),
        ("label_studio.json", [('"start": 1,', '"start": 1.5,')], r"task 11, result 1: the frame 1\.5"),
        ("activitynet.json", [("[1.5, 4.25]", "[1.5]")], r"video 'kitchen', annotation 1: its segment is \[1\.5\]"),
        (
            "activitynet.json", [('"label": "stir"', '"label": ""')],
            "video 'kitchen', annotation 2: ''; expected the name of a class",
        ),
        ("activitynet.json", [('"annotations": []', '"annotations": 5')], "video 'hall': annotations: 5; expected a list"),
        ("thumos/PourMilk_val.txt", [("hall  2.0", "hall  two")], "row 2: 'hall  two 3.0'; expected video, start and end"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_element(
    root: Path, tmp_path: Path, name: str, changes: list[tuple[str, str]], message: str
) -> None:
    path = tmp_path / Path(name).name
    path.write_text(changed(name, *changes))
    with pytest.raises(DatasetError, match=message):
        read_labels(path, root)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{}", "json with the keys ; expected ELAN"),
        ("a.json", b'{"results": {}}', "json with the keys results: detected events, as ActivityNet's results"),
        ("a.json", b'{"_via_img_metadata": {}}', "a VIA 2 project, which is of pictures"),
        ("a.json", b'[1, 2]', "json of another kind"),
        ("a.json", b'{"database": {"a": 1, "a": 2}}', "the key 'a' stands twice"),
        ("a.json", b"[" * 100_000, "this is not json"),
        ("a.xml", b"<html><body/></html>", "row 1: xml of <html>"),
        ("a.eaf", b'<!DOCTYPE a [<!ENTITY x "y">]><ANNOTATION_DOCUMENT/>', r"row 1: a document type \(<!DOCTYPE"),
        ("a.csv", b"", "an empty file"),
        ("a.csv", b"\xff\xfe", "an empty file"),
        ("a.csv", b"just some words\nand more\n", "the header is 'just some words' and lacks path, label"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, r"a workbook of Excel 97 \(\.xls\); expected an \.xlsx"),
        ("a.zip", b"PK\x03\x04 and nothing else", "the archive cannot be read"),
    ],
)  # fmt: skip
def test_files_of_another_kind_are_refused(root: Path, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_labels(tmp_path / name, root)


def test_an_archive_as_cvat_writes_it_is_read_and_another_is_refused(root: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.write(FILES / "cvat.xml", "annotations.xml")
    assert read_labels(tmp_path / "export.zip", root).videos[0].path == "kitchen.mp4"
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DatasetError, match=r"an archive of 1 files, without an annotations\.xml"):
        read_labels(tmp_path / "other.zip", root)


def test_a_folder_without_an_export_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(DatasetError, match=re.escape(f"{tmp_path}: no export in this folder (1 other files); expected ELAN")):
        read_labels(tmp_path, root)


def test_labels_of_whole_videos_and_times_do_not_mix(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label\nkitchen,run\n")
    (tmp_path / "b.csv").write_text("video,start,end,label\nkitchen,0,1,run\n")
    with pytest.raises(DatasetError, match=r"a\.csv: labels of whole videos, and .*b\.csv has times; expected one"):
        read_labels(tmp_path, root)


@pytest.mark.parametrize("damage", ["content", "method", "encrypted"])
def test_a_damaged_archive_is_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", "<annotations>" + "<meta/>" * 99 + "</annotations>")
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    if damage == "content":
        content[50:54] = b"\xff" * 4
    elif damage == "method":
        content[8:10] = content[central + 10 : central + 12] = b"\x63\0"
    else:
        content[6] = content[central + 8] = 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"export\.zip: the archive cannot be read"):
        read_export(path)
