"""Which packets have to be decoded to get certain frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slowfast.datasets.decoding.index import Ints, VideoIndex


@dataclass(frozen=True, slots=True)
class Stretch:
    """Packets first .. last, both included, to be decoded in one go; packet `first` is key packet number `key`."""

    key: int
    first: int
    last: int


def plan_stretches(index: VideoIndex, wanted: Ints) -> list[Stretch]:
    """Stretches in file order that yield the frames `wanted` (rising, without repeats); none where the index has no keys.

    A frame needs all packets from the last key packet shown no later than itself, up to its own. (A key packet that stands
    before it in the file but is shown after it does not help: frames between two open groups refer to both.)
    """
    keys = np.searchsorted(index.key_pts, index.pts[wanted], side="right") - 1
    if len(keys) == 0 or keys[0] < 0:
        return []
    stretches: list[Stretch] = []
    for key in np.unique(keys):
        first = int(index.key_packets[key])
        last = int(index.packets[wanted[keys == key]].max())
        if stretches and first <= stretches[-1].last + 1:
            before = stretches.pop()
            stretches.append(Stretch(before.key, before.first, max(before.last, last)))
        else:
            stretches.append(Stretch(int(key), first, last))
    return stretches
