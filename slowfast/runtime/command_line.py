"""How a command ends: its exit code, and what it says when something went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable

from slowfast.errors import UserError
from slowfast.runtime.errors import Interrupted, WorkerError
from slowfast.runtime.interruption import interruptible, say, stop_signal

USER_ERROR_CODE = 2
FAULT_CODE = 1


def exit_code_of(command: Callable[[], None], *, debug: bool = False) -> int:
    """Runs `command` and returns the exit code: 0, 2 after an error of the user's, 1 after a fault, 128 + n after signal n.

    An error of the user's becomes one line on stderr, unless `debug` asks for the traceback. A fault in this process is
    raised on, as it is a bug that needs its traceback. A signal that came too late to change anything counts all the same, so
    that who sent it knows that it arrived.
    """
    with interruptible():
        try:
            command()
            if stop_signal():
                raise Interrupted(stop_signal(), "all was done")
        except Interrupted as stop:
            if not stop.told:
                say(str(stop))
            return 128 + stop.signal_number
        except KeyboardInterrupt:
            say("stopped")
            return 130
        except PermissionError as error:  # wherever it comes from: no path is read or written but those that users name
            if debug or error.filename is None:
                raise
            right = "a place that this user may read, and write to where results go"
            print(f"error: {error.filename}: permission denied; right would be {right}", file=sys.stderr)
            return USER_ERROR_CODE
        except Exception as error:
            if debug or not isinstance(error, UserError):
                raise
            print(f"error: {error}", file=sys.stderr)
            return FAULT_CODE if isinstance(error, WorkerError) and not error.user_error else USER_ERROR_CODE
    return 0
