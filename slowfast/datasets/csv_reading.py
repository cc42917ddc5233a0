"""Reading csv files with a header, as people's spreadsheets write them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from slowfast.datasets.errors import DatasetError


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, values of `columns` by name) of each row; the row number is that of the line it begins on, the header being 1.

    Other columns and empty lines are passed over; a byte-order mark and Windows line ends are fine. Raises DatasetError when
    the file is missing, is not UTF-8, lacks a column, or has a row that ends early.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header, columns)
            begins = reader.line_num + 1
            for values in reader:
                if values:
                    yield begins, _pick(path, begins, header, values, columns)
                begins = reader.line_num + 1
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected="the annotation of the data set") from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            path=str(path), found=f"this is not UTF-8 ({error.reason})", expected="a csv file in UTF-8"
        ) from error
    except csv.Error as error:
        raise DatasetError(path=str(path), found=f"this is not csv ({error})", expected="a csv file", row=begins) from error


def _check_header(path: Path, header: list[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise DatasetError(
            path=str(path),
            row=1,
            found=f"the header is {','.join(header)[:200]!r} and lacks {', '.join(missing)}",
            expected=f"comma-separated names with {', '.join(columns)} among them",
        )


def _pick(path: Path, row: int, header: list[str], values: list[str], columns: Sequence[str]) -> dict[str, str]:
    if len(values) < len(header):
        raise DatasetError(
            path=str(path), row=row, found=f"{len(values)} fields", expected=f"{len(header)}, as many as in the header"
        )
    return {name: values[header.index(name)].strip() for name in columns}
