"""The error of files that belong to AVA."""

from pathlib import Path

from slowfast.errors import UserError


class AvaFileError(UserError, ValueError):
    """A file is not what it should be. The text names the file, the row, what was found and what would be right."""

    def __init__(self, *, path: Path, found: str, right: str, row: int | None = None) -> None:
        self.path, self.row, self.found, self.right = path, row, found, right
        where = str(path) if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {found}; right would be {right}")
