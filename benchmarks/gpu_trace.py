"""When a GPU had nothing to do, from a trace of PyTorch's profiler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ON_THE_GPU = {"kernel", "gpu_memcpy", "gpu_memset"}
LONGEST = 5


def idle_times(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """events: `traceEvents` of a Chrome trace, times in microseconds.

    From the first to the last thing that the GPU did, on all its streams together: `span`, seconds; `busy`, the share of it in
    which it did anything; `gaps`, the longest times without, each with its microseconds and with what ended and what began
    there. Without anything on a GPU: span 0, busy None.
    """
    done = sorted(
        (float(event["ts"]), float(event["ts"]) + float(event["dur"]), str(event["name"]))
        for event in events
        if event.get("ph") == "X" and event.get("cat") in ON_THE_GPU
    )
    if not done:
        return {"span": 0.0, "busy": None, "gaps": []}
    gaps: list[tuple[float, str, str]] = []
    begin, end, last = done[0]
    for start, stop, name in done[1:]:
        if start > end:
            gaps.append((start - end, last, name))
        if stop > end:
            end, last = stop, name
    span, idle = end - begin, sum(gap for gap, _, _ in gaps)
    longest = sorted(gaps, reverse=True)[:LONGEST]
    return {
        "span": span / 1e6,
        "busy": 1 - idle / span if span else 1.0,
        "gaps": [{"microseconds": gap, "after": after, "before": before} for gap, after, before in longest],
    }
