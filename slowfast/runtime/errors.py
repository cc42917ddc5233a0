"""What can go wrong in a run and is for the user to mend."""

from slowfast.errors import UserError


class EngineError(UserError, RuntimeError):
    """Base of the errors below."""


class CheckpointError(EngineError):
    """A checkpoint is missing, damaged, or does not belong to this run. The text names the file and the way out."""


class NonFiniteLossError(EngineError):
    """The loss or its gradient is not a finite number; raised before any weight has changed.

    `here` says whether this process's own loss was the culprit, not that of another process.
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


class Interrupted(Exception):  # noqa: N818 - not an error: the run was asked to stop and has saved its state
    """The run was asked to stop by a signal and has saved what it needs to go on."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number
