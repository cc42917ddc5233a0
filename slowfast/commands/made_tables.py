"""Tables that a script makes and a document shows, between two marks."""

from __future__ import annotations

from pathlib import Path

from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.errors import ModelZooError


def marks(tool: str) -> tuple[str, str]:
    return f"<!-- made by tools/{tool}.py: begin -->", f"<!-- made by tools/{tool}.py: end -->"


def read_table(document: Path, tool: str) -> str:
    """What is between the marks. Raises ModelZooError when they are not there."""
    return _split(document, tool)[1].strip("\n")


def write_table(document: Path, tool: str, table: str) -> None:
    """Puts the table between the document's marks. Raises ModelZooError when they are not there."""
    begin, end = marks(tool)
    before, _, after = _split(document, tool)
    with atomic_write(document) as beside:
        beside.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def _split(document: Path, tool: str) -> tuple[str, str, str]:
    begin, end = marks(tool)
    try:
        text = document.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelZooError(f"{document}: cannot be read: {error.strerror or error}") from None
    before, found, rest = text.partition(begin)
    table, closed, after = rest.partition(end)
    if not found or not closed:
        raise ModelZooError(f"{document}: has no place for the table; right would be the lines {begin} and {end}")
    return before, table, after
