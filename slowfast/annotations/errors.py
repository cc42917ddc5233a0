"""What can be wrong with a list or an annotation, and what its reader does about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from slowfast.errors import UserError, in_one_line


class DatasetError(UserError, ValueError):
    """A list, an annotation or a folder is wrong. The text names the file, the row, what was found and what was expected."""

    def __init__(self, *, path: str, found: str, expected: str, row: int | None = None) -> None:
        self.path, self.row, self.found, self.expected = path, row, found, expected
        where = path if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {in_one_line(found)}; expected {in_one_line(expected)}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_dataset_error, (self.path, self.found, self.expected, self.row)


OnFault = Callable[[DatasetError], None]
"""What a reader of lists does with a wrong row. Training stops at the first (`stop`); a check appends it to a list, and the
reader goes on with the next row. So both say the same sentences."""


def stop(fault: DatasetError) -> NoReturn:
    raise fault


def raise_first(faults: Sequence[DatasetError]) -> None:
    """Raises the first fault, if there is one, and says where the others are."""
    if not faults:
        return
    first, others = faults[0], faults[1:]
    places = [f"{fault.row}" if fault.path == first.path and fault.row is not None else fault.path for fault in others[:10]]
    rows = ", ".join(places) + (", ..." if len(others) > 10 else "")
    what = "rows" if first.row is not None else "places"
    more = f" ({len(others)} more wrong {what}: {rows})" if others else ""
    raise DatasetError(path=first.path, row=first.row, found=first.found, expected=first.expected + more)


def _rebuild_dataset_error(path: str, found: str, expected: str, row: int | None) -> DatasetError:
    return DatasetError(path=path, found=found, expected=expected, row=row)
