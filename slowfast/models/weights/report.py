"""What is said about weights: those that were loaded, and those that cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slowfast.errors import UserError


class WeightsError(UserError, ValueError):
    """Weights that cannot be read, or that do not belong to this network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightReport:
    """What became of each name, in the network's or the file's order.

    matched: loaded. missing: in the network only; these keep their first weights. unexpected: in the file only.
    mismatched: in both, with different shapes; left alone. head_dropped: classifier for another number of classes; left alone.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    head_dropped: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every weight of the network was loaded."""
        return not (self.missing or self.mismatched or self.head_dropped)

    def __str__(self) -> str:
        lines = [f"{len(self.matched)} weights loaded"]
        if self.head_dropped:
            lines.append(f"classifier left out, it has another number of classes: {examples(self.head_dropped)}")
        for what in ("missing", "unexpected", "mismatched"):
            if names := getattr(self, what):
                lines.append(f"{len(names)} {what}: {examples(names)}")
        return "; ".join(lines)


def examples(names: Iterable[str], limit: int = 4) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
