"""What goes over the wire in an update of several processes: messages and bytes, counted as they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from slowfast.engine import gradient_sync

QUESTIONS = 2
"""Answers of yes or no that travel with an update, about: whether to stop, and whether to save."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An update of n processes, each of which averages all of `messages` (bytes of each) with the others.

    In a ring every process passes on 2 (n - 1) / n of each message's bytes, in 2 (n - 1) parts: once to add up, once to
    hand out.
    """

    messages: tuple[int, ...]

    def bytes_sent(self, processes: int) -> int:
        """By each process."""
        return round(2 * (processes - 1) / processes * sum(self.messages))

    def parts_sent(self, processes: int) -> int:
        return 2 * (processes - 1) * len(self.messages)

    def seconds(self, processes: int, *, bandwidth: float) -> float:
        """bandwidth: bytes a second that each process can send while it receives as many."""
        return self.bytes_sent(processes) / bandwidth

    @classmethod
    def of(cls, parameters: Sequence[nn.Parameter], *, questions: int = QUESTIONS) -> Wire:
        """parameters: those that are trained. The first messages are gradients, from the last layer's on; the last one are
        facts: the loss, the answers, and of which parameters a process has a gradient."""
        facts = 4 * (1 + questions + len(parameters))
        buckets = gradient_sync.buckets(parameters[::-1])
        return cls(messages=(*(sum(one.nbytes for one in bucket) for bucket in buckets), facts))
