"""Walks a network and gives its temporal operators a memory, in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from pgt.memory import Cell, Memory
from pgt.operators import MarkovOperator, become
from pgt.rules import RULES
from pgt.site import ROOT, Alone, MemoryOptions, Remember, Site, UnsupportedOperatorError


@dataclass(frozen=True, slots=True)
class Swapped:
    """Paths in the network. remembering: operators that remember. aligned: those that cross no border. alone: those that see
    their step alone, with the reason."""

    remembering: tuple[str, ...]
    aligned: tuple[str, ...]
    alone: dict[str, str]


def make_markov(network: nn.Module, memory: Memory, options: MemoryOptions) -> Swapped:
    """Gives every temporal operator of `network` a memory.

    The modules, their parameters, hooks and names stay the same objects; only their class changes. Raises
    UnsupportedOperatorError before anything is changed when the network holds an operator that looks across time in a way no
    memory serves.
    """
    decisions = list(_decide(network, options))
    remembering: list[str] = []
    aligned: list[str] = []
    alone: dict[str, str] = {}
    for path, module, decision in decisions:
        if isinstance(decision, Alone):
            alone[path] = decision.why
            continue
        (remembering if decision.cell is not None or decision.cells else aligned).append(path)
        if decision.prepare is not None:
            decision.prepare(module)
        cell = decision.cell or Cell(path, None, "last")
        attributes: dict[str, Any] = {"memory": memory, "cell": cell, **decision.attributes}
        become(module, decision.operator, attributes)
        for known in decision.cells or ((decision.cell,) if decision.cell else ()):
            memory.cells[known.name] = known
    return Swapped(tuple(remembering), tuple(aligned), alone)


def _decide(network: nn.Module, options: MemoryOptions) -> Iterator[tuple[str, nn.Module, Remember | Alone]]:
    if any(isinstance(module, MarkovOperator) for module in network.modules()):
        raise UnsupportedOperatorError("this network is progressive already")
    paths = {name for name, _ in network.named_modules(remove_duplicate=False)}
    for left in options.leave:
        if left not in paths:
            raise UnsupportedOperatorError(f"leave: the network holds no module at {left!r}")
    inside: set[int] = set()  # modules that belong to another one, which takes care of them itself
    for left in options.leave:
        inside.update(id(child) for child in network.get_submodule(left).modules())
    module: nn.Module
    for name, module in network.named_modules():
        if id(module) in inside:
            continue
        site = Site(path=name or ROOT, network=network, options=options)
        for kinds, rule in RULES:
            if isinstance(module, kinds):
                decision = rule(module, site)
                if decision is not None:
                    inside.update(id(child) for child in module.modules())
                    _check_own_state(module, site)
                    yield site.path, module, decision
                break
    yield from ((left, network.get_submodule(left), Alone("left as it is, as was asked")) for left in options.leave)


def _check_own_state(module: nn.Module, site: Site) -> None:
    if "forward" in module.__dict__:
        site.refuse(module, "its forward was replaced on the object; let a class of its own have that forward")
    for name in ("memory", "cell"):
        if hasattr(module, name):
            site.refuse(module, f"it has an attribute {name!r} of its own, which its memory would hide; give that another name")
