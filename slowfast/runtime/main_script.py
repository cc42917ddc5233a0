"""Scripts that start work when they are imported, and so would start it again in every process that helps them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import FrameType

from slowfast.runtime.errors import LaunchError

_IMPORTED_AGAIN = "__mp_main__"
"""The name of the main script in a process that `multiprocessing` started afresh (spawn, forkserver) and that imports it."""

_WAY_OUT = 'put what it does below a line `if __name__ == "__main__":`'


def check_can_be_imported_again() -> None:
    """To be called before processes are started afresh. Raises LaunchError when the main script would do its work in each.

    A script counts as made for it if, at its top level, it has asked by now who runs it.
    """
    main = sys.modules["__main__"]
    frame = _running_module("__main__")
    if frame is None or not hasattr(main, "__file__"):  # a notebook or a prompt is not imported again
        return
    path = frame.f_code.co_filename
    try:
        statements = ast.parse(Path(path).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    line = frame.f_lineno
    tests = [statement.test for statement in statements if isinstance(statement, ast.If) and statement.lineno <= line]
    if not any("__name__" in text or "_process" in text for text in map(ast.unparse, tests)):
        raise LaunchError(f"{path}, line {line}: starts processes, and each of them imports this script; {_WAY_OUT}")


def leave_if_imported_again() -> None:
    """Ends this process, with one line, if it is a helper that is only importing the main script of the process it helps.

    To be called where work begins. Without it the helper would train as well, and in the end wait for its parent, which waits
    for it. SystemExit, not an error of ours: nobody in such a process could do anything about it.
    """
    frame = _running_module(_IMPORTED_AGAIN)
    if frame is not None:
        print(
            f"error: {frame.f_code.co_filename}, line {frame.f_lineno}: this script was imported by a process that helps it, "
            f"and would start everything again; {_WAY_OUT}",
            file=sys.stderr,
        )
        raise SystemExit(2)


def _running_module(name: str) -> FrameType | None:
    """The top level of the module of that name, if what runs now was called from there."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == name):
        frame = frame.f_back
    return frame
