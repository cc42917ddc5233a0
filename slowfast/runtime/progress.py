"""Progress bars for people who watch: on the main process, where the console is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

from slowfast.runtime import distributed

Item = TypeVar("Item")


def console_is_terminal() -> bool:
    return sys.stderr.isatty()


def shows_bars() -> bool:
    return distributed.main_process() and console_is_terminal()


def with_bar(items: Iterable[Item], title: str, *, total: int | None = None, unit: str = "it") -> Iterable[Item]:
    """The items, under a bar that is gone when they are through. total: how many there are, where `items` does not know."""
    return progress_bar(title, items, total=total, unit=unit)


def progress_bar(title: str, items: Iterable[Any] | None = None, *, total: int | None = None, unit: str = "it") -> tqdm[Any]:
    """The same for whoever moves it by `update` and ends it by `close`."""
    return tqdm(items, desc=title, total=total, unit=unit, leave=False, dynamic_ncols=True, disable=not shows_bars())
