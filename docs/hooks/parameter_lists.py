"""How docstrings of this library are laid out: `name: meaning` of parameters and fields becomes a list.

In the code they stand one after the other in a paragraph, which is short to read there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

SENTENCE = re.compile(r"(?<=[.:)\]]) (?=(?:Raises|Returns) )")


class ParameterLists(griffe.Extension):
    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        _lay_out(func, {parameter.name.lstrip("*") for parameter in func.parameters})

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        init = cls.members.get("__init__")
        arguments = {parameter.name for parameter in init.parameters} if isinstance(init, griffe.Function) else set()
        _lay_out(cls, arguments | set(cls.attributes))


def _lay_out(of: griffe.Object, names: set[str]) -> None:
    if of.docstring is not None:
        of.docstring.value = laid_out(of.docstring.value, names)


def laid_out(text: str, names: set[str]) -> str:
    """Paragraphs with `name: meaning` as lists, for the names that there are; indented lines and all others as they are."""
    return "\n\n".join(part for paragraph in text.split("\n\n") for part in _parts(paragraph, names))


def _parts(paragraph: str, names: set[str]) -> Iterator[str]:
    if paragraph.startswith("    "):
        yield paragraph
        return
    entry = r"(?:^|(?<=\n)|(?<=[.)\]] ))(?=(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): )"
    starts = [match for match in re.finditer(entry, paragraph) if names.issuperset(match["names"].split(", "))]
    if not starts:
        yield from SENTENCE.split(paragraph)
        return
    yield from filter(None, [paragraph[: starts[0].start()].strip()])
    items, behind = [], list[str]()
    for match, end in zip(starts, [*(match.start() for match in starts[1:]), len(paragraph)], strict=True):
        meaning, *more = SENTENCE.split(paragraph[match.end() + len(match["names"]) + 2 : end].strip().replace("\n", " "))
        marks = ", ".join(f"`{name}`" for name in match["names"].split(", "))
        items.append(f"- {marks}: {meaning}")
        behind += more
    yield "\n".join(items)
    yield from behind
