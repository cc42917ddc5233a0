"""Boxes at whole seconds, out of the tracks of an export."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from slowfast.preparation.exports.export import Key, Track

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class KeyframeBox:
    """second: whole, from the start of the video. box: x1, y1, x2, y2 in fractions of the picture, within it. shift_sec: how
    far from the second the box was drawn."""

    second: int
    box: Corners
    labels: tuple[str, ...]
    shift_sec: float = 0.0


def keyframe_boxes(track: Track, *, fps: float, duration_sec: float, size: tuple[float, float]) -> Iterator[KeyframeBox]:
    """The boxes of one track at the whole seconds of its video; boxes that the picture shows nothing of are left out.

    Between two keys that show it, a box moves evenly, as annotation tools draw it. A single box of a moment counts for the
    second nearest to it. fps: the rate at which the track counts frames. size: width and height of the picture.
    """
    scale = (track.size or size) if track.in_pixels else (1.0, 1.0)
    times = [key.time.at(fps) for key in track.keys]
    if track.moments:
        for time, key in zip(times, track.keys, strict=True):
            second = math.floor(time + 0.5)
            second -= second >= duration_sec
            if 0 <= second < duration_sec and (box := _inside(key.box, scale)):
                yield KeyframeBox(second, box, key.labels, abs(time - second))
        return
    for second in range(max(0, math.ceil(times[0] - 1e-6)), math.ceil(min(times[-1], duration_sec) - 1e-6)):
        here = bisect_right(times, second + 1e-6) - 1
        key = track.keys[here]
        if not key.hidden and (box := _inside(_between(track.keys, times, here, second), scale)):
            yield KeyframeBox(second, box, key.labels)


def _between(keys: tuple[Key, ...], times: list[float], here: int, second: int) -> Corners:
    first = keys[here]
    if here + 1 == len(keys) or keys[here + 1].hidden:
        return first.box
    share = min(max((second - times[here]) / (times[here + 1] - times[here]), 0.0), 1.0)
    x1, y1, x2, y2 = (start + share * (end - start) for start, end in zip(first.box, keys[here + 1].box, strict=True))
    return x1, y1, x2, y2


def _inside(box: Corners, scale: tuple[float, float]) -> Corners | None:
    x1, y1, x2, y2 = (min(max(corner / scale[axis % 2], 0.0), 1.0) for axis, corner in enumerate(box))
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
