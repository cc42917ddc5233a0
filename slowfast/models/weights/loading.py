"""Filling a network with weights that somebody else trained."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from slowfast.models.weights.names import without_wrappers
from slowfast.models.weights.report import WeightReport, WeightsError, examples
from slowfast.models.weights.shapes import adapted, is_of_pictures

COUNTER = "num_batches_tracked"
"""Last part of the names of batch norms' counters. Frozen norms have none, and nothing depends on them."""

CLASSIFIER = "projection"
"""Name of the module whose rows are classes."""

HEADS = ("head.weight", "head.bias")
"""The same where the classifier is the whole head."""


@runtime_checkable
class AdoptsWeights(Protocol):
    """A network that knows more of others' weights than names and shapes tell."""

    def adopted(self, state: Mapping[str, Tensor], *, of_pictures: bool) -> dict[str, Tensor]:
        """The weights under its own names, as it takes them. of_pictures: whether those of a network of pictures are wanted."""


def load_weights(model: nn.Module, state: Mapping[str, Tensor], *, inflate: bool = False) -> WeightReport:
    """Copies the weights that fit, by name and shape, into `model`; everything else stays as it is.

    inflate: whether convolutions over single frames are repeated over time where the network looks at several.
    Raises WeightsError, and changes nothing, when less than half of the network's weights would be filled, or when weights of
    pictures meet a network of clips without `inflate`.
    """
    strays = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if strays:
        raise WeightsError(f"this is not a mapping of names to tensors: {examples(strays)}")
    own, bare = model.state_dict(), without_wrappers(state)
    network = next((module for module in model.modules() if isinstance(module, AdoptsWeights)), None)
    if network is not None:
        bare = network.adopted(bare, of_pictures=inflate)
    given = {name: adapted(value, own[name].shape, inflate=inflate) if name in own else value for name, value in bare.items()}
    report = _compare(own, given)
    if not inflate:
        _refuse_pictures(report, own, given)
    _refuse_strangers(report, own, given)
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


def _refuse_pictures(report: WeightReport, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    flat = [name for name in report.mismatched if is_of_pictures(given[name], own[name].shape)]
    if flat:
        raise WeightsError(
            f"these are weights of a network of pictures ({_shapes(flat[:1], own, given)}); "
            "TRAIN.CHECKPOINT_INFLATE True (in the converter --inflate) repeats them over time"
        )


def _refuse_strangers(report: WeightReport, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    wanted = len(_without_counters(own)) - len(report.head_dropped)
    if not report.matched or len(report.matched) * 2 < wanted:
        raise WeightsError(
            f"only {len(report.matched)} of the network's {wanted} weights are there with the right shape. "
            f"The network has {examples(own)}; the weights have {examples(given) or 'no names at all'}"
            + (f"; other shapes: {_shapes(report.mismatched, own, given)}" if report.mismatched else "")
            + _nearest(report, given)
            + ". Right would be weights of the network that the config builds (MODEL and the section of its family)"
        )


def _nearest(report: WeightReport, given: Mapping[str, Tensor]) -> str:
    """The name among the weights that is most like the first one that the network misses."""
    near = difflib.get_close_matches(report.missing[0], list(given), n=1) if report.missing else []
    return f"; nearest to {report.missing[0]} is {near[0]}" if near else ""


def _without_counters(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(COUNTER)]


def _is_other_classifier(name: str, own: Tensor, given: Tensor) -> bool:
    return (name in HEADS or CLASSIFIER in name.split(".")[:-1]) and own.shape[1:] == given.shape[1:]


def _shapes(names: Iterable[str], own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    return examples(f"{name} {tuple(own[name].shape)} here, {tuple(given[name].shape)} there" for name in names)
