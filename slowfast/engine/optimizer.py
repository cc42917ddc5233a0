"""Optimizers and the groups that parameters fall into."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import ConfigError
from slowfast.engine.layers import rate_factors, without_decay
from slowfast.runtime.errors import EngineError

logger = logging.getLogger(__name__)

# torch has no public base of all batch and instance norms.
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)

FUSED_ON = ("cpu", "cuda")
"""Devices on which one kernel updates many parameters at once."""

_FAMILIES = {"AdamW": "Adam"}
"""Optimizers that keep the same moments as another."""


def parameter_groups(
    model: nn.Module, *, weight_decay: float, norm_weight_decay: float, exempt_1d: bool, layer_decay: float = 1.0
) -> list[dict[str, object]]:
    """Groups for an optimizer: norms; what the network exempts from decay, with scales and biases if `exempt_1d`; the rest.

    Frozen parameters are left out, empty groups too; a parameter that several modules share counts where it is met first.
    layer_decay: see `rate_factors`; each group has its factor as `lr_scale`. Raises ConfigError.
    """
    factors, exempt = rate_factors(model, layer_decay), without_decay(model)
    decays = {"norms": norm_weight_decay, "exempt": 0.0, "rest": weight_decay}
    found: dict[tuple[str, float], list[nn.Parameter]] = {}
    seen: set[nn.Parameter] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad or parameter in seen:
                continue
            seen.add(parameter)
            if isinstance(module, NORMS):
                kind = "norms"
            elif parameter in exempt or (exempt_1d and (parameter.ndim == 1 or name == "bias")):
                kind = "exempt"
            else:
                kind = "rest"
            found.setdefault((kind, factors[parameter]), []).append(parameter)
    keys = sorted(found, key=lambda key: ([*decays].index(key[0]), key[1]))
    return [{"params": found[kind, factor], "weight_decay": decays[kind], "lr_scale": factor} for kind, factor in keys]


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer that SOLVER describes. Its learning rate is set again at every iteration. Raises ConfigError."""
    solver = cfg.SOLVER
    groups = parameter_groups(
        model,
        weight_decay=solver.WEIGHT_DECAY,
        norm_weight_decay=cfg.BN.WEIGHT_DECAY,
        exempt_1d=solver.ZERO_WD_1D_PARAM,
        layer_decay=solver.LAYER_DECAY,
    )
    if not groups:
        raise ConfigError(key="MODEL.MODEL_NAME", value=cfg.MODEL.MODEL_NAME, why="every parameter is frozen: nothing to train")
    fused = all(parameter.device.type in FUSED_ON for parameter in trainable(model))
    if solver.OPTIMIZING_METHOD == "sgd":
        return _sgd(cfg, groups, fused=fused)
    optimizer = torch.optim.AdamW if solver.OPTIMIZING_METHOD == "adamw" else torch.optim.Adam
    return optimizer(groups, lr=solver.BASE_LR, betas=tuple(solver.BETAS), fused=fused)


def _sgd(cfg: CfgNode, groups: list[dict[str, object]], *, fused: bool) -> torch.optim.Optimizer:
    solver = cfg.SOLVER
    return torch.optim.SGD(
        groups,
        lr=solver.BASE_LR,
        momentum=solver.MOMENTUM,
        dampening=solver.DAMPENING,
        nesterov=solver.NESTEROV,
        fused=fused,
    )


class OptimizerStateError(EngineError):
    """The state of an optimizer that does not fit this one."""


def parameter_names(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """The names of an optimizer's parameters in the order that it numbers them in."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]


def load_optimizer_state(
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
    *,
    names: Sequence[str],
    saved_names: Sequence[str] | None = None,
    saved_kind: str = "",
) -> None:
    """Gives each parameter its moments, by name, and leaves the optimizer its own options.

    names, saved_names: see `parameter_names`, now and when `state` was saved; None: not known, so the groups must agree.
    saved_kind: class of the optimizer that `state` is of; empty: not known. Another kind of optimizer has no use for the state
    and starts from zero, and so does a parameter that the state knows nothing of; both are logged. Raises OptimizerStateError.
    """
    own = optimizer.state_dict()["param_groups"]
    groups = state["param_groups"]
    if saved_names is None:
        lengths, saved_lengths = ([len(group["params"]) for group in found] for found in (own, groups))
        if lengths != saved_lengths:
            raise OptimizerStateError(f"its groups have {saved_lengths} parameters, and {lengths} are to be trained")
        saved_names = names
    kind = type(optimizer).__name__
    saved_kind = saved_kind or ("Adam" if "betas" in groups[0] else "SGD")
    if _FAMILIES.get(kind, kind) != _FAMILIES.get(saved_kind, saved_kind):
        logger.warning("the optimizer was %s and is %s now: it goes on without the moments gathered so far", saved_kind, kind)
        return
    numbers = [number for group in groups for number in group["params"]]
    by_name = {name: state["state"].get(number) for name, number in zip(saved_names, numbers, strict=True)}
    new = [name for name in names if name not in by_name]
    if new:
        logger.warning("the optimizer starts anew for %d parameters that were not trained before: %s", len(new), new[0])
    known = {number: by_name[name] for number, name in enumerate(names) if by_name.get(name) is not None}
    optimizer.load_state_dict({"state": known, "param_groups": own})


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """rate: of the last layers; groups of others have their part of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def trainable(model: nn.Module) -> Iterable[nn.Parameter]:
    return (parameter for parameter in model.parameters() if parameter.requires_grad)
