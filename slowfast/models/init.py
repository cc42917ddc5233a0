"""First weights of a network that is trained from nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from slowfast.config import CfgNode


@runtime_checkable
class ResidualBranch(Protocol):
    """A module whose output is added to its input; with a zero in its last layer the sum starts as the identity."""

    @property
    def final_conv(self) -> nn.Module: ...

    @property
    def final_norm(self) -> nn.Module: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSpec:
    """classifier_std: standard deviation of linear weights. zero_final_*: which last layer of a residual branch starts at zero
    (Goyal et al., arXiv:1706.02677, sec. 5.1)."""

    classifier_std: float = 0.01
    zero_final_norm: bool = False
    zero_final_conv: bool = False

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> InitSpec:
        return cls(
            classifier_std=cfg.MODEL.FC_INIT_STD,
            zero_final_norm=cfg.RESNET.ZERO_INIT_FINAL_BN,
            zero_final_conv=cfg.RESNET.ZERO_INIT_FINAL_CONV,
        )


def init_weights(model: nn.Module, spec: InitSpec) -> None:
    """Convolutions by He et al. (arXiv:1502.01852, fan out), norms one, biases zero, linear layers normal.

    Draws from torch's global generator. Frozen norms are born right and only take part in the zeroing.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=spec.classifier_std)
        elif isinstance(module, _BatchNorm):
            nn.init.ones_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, ResidualBranch):
            if spec.zero_final_norm:
                _zero_weight(module.final_norm)
            if spec.zero_final_conv:
                _zero_weight(module.final_conv)


def _zero_weight(module: nn.Module) -> None:
    if isinstance(module, nn.Identity):  # a branch without a norm
        return
    weight = module.weight
    assert isinstance(weight, Tensor)  # a parameter, or a frozen norm's buffer
    nn.init.zeros_(weight)
