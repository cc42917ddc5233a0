"""A script that starts work when it is imported, and so starts it again in every process that helps it."""

from __future__ import annotations

import sys

_IMPORTED_AGAIN = "__mp_main__"
"""The name of the main script in a process that `multiprocessing` started afresh (spawn, forkserver) and that imports it."""


def leave_if_imported_again() -> None:
    """Ends this process, with one line, if it is a helper that is only importing the main script of the process it helps.

    To be called where work begins. Without it the helper would train as well, and in the end wait for its parent, which waits
    for it. SystemExit, not an error of ours: nobody in such a process could do anything about it.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == _IMPORTED_AGAIN:
            print(
                f"error: {frame.f_code.co_filename}, line {frame.f_lineno}: this script was imported by a process that helps "
                'it, and would start everything again; put what it does below a line `if __name__ == "__main__":`',
                file=sys.stderr,
            )
            raise SystemExit(2)
        frame = frame.f_back  # type: ignore[assignment]
