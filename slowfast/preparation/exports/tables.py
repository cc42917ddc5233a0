"""Tables of labels and events: csv files as spreadsheets write them, and workbooks (.xlsx)."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slowfast.annotations.csv_reading import read_header, read_rows
from slowfast.annotations.errors import DatasetError, OnFault
from slowfast.errors import MissingPackageError
from slowfast.preparation.exports.export import Place


class Table(Protocol):
    """header: names of the columns. place: that of a row of it."""

    header: Sequence[str]

    def rows(self, columns: Sequence[str], on_fault: OnFault) -> Iterator[tuple[int, dict[str, str]]]:
        """(row, values of `columns` by name), without empty rows. Raises DatasetError for a column that stands twice."""
        ...

    def place(self, row: int | None = None) -> Place: ...


@dataclass(slots=True)
class CsvTable:
    """skip: lines before the header."""

    path: Path
    skip: int = 0
    header: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.header = read_header(self.path, skip=self.skip)

    def rows(self, columns: Sequence[str], on_fault: OnFault) -> Iterator[tuple[int, dict[str, str]]]:
        return read_rows(self.path, tuple(columns), skip=self.skip, on_fault=on_fault)

    def place(self, row: int | None = None) -> Place:
        return Place(self.path, row)


@dataclass(slots=True)
class SheetTable:
    """One sheet of a workbook. cells: (row, texts) of all rows that are not empty, the header among them."""

    path: Path
    sheet: str
    cells: list[tuple[int, list[str]]]
    header: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.header = self.cells[0][1] if self.cells else ()

    def rows(self, columns: Sequence[str], on_fault: OnFault) -> Iterator[tuple[int, dict[str, str]]]:
        for name in columns:
            if self.header.count(name) > 1:
                raise self.place(self.cells[0][0]).fault(f"the column {name!r} stands twice", "each name once")
        places = {name: self.header.index(name) for name in columns}
        for row, texts in self.cells[1:]:
            yield row, {name: texts[place] if place < len(texts) else "" for name, place in places.items()}

    def place(self, row: int | None = None) -> Place:
        return Place(self.path, row, f"sheet {self.sheet!r}")


def read_workbook(path: Path) -> list[SheetTable]:
    """The sheets of an .xlsx file that hold anything. Raises MissingPackageError without openpyxl, DatasetError."""
    try:
        import openpyxl
    except ImportError:
        raise MissingPackageError(
            f"openpyxl reads workbooks such as {path}, and it is not installed: pip install 'slowfast-pgt[spreadsheet]' "
            '(or save the table as "CSV UTF-8")'
        ) from None
    try:
        return _sheets(path, openpyxl.load_workbook(path, read_only=True, data_only=True))
    except Exception as error:  # what openpyxl and the readers of zip and xml raise for a damaged file is of many types
        raise DatasetError(
            path=str(path),
            found=f"the workbook cannot be read ({error})",
            expected="an .xlsx file as Excel or LibreOffice writes it",
        ) from error


def _sheets(path: Path, book: Any) -> list[SheetTable]:
    sheets = []
    with contextlib.closing(book):
        for sheet in book.worksheets:
            cells = []
            for row, values in enumerate(sheet.iter_rows(values_only=True), 1):
                texts = [_cell_text(value) for value in values]
                while texts and not texts[-1]:
                    del texts[-1]
                if texts:
                    cells.append((row, texts))
            if cells:
                sheets.append(SheetTable(path, sheet.title, cells))
    return sheets


def _cell_text(value: Any) -> str:
    """What a cell says, as a csv file would; times of the day are read as lengths of time, which they stand for."""
    if value is None:
        return ""
    if isinstance(value, dt.time):
        seconds = f"{value.second + value.microsecond / 1e6:09.6f}".rstrip("0").rstrip(".")
        return f"{value.hour}:{value.minute:02d}:{seconds}"
    if isinstance(value, dt.timedelta):
        return f"{value.total_seconds():g}" if value.total_seconds() < 1e5 else str(value.total_seconds())
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
