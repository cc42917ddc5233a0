"""Reading csv files with a header, as people's spreadsheets write them."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from slowfast.annotations.errors import DatasetError, OnFault, stop
from slowfast.annotations.list_text import read_lines

SEPARATORS = ",;\t"
"""Separators of fields; the header tells which."""

_WHAT = "a csv file"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number(text: str) -> float:
    """The finite number that a text says; NaN for any other text, also for what Python alone takes for one (1_000)."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else math.nan


def read_rows(
    path: Path, columns: Sequence[str], *, strict: bool = True, skip: int = 0, on_fault: OnFault = stop
) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, values of `columns` by name) of each row; the row number is that of the line it begins on, the header being 1, or
    the first behind `skip` lines.

    Other columns and empty rows are passed over, and so are empty fields beyond the last column. Fields are separated as in
    the header, by commas, semicolons or tabs. strict: quotes that do not enclose a whole field are an error. Raises
    DatasetError when the file cannot be read or lacks a column; `on_fault` gets a row that has too few or too many fields.
    """
    table = _Table(path, strict, skip)
    _check_header(path, table, columns)
    places = {name: table.header.index(name) for name in columns}
    for row, values in table.rows():
        if not any(value.strip() for value in values):
            continue
        if fault := _miscounted(path, row, table, values, columns):
            on_fault(fault)
        else:
            yield row, {name: values[place].strip() for name, place in places.items()}


def read_header(path: Path, *, skip: int = 0) -> list[str]:
    """Names of the columns, behind `skip` lines. Raises DatasetError when the file cannot be read."""
    return _Table(path, strict=True, skip=skip).header


class _Table:
    """Fields of a file, split as its header says."""

    def __init__(self, path: Path, strict: bool, skip: int = 0) -> None:
        self._path, self._strict = path, strict
        self._lines = read_lines(path, what=_WHAT)
        for _ in itertools.islice(self._lines, skip):
            pass
        self._before, line = next(self._lines, (0, ""))
        self.separator = ""
        if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == len("sep=,"):  # Excel's own way to say it
            self.separator = line[4]
            self._before, line = next(self._lines, (self._before, ""))
        # Separators in a header are not inside of its names: the most frequent one is it.
        self.separator = self.separator or max(SEPARATORS, key=line.count)
        fields = next(csv.reader([line], delimiter=self.separator), [])
        while fields and not fields[-1].strip():
            del fields[-1]
        self.header_row = self._before
        self.text = line.strip()
        self.header = [name.strip() for name in fields]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader((line for _, line in self._lines), delimiter=self.separator, strict=self._strict)
        begins = self._before + 1
        try:
            for values in reader:
                yield begins, values
                begins = self._before + reader.line_num + 1
        except csv.Error as error:
            raise DatasetError(
                path=str(self._path), row=begins, found=f"a quote in the wrong place ({error})",
                expected='fields in quotes from their first to their last letter, with "" for each quote inside of them',
            ) from error  # fmt: skip


def _check_header(path: Path, table: _Table, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in table.header]
    doubled = [name for name in columns if table.header.count(name) > 1]
    if missing or doubled:
        why = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(doubled)} twice"
        raise DatasetError(
            path=str(path), row=max(table.header_row, 1), found=f"the header is {table.text[:200]!r} and {why}",
            expected=f"comma-separated names with {', '.join(columns)} among them",
        )  # fmt: skip


def _miscounted(path: Path, row: int, table: _Table, values: list[str], columns: Sequence[str]) -> DatasetError | None:
    width = len(table.header)
    if len(values) < width:
        return DatasetError(path=str(path), row=row, found=_fields(values), expected=f"{width}, as many as in the header")
    if not any(value.strip() for value in values[width:]):
        return None
    quoted = _quoted(table.separator.join(values[width - 1 :]).strip())
    return DatasetError(
        path=str(path), row=row, found=f"{_fields(values)} under the {width} columns {', '.join(table.header)}",
        expected=f"one field for each; where one holds a separator, quotes around it, like {quoted}",
    )  # fmt: skip


def _quoted(text: str) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow([text])
    return line.getvalue()


def _fields(values: Sequence[object]) -> str:
    return "1 field" if len(values) == 1 else f"{len(values)} fields"
