"""The text of lists, as people's programs write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from slowfast.annotations.errors import DatasetError

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINE_END = re.compile(rb"\r\n|\r|\n")


def read_lines(path: Path, *, what: str) -> Iterator[tuple[int, str]]:
    """(row, line with its end) of a text file, rows counting from 1. `what` the file should be, for messages.

    UTF-8 with or without a byte-order mark, UTF-16 with one (Excel's "Unicode text"), and line ends of any system. Raises
    DatasetError when the file cannot be read or is in another encoding: which one, nobody could tell.
    """
    try:
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in _WIDE_MARKS else "utf-8-sig"
        with path.open(encoding=encoding, newline="") as file:
            for row, line in enumerate(file, 1):
                if "\0" in line:
                    raise DatasetError(
                        path=str(path), row=row, found="a NUL character, as in UTF-16 without a byte-order mark",
                        expected=f"{what} in UTF-8",
                    )  # fmt: skip
                yield row, line
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected=what) from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    except UnicodeError as error:
        wrong_row = _undecodable_row(path) if encoding == "utf-8-sig" else None
        raise DatasetError(
            path=str(path), row=wrong_row, found="this is not UTF-8",
            expected=f'{what} in UTF-8 (Excel: save as "CSV UTF-8"; others: iconv -f CP1252 -t UTF-8, say)',
        ) from error  # fmt: skip


def _undecodable_row(path: Path) -> int | None:
    """The first row that is not UTF-8."""
    for row, line in enumerate(_LINE_END.split(path.read_bytes()), 1):
        try:
            line.decode()
        except UnicodeDecodeError:
            return row
    return None
