"""The list of scored classes: a label map in protobuf's text format, in either of the two styles in which AVA came.

item { name: "bend/bow (at the waist)" id: 1 }
label { name: "bend/bow (at the waist)" label_id: 1 label_type: PERSON_MOVEMENT }
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slowfast.annotations.ava.csv_rules import NUM_ACTIONS, AvaFileError

_CATEGORY_OF_TYPE = {"PERSON_MOVEMENT": "pose", "OBJECT_MANIPULATION": "object", "PERSON_INTERACTION": "person"}
_LAST_OF_CATEGORY = {14: "pose", 63: "object", NUM_ACTIONS: "person"}
_TOKEN = re.compile(r"""(?P<skip>\s+|\#[^\n]*|[,;])|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}:]|[^\s{}:"'#,;]+)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionClass:
    """id: 1 to 80. category: "pose", "object" or "person", what the action has to do with, as AVA groups them."""

    id: int
    name: str
    category: str


def read_label_map(path: Path) -> tuple[ActionClass, ...]:
    """Classes in the order of their ids. Fields may come in any order and layout; fields not known here are passed over.

    The category follows from the type of the label where the file states it, else from AVA's ranges of ids.
    Raises AvaFileError for a file without classes, an id that is missing, repeated or not within 1 to 80, or a missing name.
    """
    classes: dict[int, ActionClass] = {}
    for row, fields in _blocks(path, _read(path)):
        found = _action_class(path, row, fields)
        if found.id in classes:
            raise AvaFileError(path=path, row=row, found=f"class {found.id} is there for a second time", right="once")
        classes[found.id] = found
    if not classes:
        raise AvaFileError(path=path, found="there are no classes", right='blocks such as item { name: "stand" id: 12 }')
    return tuple(classes[key] for key in sorted(classes))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AvaFileError(path=path, found=f"it cannot be read ({error.strerror})", right="a label map (.pbtxt)") from error
    except UnicodeDecodeError as error:
        raise AvaFileError(path=path, found=f"it is not UTF-8 ({error.reason})", right="a label map (.pbtxt)") from error


def _action_class(path: Path, row: int, fields: dict[str, str]) -> ActionClass:
    number = fields.get("id", fields.get("label_id", ""))
    if not number.isdecimal() or not 1 <= int(number) <= NUM_ACTIONS:
        found = f"the id is {number}" if number else "a class without an id"
        raise AvaFileError(path=path, row=row, found=found, right=f"a whole number from 1 to {NUM_ACTIONS}")
    if "name" not in fields:
        raise AvaFileError(path=path, row=row, found=f"class {number} has no name", right='name: "..."')
    by_range = next(category for last, category in _LAST_OF_CATEGORY.items() if int(number) <= last)
    kind = fields.get("label_type")
    category = by_range if kind is None else _CATEGORY_OF_TYPE.get(kind, kind)
    return ActionClass(id=int(number), name=fields["name"], category=category)


def _blocks(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(row on which it begins, its fields) of each block."""
    tokens = _tokens(path, text)
    for row, word in tokens:
        _expect(path, row, word in ("item", "label"), word, "item or label")
        here, mark = next(tokens, (row, "the end"))
        if mark == ":":  # allowed, if unusual
            here, mark = next(tokens, (row, "the end"))
        _expect(path, here, mark == "{", mark, "{")
        fields: dict[str, str] = {}
        for here, key in tokens:
            if key == "}":
                break
            here, colon = next(tokens, (here, "the end"))
            _expect(path, here, key.isidentifier() and colon == ":", f"{key} {colon}", "field: value")
            here, value = next(tokens, (here, "the end"))
            _expect(path, here, value not in "{}:", value, f"the value of {key}")
            fields[key] = ast.literal_eval(value) if value[0] in "\"'" else value
        else:
            raise AvaFileError(path=path, row=row, found="the block does not end", right="a } behind its fields")
        yield row, fields


def _tokens(path: Path, text: str) -> Iterator[tuple[int, str]]:
    place, row = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise AvaFileError(path=path, row=row, found=f"{text[place : place + 20]!r}", right="a name in closed quotes")
        if match["text"]:
            yield row, match["text"]
        row += match[0].count("\n")
        place = match.end()


def _expect(path: Path, row: int, is_right: bool, found: str, right: str) -> None:
    if not is_right:
        raise AvaFileError(path=path, row=row, found=found, right=right)
