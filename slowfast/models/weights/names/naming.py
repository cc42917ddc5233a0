"""How somebody else calls the weights that we call as PySlowFast does.

Sources name weights of convolutional networks by the same idea: a stage, a block of it, a layer of the block. A `Naming` is a
table of what differs. Networks of tokens have a chain of blocks alone, and a `PathNaming`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

FAST = ("1", "t_", "fast")
"""What sources put in a name to say that it is of the Fast pathway."""


Layer = tuple[str, str]
"""Their names of a convolution and of its norm."""


def block_layers(*, shortcut: Layer, a: Layer, b: Layer, c: Layer) -> dict[str, str]:
    """Their layers of a bottleneck block -> ours."""
    ours = {"branch1": shortcut, "branch2.a": a, "branch2.b": b, "branch2.c": c}
    return {theirs: name for layer, pair in ours.items() for theirs, name in zip(pair, (layer, f"{layer}_bn"), strict=True)}


def _nothing(state: dict[str, Tensor]) -> None:
    """Changes no weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNaming(ABC):
    """The names of one source.

    marker: expression for a name that only this source has.
    finish: changes the weights, already under our names, where more than names differs.
    """

    marker: str
    finish: Callable[[dict[str, Tensor]], None] = _nothing

    def recognises(self, names: Iterable[str]) -> bool:
        return any(re.fullmatch(self.marker, name) for name in names)

    def translate(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights as our networks take them."""
        translation = self.translation(state)
        ours = {translation[name]: value for name, value in state.items()}
        self.finish(ours)
        return ours

    @abstractmethod
    def translation(self, names: Iterable[str]) -> dict[str, str]:
        """Theirs -> ours. A name without a counterpart stays as it is, so that a report shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathNaming(AnyNaming):
    """A network whose parts are called one for one. paths: expressions for whole names -> ours, \\1 for the first group."""

    paths: Mapping[str, str]

    def translation(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self._translate(name) for name in names}

    def _translate(self, name: str) -> str:
        for theirs, ours in self.paths.items():
            if match := re.fullmatch(theirs, name):
                return match.expand(ours)
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming(AnyNaming):
    """A network of stages and blocks.

    block: expression for the path of a layer in a block, with groups "stage", "block", "layer" and perhaps "pathway".
    first_block: number of a stage's first block. layers: their path of a layer in a block -> ours.
    others: expressions for the paths of layers outside of blocks -> ours, with \\1 for the first group.
    separator: precedes the last part of a name; kinds: their last part -> ours, where they differ.
    """

    block: str
    layers: Mapping[str, str]
    others: Mapping[str, str]
    first_block: int = 0
    separator: str = "."
    kinds: Mapping[str, str] = field(default_factory=dict)

    def translation(self, names: Iterable[str]) -> dict[str, str]:
        names = list(names)
        stages = self._stage_numbers(names)
        return {name: self._translate(name, stages) or name for name in names}

    def _stage_numbers(self, names: Iterable[str]) -> dict[str, int]:
        """Their number of a stage -> ours, 2 to 5. Stages are counted, since a pooling layer may take a number between them."""
        found = {match["stage"] for name in names if (match := re.fullmatch(self.block, self._split(name)[0]))}
        return {stage: number for number, stage in enumerate(sorted(found), start=2)}

    def _translate(self, name: str, stages: Mapping[str, int]) -> str | None:
        layer, kind = self._split(name)
        if (match := re.fullmatch(self.block, layer)) and match["layer"] in self.layers:
            pathway = int(match.groupdict().get("pathway") in FAST)
            block = int(match["block"]) - self.first_block
            return f"s{stages[match['stage']]}.pathway{pathway}_res{block}.{self.layers[match['layer']]}.{kind}"
        for theirs, ours in self.others.items():
            if match := re.fullmatch(theirs, layer):
                return f"{match.expand(ours)}.{kind}"
        return None

    def _split(self, name: str) -> tuple[str, str]:
        layer, _, kind = name.rpartition(self.separator)
        return layer, self.kinds.get(kind, kind)
