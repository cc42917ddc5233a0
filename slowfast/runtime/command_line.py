"""How a command ends: its exit code, and what it says when something went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable

from slowfast.errors import UserError
from slowfast.runtime.errors import Interrupted, WorkerError

USER_ERROR_CODE = 2
FAULT_CODE = 1


def exit_code_of(command: Callable[[], None], *, debug: bool = False) -> int:
    """Runs `command` and returns the exit code: 0, 2 after an error of the user's, 1 after a fault, 128 + n after signal n.

    An error of the user's becomes one line on stderr, unless `debug` asks for the traceback. A fault in this process is
    raised on, as it is a bug that needs its traceback.
    """
    try:
        command()
    except Interrupted as stop:
        return 128 + stop.signal_number
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if debug or not isinstance(error, UserError):
            raise
        print(f"error: {error}", file=sys.stderr)
        return FAULT_CODE if isinstance(error, WorkerError) and not error.user_error else USER_ERROR_CODE
    return 0
