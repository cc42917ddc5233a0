"""Which examples are drawn, by what, and what their files are called."""

from __future__ import annotations

import re
from collections.abc import Callable

from fvcore.common.config import CfgNode

from slowfast.engine.tasks import task_of
from slowfast.registry import EXAMPLES


def examples_of(cfg: CfgNode) -> Callable[..., None]:
    """What draws examples of the data set under test: an entry of EXAMPLES."""
    return EXAMPLES.get(cfg.TEST.DATASET if cfg.TEST.DATASET in EXAMPLES else task_of(cfg).name)


def spread_evenly(num_all: int, num_wanted: int) -> list[int]:
    """Numbers from 0 to num_all - 1, spread evenly; the same in every run, so that runs can be compared."""
    wanted = min(num_all, num_wanted)
    return [int((number + 0.5) * num_all / wanted) for number in range(wanted)]


def file_name(video_id: str) -> str:
    """A name that stays in its folder, whatever the video is called."""
    return re.sub(r"[^\w.-]+", "_", video_id).strip("._") or "video"
