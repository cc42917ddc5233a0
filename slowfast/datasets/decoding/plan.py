"""Which packets have to be decoded to get certain frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from slowfast.datasets.decoding.index import Ints, VideoIndex


@dataclass(frozen=True, slots=True)
class Stretch:
    """Packets first .. last, both included, to be decoded in one go; packet `first` is key packet number `key`, or with None
    the first of the file."""

    key: int | None
    first: int
    last: int


Plan: TypeAlias = Callable[[VideoIndex, Ints], list[Stretch]]
"""What has to be decoded for certain frames (rising, without repeats)."""


def from_start(index: VideoIndex, wanted: Ints) -> list[Stretch]:
    """Everything up to the last of the frames `wanted`: what leads to them if nothing else does."""
    return [Stretch(None, 0, int(index.last_packets(wanted).max()))]


def plan_stretches(index: VideoIndex, wanted: Ints) -> list[Stretch]:
    """Stretches in file order that yield the frames `wanted` (rising, without repeats).

    A frame needs all packets from the last key packet shown no later than itself, up to its own. (A key packet that stands
    before it in the file but is shown after it does not help: frames between two open groups refer to both.)
    """
    keys = index.keys_of(wanted)
    if index.stamps == "count" or keys[0] < 0:
        return from_start(index, wanted)
    lasts = index.last_packets(wanted)
    stretches: list[Stretch] = []
    for key in np.unique(keys):
        first = int(index.key_packets[key])
        last = int(lasts[keys == key].max())
        if stretches and first <= stretches[-1].last + 1:
            before = stretches.pop()
            stretches.append(Stretch(before.key, before.first, max(before.last, last)))
        else:
            stretches.append(Stretch(int(key), first, last))
    return stretches
