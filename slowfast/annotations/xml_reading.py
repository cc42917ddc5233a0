"""Reading xml files of annotation, with the line of every element, and without what makes xml dangerous to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from slowfast.annotations.errors import DatasetError


@dataclass(slots=True)
class Element:
    """One element. row: the line on which it begins. text: all text that stands directly in it."""

    name: str
    attributes: dict[str, str]
    row: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Element]:
        """Elements that a path of names leads to, in their order."""
        if not names:
            yield self
            return
        for child in self.children:
            if child.name == names[0]:
                yield from child.all(*names[1:])

    def first(self, *names: str) -> Element | None:
        return next(self.all(*names), None)

    def words(self, *names: str) -> str:
        """The text of the first element that a path leads to, without outer blanks; empty if there is none."""
        found = self.first(*names)
        return found.text.strip() if found else ""


def read_xml(path: Path, expected: str) -> Element:
    """The outermost element of a file. `expected`: what the file should be, for messages.

    Raises DatasetError for a file that cannot be read or is no whole xml, and for one that declares a document type: no tool
    of annotation writes one, and entities that it defines may be of any size, or name other files.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected=expected) from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    return parse_xml(content, path, expected)


def parse_xml(content: bytes, path: Path, expected: str) -> Element:
    """The same for bytes that were read from `path`."""
    builder = _Builder(path, expected)
    try:
        builder.parser.Parse(content, True)
    except DatasetError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: an encoding that nobody knows
        row = getattr(error, "lineno", None)
        raise DatasetError(
            path=str(path), row=row, found=f"this is not whole xml ({str(error).partition(':')[0]})", expected=expected
        ) from None
    assert builder.root is not None, "expat refuses files without an element"
    return builder.root


class _Builder:
    """Puts elements together while they are parsed."""

    def __init__(self, path: Path, expected: str) -> None:
        self.root: Element | None = None
        self._path, self._expected = path, expected
        self._open: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add_text

    def _refuse(self, *_: object) -> None:
        raise DatasetError(
            path=str(self._path), row=self.parser.CurrentLineNumber, found="a document type (<!DOCTYPE ...>)",
            expected=f"{self._expected}, which has none",
        )  # fmt: skip

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name, attributes, self.parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _add_text(self, text: str) -> None:
        self._open[-1].text += text
