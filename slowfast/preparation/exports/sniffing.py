"""Which tool wrote a file, told by what it holds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.json_reading import read_json
from slowfast.annotations.xml_reading import parse_xml
from slowfast.preparation.exports import boris, cvat, elan, label_studio, via, vidat
from slowfast.preparation.exports.activitynet_truths import is_activitynet, read_activitynet
from slowfast.preparation.exports.export import Export, Json, Place
from slowfast.preparation.exports.label_tables import is_label_table, read_label_table
from slowfast.preparation.exports.tables import CsvTable, SheetTable, Table, read_workbook
from slowfast.preparation.exports.thumos import is_thumos, read_thumos

FORMATS = (
    "ELAN (.eaf), BORIS (tables or project), VIA 3, VIDAT, CVAT for video (xml), Label Studio (JSON), ActivityNet (json), "
    "THUMOS (txt), or a table (csv, xlsx) of videos and labels"
)
"""For messages."""

_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_LARGEST_MEMBER = 1 << 30
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
"""What zipfile raises for what is damaged, packed by a way that it does not know, or encrypted."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_exports(paths: Sequence[Path]) -> tuple[list[Export], list[str]]:
    """What files, and those of folders at any depth, export; and sentences on files of folders that export nothing, which are
    left out. Raises DatasetError for a file that is none that we know, wherever it is named by itself."""
    exports: list[Export] = []
    strange: list[str] = []
    for path in paths:
        if not path.is_dir():
            exports += read_export(path)
            continue
        found = len(exports)
        for file in files_of(path):
            try:
                exports += read_export(file)
            except UnknownFormatError as error:
                strange.append(f"{error.path}: {error.found}")
        if len(exports) == found:
            raise DatasetError(path=str(path), found=f"no export in this folder ({len(strange)} other files)", expected=FORMATS)
    return exports, strange


class UnknownFormatError(DatasetError):
    """A file that no tool that we know of wrote."""


_TEXTS = frozenset([".eaf", ".boris", ".csv", ".tsv", ".txt", ".json", ".xml", ".zip", ".xlsx", ".xlsm"])


def files_of(folder: Path) -> list[Path]:
    """Files that may be exports, by the endings that tools give them; hidden ones are none."""
    return [
        path for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _TEXTS and path.is_file() and not path.name.startswith((".", "~$"))
    ]  # fmt: skip


def read_export(path: Path) -> list[Export]:
    """What a file exports; a workbook has one export for each of its sheets. Raises DatasetError, and UnknownFormatError for a
    file that is none of FORMATS."""
    head = _head(path)
    if head.startswith(_OLD_WORKBOOK):
        raise UnknownFormatError(
            path=str(path), found="a workbook of Excel 97 (.xls)", expected="an .xlsx file, or csv in UTF-8"
        )
    if head.startswith(_ZIP):
        return _read_zip(path)
    text = head.decode("utf-16" if head[:2] in _WIDE_MARKS else "utf-8-sig", errors="replace").lstrip()
    if text.startswith("<"):
        return [_read_xml(path, path.read_bytes())]
    if text.startswith(("{", "[")):
        return [_read_json(path)]
    return [_read_text(path)]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected=FORMATS) from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise UnknownFormatError(path=str(path), found="an empty file", expected=FORMATS)
    return head


def _read_zip(path: Path) -> list[Export]:
    """A workbook, or an archive as CVAT writes it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" in names:
                return _read_tables(path, read_workbook(path))
            inner = [name for name in names if name.rpartition("/")[2] == "annotations.xml"]
            if len(inner) != 1:
                found = f"an archive of {len(names)} files, without an annotations.xml"
                raise UnknownFormatError(path=str(path), found=found, expected=FORMATS)
            if archive.getinfo(inner[0]).file_size > _LARGEST_MEMBER:
                raise DatasetError(path=str(path), found=f"{inner[0]} of more than 1 GiB", expected="an export of fewer videos")
            return [_read_xml(path, archive.read(inner[0]))]
    except _DAMAGED as error:
        raise DatasetError(path=str(path), found=f"the archive cannot be read ({error})", expected=FORMATS) from error


def _read_xml(path: Path, content: bytes) -> Export:
    root = parse_xml(content, path, FORMATS)
    place = Place(path, None)
    if root.name == elan.ROOT:
        return elan.read_elan(root, place)
    if root.name == cvat.ROOT:
        return cvat.read_cvat(root, place)
    raise UnknownFormatError(path=str(path), row=root.row, found=f"xml of <{root.name}>", expected=FORMATS)


def _read_json(path: Path) -> Export:
    content = Json(read_json(path, object, FORMATS), Place(path))
    readers = (
        (boris.is_boris_project, boris.read_boris_project),
        (via.is_via, via.read_via),
        (vidat.is_vidat, vidat.read_vidat),
        (is_activitynet, read_activitynet),
        (label_studio.is_label_studio, label_studio.read_label_studio),
    )
    for fits, read in readers:
        if fits(content):
            return read(content)
    found = "json of another kind"
    if isinstance(content.value, dict):
        keys = ", ".join(map(str, list(content.value)[:8]))
        found = "a VIA 2 project, which is of pictures" if via.is_via2(content) else f"json with the keys {keys[:200]}"
        if "results" in content.value:
            found += ": detected events, as ActivityNet's results"
    raise UnknownFormatError(path=str(path), found=found, expected=FORMATS)


def _read_text(path: Path) -> Export:
    behind = boris.table_behind_preamble(path)
    if behind is not None and boris.is_boris_table(behind):
        return boris.read_boris_table(behind)
    if path.suffix.lower() == ".txt" and is_thumos(path):
        return read_thumos(path)
    [export] = _read_tables(path, [CsvTable(path)])
    return export


def _read_tables(path: Path, tables: Sequence[CsvTable | SheetTable]) -> list[Export]:
    """Raises UnknownFormatError where no table is one of labels and none looks like it."""
    good: list[Export] = []
    others = []
    for table in tables:
        if boris.is_boris_table(table):
            good.append(boris.read_boris_table(table))
        elif is_label_table(table):
            good.append(read_label_table(table))
        else:
            others.append(table)
    if good:
        for table in others:
            good[0].left_out[f"{table.place().part}, whose columns are others"] += 1
        return good
    if not tables:
        raise UnknownFormatError(path=str(path), found="an empty workbook", expected=FORMATS)
    raise _no_columns(others[0])


def _no_columns(table: Table) -> DatasetError:
    """What the reader says of a table that lacks columns."""
    try:
        read_label_table(table)
    except DatasetError as error:
        return UnknownFormatError(path=error.path, row=error.row, found=error.found, expected=error.expected)
    raise AssertionError("a table that can be read is one of labels")


def looks_like_export(path: Path) -> bool:
    """Whether a file is an export that people made; nothing of it is judged. What has scores is what a network found."""
    try:
        exports = read_export(path)
        return bool(exports) and not any(export.scored for export in exports)
    except DatasetError:
        return False


__all__ = ["FORMATS", "UnknownFormatError", "files_of", "looks_like_export", "read_export", "read_exports"]
