"""What a network says of its layers, for optimizers that treat them differently.

Both protocols are optional: a class of networks has them if it has these methods. `name` is always that of a parameter within
the network itself, whatever is wrapped around it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from torch import nn

from slowfast.config import ConfigError


@runtime_checkable
class HasLayers(Protocol):
    """A network whose layers are counted from its input: 0 is what reads pictures, 1 .. `num_layers` are its blocks, and
    `num_layers` + 1 is all that follows them."""

    @property
    def num_layers(self) -> int: ...

    def layer_of(self, name: str) -> int: ...


@runtime_checkable
class HasNoWeightDecay(Protocol):
    """A network with parameters that are no weights of a sum, such as tables of positions."""

    def no_weight_decay(self) -> Collection[str]:
        """Names of parameters, or of the parts between their dots."""


def rate_factors(model: nn.Module, decay: float) -> dict[nn.Parameter, float]:
    """What the learning rate of each parameter is multiplied by: `decay` for each layer that lies behind its own (as in
    arXiv:2003.10555). Parameters outside of the network that knows its layers have 1. Raises ConfigError where none does.
    """
    factors = dict.fromkeys(model.parameters(), 1.0)
    if decay == 1:
        return factors
    for module in model.modules():
        if isinstance(module, HasLayers):
            last = module.num_layers + 1
            factors |= {parameter: decay ** (last - module.layer_of(name)) for name, parameter in module.named_parameters()}
            return factors
    name = type(getattr(model, "network", model)).__name__
    why = f"{name} does not say which layer a parameter belongs to (`num_layers`, `layer_of`)"
    raise ConfigError(
        key="SOLVER.LAYER_DECAY", value=decay, why=why, right="1.0, or a network that does, such as a transformer"
    )


def without_decay(model: nn.Module) -> set[nn.Parameter]:
    """Parameters that their network wants no weight decay for."""
    found: set[nn.Parameter] = set()
    for module in model.modules():
        if isinstance(module, HasNoWeightDecay):
            named = set(module.no_weight_decay())
            found |= {
                parameter for name, parameter in module.named_parameters() if name in named or named & set(name.split("."))
            }
    return found
