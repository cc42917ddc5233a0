"""Videos that cannot be read while a training goes on without them, and when there are too many of them."""

from __future__ import annotations

import logging

from slowfast.datasets.errors import TooManyBadVideosError

logger = logging.getLogger(__name__)

FEWEST_BAD_VIDEOS = 10
"""With fewer different unreadable videos than these, training goes on whatever their share."""


class BadVideos:
    """Reasons by path. Once they are FEWEST_BAD_VIDEOS or more, and their share among all videos exceeds `max_share`,
    TooManyBadVideosError is raised."""

    def __init__(self, *, max_share: float) -> None:
        self.reasons: dict[str, str] = {}
        self._max_share = max_share

    def note(self, text: str, consequence: str, *, known: int) -> None:
        """text: "path: reason". Each video is logged once. known: number of all videos."""
        path, _, reason = text.rpartition(": ")
        if path not in self.reasons:
            self.reasons[path] = reason
            logger.warning("unreadable video, %s: %s", consequence, text)
        bad = len(self.reasons)
        if bad >= FEWEST_BAD_VIDEOS and bad > self._max_share * known:
            raise TooManyBadVideosError(
                f"{bad} of {known} videos cannot be read, more than the share of {self._max_share:g} that "
                f"TRAIN.MAX_BAD_SHARE allows; the last is {path}: {reason}"
            )
