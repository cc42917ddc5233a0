"""Norms folded into the convolutions before them, for evaluation: one pass less over every activation.

A norm whose statistics stand still is y = scale x + shift for each channel. Behind a convolution that is another convolution,
with scaled weights and a shifted bias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from slowfast.errors import UserError
from slowfast.models.layers.norm import FrozenBatchNorm3d


class FoldingError(UserError, RuntimeError):
    """Norms are to be folded where a network learns."""


@contextmanager
def norms_folded(model: nn.Module) -> Iterator[None]:
    """Within it, convolutions do the work of the norms behind them. Afterwards everything is as before.

    Parameters, buffers and `state_dict` are not touched: a convolution sees scaled copies (as many bytes as its weights), which
    are made on entering. So whatever changes weights, statistics or their device must wait until the context has ended. Which
    norm stands behind which convolution, classes of modules say themselves (`norms_of`, convolution -> norm); pairs with hooks,
    parametrizations or a forward of their own stay as they are, and so do norms in training mode.

    Raises FoldingError in training mode, and where gradients are on: the weights would get none.
    """
    if model.training or torch.is_grad_enabled():
        found = "the network is in training mode" if model.training else "gradients are on"
        raise FoldingError(
            f"norms are folded into convolutions for evaluation, but {found}; right would be: model.eval() and torch.no_grad()"
        )
    changed: list[tuple[nn.Module, str]] = []
    try:
        for conv, norm in foldable_pairs(model):
            scale, shift = _scale_and_shift(norm)
            weight, bias = conv.weight, conv.bias
            shadows = (
                (conv, "weight", (weight * scale.view(-1, 1, 1, 1, 1)).to(weight.dtype)),
                (conv, "bias", (shift if bias is None else shift + scale * bias).to(weight.dtype)),
                (norm, "forward", _unchanged),
            )
            for module, name, value in shadows:  # what an object has itself is found before parameters and methods
                changed.append((module, name))
                module.__dict__[name] = value
        yield
    finally:
        for module, name in changed:
            module.__dict__.pop(name, None)


def fold_norms(model: nn.Module) -> int:
    """The same for good: convolutions get new parameters, the norms behind them become `nn.Identity`. Returns how many.

    For a network that is to be handed on: its `state_dict` is no longer that of the network it was. Raises FoldingError in
    training mode.
    """
    with torch.no_grad():
        pairs = foldable_pairs(model)
        with norms_folded(model):
            folded = [(conv, conv.weight, conv.bias) for conv, _ in pairs]
        for conv, weight, bias in folded:
            assert bias is not None  # that of the norm
            conv.weight = nn.Parameter(weight, requires_grad=False)
            conv.bias = nn.Parameter(bias, requires_grad=False)
    norms = {id(norm) for _, norm in pairs}
    for module in list(model.modules()):
        for name, child in module.named_children():
            if id(child) in norms:
                setattr(module, name, nn.Identity())
    return len(pairs)


def foldable_pairs(model: nn.Module) -> list[tuple[nn.Conv3d, nn.Module]]:
    """Convolutions with the norms that can be folded into them now."""
    pairs = [
        (module.get_submodule(conv), module.get_submodule(norm))
        for module in model.modules()
        for conv, norm in _declared(type(module)).items()
        if hasattr(module, conv) and hasattr(module, norm)
    ]
    uses = Counter(id(part) for pair in pairs for part in pair)
    return [
        (conv, norm)
        for conv, norm in pairs
        if isinstance(conv, nn.Conv3d)
        and _is_linear(conv)
        and _stands_still(norm)
        and all(uses[id(part)] == 1 and not _is_watched(part) for part in (conv, norm))
    ]


def _declared(kind: type[nn.Module]) -> dict[str, str]:
    """What a class says of its norms; nothing where a subclass has replaced a method of the class that says it."""
    replaced: set[str] = set()
    for cls in kind.__mro__:
        if "norms_of" in vars(cls):
            own = {name for name, value in vars(cls).items() if callable(value)} | {"forward"}
            return {} if replaced & own - {"__init__"} else dict(vars(cls)["norms_of"])
        replaced |= vars(cls).keys()
    return {}


def _is_linear(conv: nn.Conv3d) -> bool:
    """Whether the output follows from the weight as that of a convolution does. Classes with a forward of their own say so
    (`linear`)."""
    for cls in type(conv).__mro__:
        if cls is nn.Conv3d:
            break
        if {"forward", "_conv_forward"} & vars(cls).keys() and not vars(cls).get("linear", False):
            return False
    return "forward" not in conv.__dict__ and "weight" in conv._parameters and not parametrize.is_parametrized(conv)


def _stands_still(norm: nn.Module) -> bool:
    if isinstance(norm, FrozenBatchNorm3d):
        return type(norm) is FrozenBatchNorm3d
    batch_norm = type(norm) in (nn.BatchNorm3d, nn.SyncBatchNorm)
    return batch_norm and not norm.training and norm.running_mean is not None and norm.running_var is not None


def _is_watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    if isinstance(norm, FrozenBatchNorm3d):
        return norm.scale_and_shift(norm.weight.dtype)
    assert isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


def _unchanged(x: Tensor) -> Tensor:
    return x
