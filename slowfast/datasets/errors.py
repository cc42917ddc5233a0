"""What can be wrong with a data set."""

from __future__ import annotations

from slowfast.annotations.errors import DatasetError, OnFault, raise_first, stop
from slowfast.errors import UserError

__all__ = ["DatasetError", "DecodeError", "OnFault", "TooManyBadVideosError", "raise_first", "stop"]


class DecodeError(UserError, RuntimeError):
    """One video cannot be read. The text is "path: reason", and the reason holds no ": ", so that the two can be told apart."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = " ".join(reason.split()).replace(": ", ", ")
        super().__init__(f"{self.path}: {self.reason}")

    def __reduce__(self) -> tuple[object, ...]:
        return DecodeError, (self.path, self.reason)


class TooManyBadVideosError(UserError, RuntimeError):
    """So many videos cannot be read that training would not be what its config says."""
