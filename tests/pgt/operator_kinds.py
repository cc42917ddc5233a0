"""One small network for each kind of operator that remembers; used by several tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pgt import ProgressiveModel, progressive
from slowfast.models.layers.nonlocal_block import NonLocalBlock, NonLocalSpec
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite

STEP, CHANNELS = 4, 4


class StandardisedConv(nn.Conv3d):
    """Weight standardisation (arXiv:1903.10520): a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3, 4), keepdim=True)
        return self._conv_forward(x, weight / (weight.std((1, 2, 3, 4), keepdim=True) + 1e-5), self.bias)


class PowerPool(nn.AdaptiveAvgPool3d):
    """A generalised mean: a pooling with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.square()).sqrt()


def make_block() -> NonLocalBlock:
    block = NonLocalBlock(CHANNELS, inner_channels=2, spec=NonLocalSpec(), norm=NormSpec())
    nn.init.normal_(block.bn.weight)  # type: ignore[arg-type]
    return block


def _conv(kernel: int, **options: Any) -> nn.Conv3d:
    return nn.Conv3d(CHANNELS, CHANNELS, (kernel, 3, 3), padding=(kernel // 2, 1, 1), **options)


LOCAL: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: _conv(3),
    "wide conv": lambda: _conv(5),
    "strided conv": lambda: _conv(3, stride=(2, 1, 1)),
    "conv with a forward of its own": lambda: StandardisedConv(CHANNELS, CHANNELS, 3, padding=1),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(_conv(3)),
    "max pool": lambda: nn.MaxPool3d((3, 1, 1), stride=1, padding=(1, 0, 0)),
    "strided max pool": lambda: nn.MaxPool3d((3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
    "mean pool": lambda: nn.AvgPool3d((3, 1, 1), stride=1, padding=(1, 0, 0)),
    "head mean": lambda: nn.AdaptiveAvgPool3d(1),
    "head max": lambda: nn.AdaptiveMaxPool3d((1, None, None)),
    "head window": lambda: nn.AvgPool3d((STEP, 3, 3), stride=1),
    "head with a forward of its own": lambda: PowerPool(1),
    "our head": lambda: TemporalPool(mode="avg", pathway=0),
}
BLOCKS: dict[str, Callable[[], nn.Module]] = {"non-local block": make_block}
CAUSAL: dict[str, Callable[[], nn.Module]] = {
    kind: make
    for kind, make in LOCAL.items()
    if kind not in ("head with a forward of its own", "strided conv", "strided max pool")
} | {"squeeze": lambda: SqueezeExcite(CHANNELS, 2)}

KINDS = (
    [(kind, "local", memory) for kind in LOCAL for memory in ("last", "max", "avg")]
    + [(kind, "attends", context) for kind in BLOCKS for context in ("memory", "memory_and_step")]
    + [(kind, "causal", "last") for kind in CAUSAL]
)
"""What there is to remember with: kind of module, kind of operator, memory (of a non-local block: what it attends to)."""


def make_model(kind: str, operator: str, memory: str, *, overlap: int = 0, momentum: float = 0.25) -> ProgressiveModel:
    """A progressive network of one operator, in double, in evaluation mode, with seeded weights."""
    torch.manual_seed(0)
    module = (LOCAL | CAUSAL | BLOCKS)[kind]()
    network = nn.Sequential(nn.Conv3d(CHANNELS, CHANNELS, 1), module).double().eval()
    options: dict[str, Any] = {"step_len": STEP, "overlap": overlap}
    if operator == "causal":
        return progressive(network, **options, operator="causal")
    if operator == "attends":
        return progressive(network, **options, memory="last", momentum=momentum, nonlocal_context=memory)  # type: ignore[arg-type]
    return progressive(network, **options, memory=memory, momentum=momentum)  # type: ignore[arg-type]
