"""The command lines. Installed, this folder is the package `slowfast_tools`, for `tools` is a name that others use too."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

LIBRARY = "slowfast-pgt"

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What says how threads of OpenMP wait for each other."""

# By default they spin, which takes the cores from whoever computes there. It is read when PyTorch is loaded, so that every tool
# imports this before; processes that are started inherit it.
if not any(name in os.environ for name in WAITING):
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

USER_ERROR_CODE = 2  # that of slowfast.runtime.command_line


def add_debug(parser: argparse.ArgumentParser) -> None:
    """The option that `exit_code_of` is told of."""
    parser.add_argument("--debug", action="store_true", help="show where in the code an error came up")


def exit_code_of(command: Callable[[], None], *, debug: bool = False) -> int:
    """Runs a command: see `slowfast.runtime.command_line.exit_code_of`.

    Where the name `slowfast` leads to another package, says so in one line and returns USER_ERROR_CODE.
    """
    if problem := other_library():
        print(f"error: {problem}", file=sys.stderr)
        return USER_ERROR_CODE
    # Imported once the arguments are right: it takes seconds.
    from slowfast.runtime import command_line

    return command_line.exit_code_of(command, debug=debug)


def other_library() -> str:
    """What is wrong with the package that the name `slowfast` leads to, and how to fix it; empty if it is this library's.

    Looks without importing: Meta's PySlowFast has a package of that name too, which changes settings when it is imported.
    """
    spec = importlib.util.find_spec("slowfast")
    if spec is None:
        return "the package slowfast is not installed; right would be `pip install -e .` in the source folder of this library"
    if spec.origin and LIBRARY in Path(spec.origin).read_text(encoding="utf-8", errors="replace"):
        return ""
    folder = Path(spec.origin).parent if spec.origin else Path(next(iter(spec.submodule_search_locations or ())))
    return (
        f"the name slowfast leads to {spec.origin or folder}, which is not the library of these tools ({LIBRARY}); Meta's "
        f"PySlowFast has a package of this name too; {_remedy(folder.parent)}"
    )


def _remedy(place: Path) -> str:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if any(entry and Path(entry).resolve() == place.resolve() for entry in entries):
        return f"right would be a PYTHONPATH without {place}"
    if place.resolve() == Path.cwd():
        return f"right would be another current folder than {place}"
    return "right would be an environment of its own for each of the two (`python -m venv`)"
