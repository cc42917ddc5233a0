"""Rows of AVA's csv files, many at a time. The files have no header.

Blank lines are passed over; a byte-order mark and Windows line ends are fine.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowfast.annotations.ava.csv_rules import AvaFileError, Columns, RowKind
from slowfast.annotations.ava.list_rules import Sums, judge

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 200_000
VideoNumbers = dict[str, int]
_TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """R rows of a file. video: int32 (R,), its number. line: int64 (R,), its line in the file, from 1.
    columns: float64 (R,) each, by name; NaN where the field is empty or missing."""

    video: NDArray[np.int32]
    line: NDArray[np.int64]
    columns: Columns


@dataclass(slots=True)
class RowFault:
    """Rows that break one rule, and what to say of the first of them."""

    error: AvaFileError
    count: int = 0


Faults = dict[str, RowFault]
"""By what would be right instead."""


def read_rows(path: Path, kind: RowKind, videos: VideoNumbers, *, faults: Faults | None = None) -> Iterator[Rows]:
    """The rows of a file, some at a time. Videos are numbered as in `videos`, to which new ones are added.

    Raises AvaFileError for the first row that breaks a rule of its kind, for a file that cannot be read, and at the end for a
    list that as a whole is not what it should be. With `faults`, wrong rows are counted there and left out.
    """
    first_line, sums = 1, Sums()
    for table in _tables(path, kind, lenient=faults is not None):
        lines = np.arange(first_line, first_line + len(table))
        first_line += len(table)
        is_blank = np.logical_and.reduce([table[name].isna().to_numpy() for name in table])
        if is_blank.any():
            table, lines = table[~is_blank], lines[~is_blank]
        if table.empty:
            continue
        columns, broken = _to_numbers(path, table, lines, kind)
        broken += _broken_rules(path, table, lines, columns, kind)
        if broken and faults is None:
            raise min(broken, key=lambda pair: np.flatnonzero(pair[0])[0])[1]
        if broken and faults is not None:
            is_wrong = _count(broken, faults)
            table, lines = table[~is_wrong], lines[~is_wrong]
            columns = {name: values[~is_wrong] for name, values in columns.items()}
        if kind.judged:
            sums.add(columns, lines)
        yield Rows(video=_number_videos(table["video"], videos), line=lines, columns=columns)
    if kind.judged and (error := judge(path, sums)):
        if faults is None:
            raise error
        faults[error.right] = RowFault(error, sums.swapped or sums.boxes)
    elif sums.swapped:
        logger.warning(
            "%s, row %s: %s; expected two corners, x1 <= x2 and y1 <= y2", path, sums.first_swapped, sums.swapped_rows
        )


Broken = list[tuple[NDArray[np.bool_], AvaFileError]]
"""(rows that break a rule, what to say of the first)"""


def _count(broken: Broken, faults: Faults) -> NDArray[np.bool_]:
    """Adds to `faults`, each row to the first rule that it breaks. Returns which rows are wrong."""
    is_wrong = np.zeros(len(broken[0][0]), bool)
    for mask, error in broken:
        count = int((mask & ~is_wrong).sum())
        is_wrong |= mask
        if count:
            faults.setdefault(error.right, RowFault(error)).count += count
    return is_wrong


def most_rows(path: Path, kind: RowKind) -> int:
    """At least as many as the file has, so that no column has to grow, which would need it twice at a time."""
    try:
        with path.open("rb") as file:
            return 1 + sum(block.count(b"\n") + block.count(b"\r") for block in iter(lambda: file.read(2**20), b""))
    except OSError as error:
        raise _unreadable(path, kind, error) from error


def _tables(path: Path, kind: RowKind, *, lenient: bool) -> Iterator[pd.DataFrame]:
    """Tables with the column `video`, those of `kind`, and one for what is too many; NaN where a field is missing. lenient:
    numbers are texts yet."""
    try:
        with _reader(path, kind, "str" if lenient else "float64") as reader:
            while (table := _next_table(reader)) is not None:
                yield table
    except OSError as error:
        raise _unreadable(path, kind, error) from error
    except UnicodeDecodeError as error:
        raise AvaFileError(path=path, found=f"it is not UTF-8 ({error.reason})", right=f"a file of {kind.layout}") from error
    except pd.errors.ParserError as error:
        raise AvaFileError(
            path=path, row=_row_of(error), found=f"it cannot be split into fields ({error})", right=kind.layout
        ) from error
    except ValueError as error:
        raise _text_among_numbers(path, kind, error) from error


def _next_table(reader: Any) -> pd.DataFrame | None:
    with warnings.catch_warnings():
        # About a first row of too many fields; they leave a trace in the last column, and so an error.
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        return next(reader, None)


def _row_of(error: pd.errors.ParserError) -> int | None:
    """What the message says: lines count from 1 in it, rows from 0."""
    if line := re.search(r"in line (\d+)", str(error)):
        return int(line[1])
    row = re.search(r"starting at row (\d+)", str(error))
    return int(row[1]) + 1 if row else None


def _unreadable(path: Path, kind: RowKind, error: OSError) -> AvaFileError:
    return AvaFileError(path=path, found=f"it cannot be read ({error.strerror})", right=f"a file of rows {kind.layout}")


def _reader(path: Path, kind: RowKind, number_type: str) -> Any:
    """Fields are empty or what they say: to pandas a video named NA would be none at all."""
    return pd.read_csv(
        path,
        header=None,
        names=["video", *kind.numbers, _TOO_MANY],
        index_col=False,
        dtype={"video": "category", _TOO_MANY: "category", **dict.fromkeys(kind.numbers, number_type)},
        keep_default_na=False,
        na_values=[""],
        skipinitialspace=True,
        skip_blank_lines=False,  # so that lines can be counted
        encoding="utf-8-sig",
        compression=None,
        chunksize=ROWS_AT_ONCE,
    )


def _text_among_numbers(path: Path, kind: RowKind, cause: ValueError) -> AvaFileError:
    """What to say about a field that is no number; reads the file once more, as text."""
    first_line = 1
    with _reader(path, kind, "str") as reader:
        for table in reader:
            _, broken = _to_numbers(path, table, np.arange(first_line, first_line + len(table)), kind)
            if broken:
                return broken[0][1]
            first_line += len(table)
    return AvaFileError(path=path, found=f"a field is not a number ({cause})", right=f"rows {kind.layout} without a header")


def _to_numbers(
    path: Path, table: pd.DataFrame, lines: NDArray[np.int64], kind: RowKind
) -> tuple[dict[str, NDArray[np.float64]], Broken]:
    """The columns of `kind`, and the rows in which texts are no numbers. `lines` are the rows' numbers in the file, from 1."""
    if all(table[name].dtype == np.float64 for name in kind.numbers):
        return {name: table[name].to_numpy() for name in kind.numbers}, []
    columns = {name: pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in kind.numbers}
    is_text = np.stack([np.isnan(columns[name]) & table[name].notna().to_numpy() for name in kind.numbers], axis=1)
    if not is_text.any():
        return columns, []
    row, column = np.argwhere(is_text)[0]
    name = kind.numbers[column]
    error = AvaFileError(
        path=path, row=int(lines[row]), found=f"{name} is {table[name].iloc[row]!r}",
        right=f"a number, in rows {kind.layout} without a header",
    )  # fmt: skip
    return columns, [(np.asarray(is_text.any(axis=1)), error)]


def _broken_rules(path: Path, table: pd.DataFrame, lines: NDArray[np.int64], rows: Columns, kind: RowKind) -> Broken:
    """`lines` are the rows' numbers in the file, from 1."""
    broken: Broken = []
    no_video, too_many = table["video"].isna().to_numpy(), table[_TOO_MANY].notna().to_numpy()
    if no_video.any():
        row = int(lines[no_video][0])
        broken.append((no_video, AvaFileError(path=path, row=row, found="there is no video", right=kind.layout)))
    if too_many.any():
        row, found = int(lines[too_many][0]), f"more than {len(kind.numbers) + 1} fields"
        broken.append((too_many, AvaFileError(path=path, row=row, found=found, right=f"rows {kind.layout}")))
    for rule in kind.rules:
        is_wrong = rule.is_wrong(rows)
        if is_wrong.any():
            place = int(np.flatnonzero(is_wrong)[0])
            found = ", ".join(f"{name} is {_shown(rows[name][place])}" for name in rule.shown)
            broken.append((is_wrong, AvaFileError(path=path, row=int(lines[place]), found=found, right=rule.right)))
    return broken


def _shown(value: float) -> str:
    return "missing" if np.isnan(value) else f"{value:.10g}"


def _number_videos(names: pd.Series, videos: VideoNumbers) -> NDArray[np.int32]:
    numbers = [videos.setdefault(str(name), len(videos)) for name in names.cat.categories]
    return np.array(numbers, dtype=np.int32)[names.cat.codes.to_numpy()]
