"""One cook who prepares two things: the videos of the Kinetics format, whose label says which came first.

The chain is filler, cause, filler, cause, filler. Every filler is longer than a short clip spans, and fillers (lengths and
labels) are drawn alike, as are the lengths of the causes. So a short clip never sees both causes, and one that sees a cause
sees the same whether it is the first or the second: from such clips the pair can be told, their order not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longcook.script import (
    CAUSES,
    FILLERS,
    Script,
    Splits,
    chain,
    chain_generator,
    draw_centisec,
    picture_seed,
    plan_splits,
)

PAIRS = ((0, 1), (2, 3))
"""Causes that occur together; few, so that a small network learns in minutes. Each pair in both orders makes a class."""

ORDERS = tuple(order for pair in PAIRS for order in (pair, pair[::-1]))
"""First and second cause of each class."""

_SHORT_NAMES = {0: "coffee", 1: "tea", 2: "cocoa", 3: "berries"}
ORDER_NAMES = tuple(f"{_SHORT_NAMES[first]} then {_SHORT_NAMES[second]}" for first, second in ORDERS)

CAUSE_SEC = (0.9, 1.2)
FILLER_SEC = (1.6, 2.0)
"""8 frames at stride 4 span at most 1.4 s, however the rule of Kinetics rounds them."""

LONGEST_SEC = 7.5
"""36 frames at stride 4 take 6 s: wherever they start, they see both causes from beginning to end."""


@dataclass(frozen=True, slots=True)
class OrderScript(Script):
    """A video with two causes, the second and the fourth event."""

    @property
    def label(self) -> int:
        """Number of the class in ORDERS."""
        return ORDERS.index((self.events[1].label, self.events[3].label))

    def with_label(self, label: int) -> OrderScript:
        """The same video with the causes of another class; nothing else changes."""
        events = list(self.events)
        for place, cause in zip((1, 3), ORDERS[label], strict=True):
            events[place] = dataclasses.replace(events[place], label=cause)
        return dataclasses.replace(self, events=tuple(events))


def plan_orders(counts: Mapping[str, int], *, seed: int) -> Splits[OrderScript]:
    """Scripts of all splits, counts[split] each; classes are balanced in each."""
    return plan_splits(draw_order, OrderScript.with_label, counts, seed=seed, id_length=11, num_choices=len(ORDERS))


def draw_order(video_id: str, key: tuple[int, ...]) -> OrderScript:
    """The chain of one video, with the first of CAUSES in both causes' places until `with_label` says otherwise."""
    rng = chain_generator(key)
    fillers = rng.choice(FILLERS, size=3).tolist()
    labels = [fillers[0], CAUSES[0], fillers[1], CAUSES[0], fillers[2]]
    return OrderScript(video_id, chain(labels, _draw_lengths(rng)), picture_seed(key))


def _draw_lengths(rng: np.random.Generator) -> np.ndarray:
    """Lengths of the five events in hundredths of a second; drawn again until the sum fits a video."""
    while True:
        lengths = np.empty(5, np.int64)
        lengths[0::2] = draw_centisec(FILLER_SEC, 3, rng)
        lengths[1::2] = draw_centisec(CAUSE_SEC, 2, rng)
        if lengths.sum() <= 100 * LONGEST_SEC:
            return lengths
