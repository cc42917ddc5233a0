"""Command lines on which pairs KEY VALUE may stand, anywhere behind what a command is about."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

KEY = re.compile(r"[A-Z]\w*(\.\w+)*")
_SHIELD = "\0"  # no argument of a process can hold it


class Parser(argparse.ArgumentParser):
    """Refuses an option that stands twice, of which argparse would take the last without a word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.given: set[str] = set()
        for name in (None, "store"):
            self.register("action", name, _StoreOnce)

    def add_pairs(self, meaning: str) -> None:
        self.add_argument("overrides", nargs="*", default=[], metavar="KEY VALUE", help=meaning)

    def parse_pairs(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The options, with all words that are none in `overrides`. A value may begin with a dash, such as -1e-3."""
        options, rest = self.parse_known_args(shielded(sys.argv[1:] if arguments is None else arguments))
        words = [*getattr(options, "overrides", []), *rest]
        strange = _unknown_options(words) if hasattr(options, "overrides") else rest
        if strange:
            self.error(f"unrecognized arguments: {' '.join(unshielded(strange))}")
        options.overrides = unshielded(words)
        return options


class _StoreOnce(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None and isinstance(parser, Parser):
            if self.dest in parser.given:
                parser.error(f"{option_string} stands here a second time; right would be one of them")
            parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


def _unknown_options(words: Sequence[str]) -> list[str]:
    """Words with a dash that are no value: what they followed was no KEY, or an argument that only looks like one."""
    before = ["", *words]
    return [
        word
        for key, word in zip(before, words, strict=False)
        if word.startswith("-") or (word.startswith(_SHIELD) and not KEY.fullmatch(key))
    ]


def shielded(words: Sequence[str]) -> list[str]:
    """The words, with a mark before those that begin with one dash behind a KEY: they are its value, not an option."""
    before = ["", *words]
    return [
        f"{_SHIELD}{word}" if KEY.fullmatch(key) and re.match(r"-(?!-)", word) else word
        for key, word in zip(before, words, strict=False)
    ]


def unshielded(words: Sequence[str]) -> list[str]:
    return [word.removeprefix(_SHIELD) for word in words]
