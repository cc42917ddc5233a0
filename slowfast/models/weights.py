"""Filling a network with weights that somebody else trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

PARALLEL_PREFIX = "module."
"""What torch's data-parallel wrappers put before each name."""

COUNTER = "num_batches_tracked"
"""Last part of the names of batch norms' counters. Frozen norms have none, and nothing depends on them."""

CLASSIFIER = "projection"
"""Name of the module whose rows are classes."""


class WeightsError(ValueError):
    """Weights that do not belong to this network."""


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
            lines.append(f"classifier left out, it has another number of classes: {_examples(self.head_dropped)}")
        for what in ("missing", "unexpected", "mismatched"):
            if names := getattr(self, what):
                lines.append(f"{len(names)} {what}: {_examples(names)}")
        return "; ".join(lines)


def load_weights(model: nn.Module, state: Mapping[str, Tensor]) -> WeightReport:
    """Copies the weights that fit, by name and shape, into `model`; everything else stays as it is.

    Raises WeightsError, and changes nothing, when less than half of the network's weights would be filled.
    """
    given = {name.removeprefix(PARALLEL_PREFIX): value for name, value in state.items()}
    strays = [name for name, value in given.items() if not isinstance(value, Tensor)]
    if strays:
        raise WeightsError(f"this is not a mapping of names to tensors: {_examples(strays)}")
    own = model.state_dict()
    report = _compare(own, given)
    wanted = len(_without_counters(own)) - len(report.head_dropped)
    if not report.matched or len(report.matched) * 2 < wanted:
        raise WeightsError(
            f"only {len(report.matched)} of the network's {wanted} weights are there with the right shape. "
            f"The network has {_examples(own)}; the weights have {_examples(given) or 'no names at all'}"
            + (f"; other shapes: {_shapes(report.mismatched, own, given)}" if report.mismatched else "")
        )
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return report


def _compare(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> WeightReport:
    names = _without_counters(own)
    different = [name for name in names if name in given and own[name].shape != given[name].shape]
    dropped = [name for name in different if _is_other_classifier(name, own[name], given[name])]
    return WeightReport(
        matched=tuple(name for name in names if name in given and name not in different),
        missing=tuple(name for name in names if name not in given),
        unexpected=tuple(name for name in _without_counters(given) if name not in own),
        mismatched=tuple(name for name in different if name not in dropped),
        head_dropped=tuple(dropped),
    )


def _without_counters(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(COUNTER)]


def _is_other_classifier(name: str, own: Tensor, given: Tensor) -> bool:
    return CLASSIFIER in name.split(".")[:-1] and own.shape[1:] == given.shape[1:]


def _examples(names: Iterable[str], limit: int = 4) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _shapes(names: Iterable[str], own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    return _examples(f"{name} {tuple(own[name].shape)} here, {tuple(given[name].shape)} there" for name in names)
