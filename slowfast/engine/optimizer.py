"""Optimizers and the groups that parameters fall into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import ConfigError

# torch has no public base of all batch and instance norms.
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def parameter_groups(
    model: nn.Module, *, weight_decay: float, norm_weight_decay: float, exempt_1d: bool
) -> list[dict[str, Any]]:
    """Groups for an optimizer: norms, scales and biases without decay (if `exempt_1d`), and the rest.

    Frozen parameters are left out, empty groups too; a parameter that several modules share counts where it is met first.
    """
    norms: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    seen: set[nn.Parameter] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad or parameter in seen:
                continue
            seen.add(parameter)
            if isinstance(module, NORMS):
                norms.append(parameter)
            elif exempt_1d and (parameter.ndim == 1 or name == "bias"):
                exempt.append(parameter)
            else:
                rest.append(parameter)
    groups = ((norms, norm_weight_decay), (exempt, 0.0), (rest, weight_decay))
    return [{"params": parameters, "weight_decay": decay} for parameters, decay in groups if parameters]


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer that SOLVER describes. Its learning rate is set anew at every iteration."""
    solver = cfg.SOLVER
    groups = parameter_groups(
        model,
        weight_decay=solver.WEIGHT_DECAY,
        norm_weight_decay=cfg.BN.WEIGHT_DECAY,
        exempt_1d=solver.ZERO_WD_1D_PARAM,
    )
    if not groups:
        raise ConfigError(key="MODEL.MODEL_NAME", value=cfg.MODEL.MODEL_NAME, why="every parameter is frozen: nothing to train")
    if solver.OPTIMIZING_METHOD == "sgd":
        return _sgd(cfg, groups)
    optimizer = torch.optim.AdamW if solver.OPTIMIZING_METHOD == "adamw" else torch.optim.Adam
    return optimizer(groups, lr=solver.BASE_LR, betas=tuple(solver.BETAS))


def _sgd(cfg: CfgNode, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    solver = cfg.SOLVER
    return torch.optim.SGD(
        groups, lr=solver.BASE_LR, momentum=solver.MOMENTUM, dampening=solver.DAMPENING, nesterov=solver.NESTEROV
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def trainable(model: nn.Module) -> Iterable[nn.Parameter]:
    return (parameter for parameter in model.parameters() if parameter.requires_grad)
