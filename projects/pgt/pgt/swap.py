"""Walks a network and gives its temporal operators a memory, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from pgt.cell import Cell
from pgt.memory import Memory
from pgt.operators import MarkovHeadPool, MarkovOperator, MarkovTimePool, become
from pgt.rules import RULES
from pgt.site import ROOT, Alone, MemoryOptions, Remember, Site, UnsupportedOperatorError


@dataclass(frozen=True, slots=True)
class Swapped:
    """Paths in the network. remembering: operators that remember. alone: those that deal with time but do not, with the
    reason. undo: makes the network what it was."""

    remembering: tuple[str, ...]
    alone: dict[str, str]
    undo: Callable[[], None]


def make_markov(network: nn.Module, memory: Memory, options: MemoryOptions) -> Swapped:
    """Gives every temporal operator of `network` a memory.

    The modules, their parameters, hooks and names stay the same objects; only their class changes. Raises
    UnsupportedOperatorError before anything is changed when the network holds an operator that looks across time in a way no
    memory serves, or nothing that looks across time.
    """
    decisions = list(_decide(network, options))
    if not any(_remembers_or_would(change) for _, _, change in decisions):
        left = "".join(f"; {path}: {change.why}" for path, _, change in decisions)
        raise UnsupportedOperatorError(
            "network: nothing in it remembers; what looks across time must be a module that `progressive` knows, or one that "
            f"`pgt.register_operator` was told of{left}"
        )
    alone = {path: change.why for path, _, change in decisions if isinstance(change, Alone) or not change.all_cells}
    changes = [(path, module, change) for path, module, change in decisions if isinstance(change, Remember)]
    originals = [
        (
            module,
            type(module),
            module.__dict__.copy(),
            module._modules.copy(),
            module._parameters.copy(),
            module._forward_pre_hooks.copy(),
        )
        for _, module, _ in changes
    ]

    def undo() -> None:
        for module, cls, attributes, children, parameters, hooks in originals:
            module.__class__ = cls
            module.__dict__.clear()
            module.__dict__.update(attributes)
            module._modules.clear()
            module._modules.update(children)
            module._parameters.clear()
            module._parameters.update(parameters)
            module._forward_pre_hooks.clear()
            module._forward_pre_hooks.update(hooks)

    try:
        for path, module, change in changes:
            if change.prepare is not None:
                change.prepare(module)
            become(
                module, change.operator, {"memory": memory, "cell": change.cell or Cell(path, 0, "last"), **change.attributes}
            )
            memory.cells.update({cell.name: cell for cell in change.all_cells})
    except BaseException:
        undo()
        raise
    return Swapped(
        remembering=tuple(path for path, _, change in changes if change.all_cells),
        alone=alone,
        undo=undo,
    )


def _remembers_or_would(change: Remember | Alone) -> bool:
    """Whether a module has a memory, or would have one but for an option."""
    if isinstance(change, Alone):
        return False
    return bool(change.all_cells) or issubclass(change.operator, MarkovTimePool | MarkovHeadPool)


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
                    if isinstance(decision, Alone) or not decision.operator.is_open:
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
