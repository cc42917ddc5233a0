"""Which examples are drawn, and what their files are called."""

from __future__ import annotations

import re


def spread_evenly(num_all: int, num_wanted: int) -> list[int]:
    """Numbers from 0 to num_all - 1, spread evenly; the same in every run, so that runs can be compared."""
    wanted = min(num_all, num_wanted)
    return [int((number + 0.5) * num_all / wanted) for number in range(wanted)]


def file_name(video_id: str) -> str:
    """A name that stays in its folder, whatever the video is called."""
    return re.sub(r"[^\w.-]+", "_", video_id).strip("._") or "video"
