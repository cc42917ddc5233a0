"""What can go wrong in a run and is for the user to fix."""

import signal

from slowfast.errors import UserError


class EngineError(UserError, RuntimeError):
    """Base of the errors below."""


class CheckpointError(EngineError):
    """A checkpoint is missing, damaged, or does not belong to this run. The text names the file and the way out."""


class NonFiniteLossError(EngineError):
    """The loss or its gradient is not a finite number; raised before any weight has changed.

    `here` says whether this process's own loss was the cause, not that of another process.
    """

    def __init__(self, message: str, *, here: bool = True) -> None:
        super().__init__(message)
        self.here = here


class ModelZooError(EngineError):
    """MODEL_ZOO.md, or what it is made of, is out of date or not of the right form."""


class WorkerError(EngineError):
    """One of several processes failed; the text is what that process had to say.

    `user_error` says whether it failed for one of the user's own errors rather than for a fault in the code.
    """

    def __init__(self, message: str, *, user_error: bool) -> None:
        super().__init__(message)
        self.user_error = user_error


class LostProcessError(WorkerError):
    """Another process of the run has ended or does not answer, so that this one cannot go on. No error of the user's."""

    def __init__(self, message: str) -> None:
        super().__init__(message, user_error=False)


class LaunchError(EngineError):
    """The processes of a run cannot be started, or do not find each other. The text says what would be right."""


class Interrupted(SystemExit):
    """The run was asked to stop by a signal, and what it needs to go on is saved.

    As a SystemExit it passes whoever catches errors, and a script that does not catch it ends with exit code 128 + number.
    text: what was saved, or what is left to do. told: whether the log says so already.
    """

    def __init__(self, signal_number: int, text: str = "", *, told: bool = False) -> None:
        super().__init__(128 + signal_number)
        self.signal_number = signal_number
        self.text = text
        self.told = told

    @property
    def name(self) -> str:
        return signal.Signals(self.signal_number).name

    def __str__(self) -> str:
        return f"stopped by {self.name}" + (f": {self.text}" if self.text else "")
