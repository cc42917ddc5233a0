"""Messages that documents explain are messages of the code, and options that they name are options."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from slowfast.config import load_projects
from slowfast.config.sections.foreign import RENAMED, find_unused
from slowfast.registry import CONFIG_SECTIONS

ROOT = Path(__file__).parents[2]
MESSAGES = re.findall(r"^### `(.+)`$", (ROOT / "docs" / "messages.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
DOCUMENTS = sorted(path for path in ROOT.glob("docs/**/*.md") if path.name != "config_files.md")


@cache
def texts_of_functions() -> tuple[str, ...]:
    """All text of each function of the library and its projects, in the order in which it stands there."""
    return tuple(_texts())


def _texts() -> Iterator[str]:
    for folder in ("slowfast", "projects"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                for part in node.body if isinstance(node, ast.ClassDef) else [node]:
                    found = [each for each in ast.walk(part) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
                    yield "".join(each.value for each in sorted(found, key=lambda each: (each.lineno, each.col_offset)))


def is_said(message: str) -> bool:
    """Whether one function has all pieces of the message, in order; … stands for what a run fills in."""
    pieces = [piece.strip() for piece in message.split("…")]
    pattern = re.compile(".*?".join(re.escape(piece) for piece in pieces if len(piece) > 1), flags=re.DOTALL)
    return any(pattern.search(text) for text in texts_of_functions())


@pytest.mark.parametrize("message", MESSAGES)
def test_message_that_is_explained_is_one_of_the_code(message: str) -> None:
    assert is_said(message)
    assert max(len(piece) for piece in message.split("…")) > 15, "too little of it is fixed for it to be found"


def test_a_message_that_nobody_says_is_not_found() -> None:
    assert not is_said("there is no such options")
    assert not is_said("the loss is … but not finite")


def test_messages_are_explained_once() -> None:
    assert len(MESSAGES) == len(set(MESSAGES)) >= 20


def test_options_that_documents_name_are_options() -> None:
    """Ours, or in the first column of a table or of another code base, those that are known to be others'."""
    load_projects()
    sections = {name for name, _ in CONFIG_SECTIONS.items()}
    ours = {section.full_key(key) for _, section in CONFIG_SECTIONS.items() for key in section.options}
    for path in DOCUMENTS:
        for key in re.findall(r"(?<![\w.])([A-Z][A-Z_]+\.[A-Z][A-Z0-9_]+)(?![\w.(/])", path.read_text(encoding="utf-8")):
            if key.partition(".")[0] in sections or find_unused(key):
                assert key in ours or key in RENAMED or find_unused(key), f"{path.relative_to(ROOT)}: {key}"
