"""Small networks of the kinds that break what looks at modules alone. They read clips (B, 4, T, H, W)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from slowfast.models.layers.nonlocal_block import NonLocalBlock
from tests.pgt.operator_kinds import CHANNELS, PowerPool, StandardisedConv, make_block

C = CHANNELS


def conv(kernel: int = 3, **options: Any) -> nn.Conv3d:
    return nn.Conv3d(C, C, (kernel, 3, 3), padding=(kernel // 2, 1, 1), **options)


class FrozenNorm(nn.Module):
    """Holds the statistics of its norm still, in the usual way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), nn.BatchNorm3d(C)

    def train(self, mode: bool = True) -> FrozenNorm:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))  # type: ignore[no-any-return]


class PlainLists(nn.Module):
    """Runs its layers out of a list and a dict that are no module lists."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv(), conv(5), nn.AdaptiveAvgPool3d(1)
        self.chain, self.named = [self.a, self.b], {"head": self.c}

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.chain:
            x = layer(x).relu()
        return self.named["head"](x)  # type: ignore[no-any-return]


class Buffers(nn.Module):
    """Has buffers that a state dict holds and others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv()
        self.register_buffer("scale", torch.full((1,), 2.0))
        self.register_buffer("shift", torch.ones(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.scale + self.shift  # type: ignore[no-any-return, operator]


class TakenNames(nn.Module):
    """Calls its parts as a progressive model calls its methods and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.step, self.reset = conv(), conv(), nn.Conv3d(C, C, 1)
        self.memory = nn.Parameter(torch.ones(1))
        self.operators, self.overlap = 3.0, 2.0

    def forward(self, x: Tensor) -> Tensor:
        return self.reset(self.step(self.network(x))) * self.memory * self.operators * self.overlap  # type: ignore[no-any-return]


class Squeeze(nn.Module):
    """Squeeze and excitation out of an adaptive pool."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool3d(1), nn.Conv3d(C, C, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(self.pool(x)).sigmoid()  # type: ignore[no-any-return]


class ManyOutputs(nn.Module):
    """Returns a dict, and takes keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.fc = conv(), nn.AdaptiveAvgPool3d(1), nn.Linear(C, 2)

    def forward(self, x: Tensor, *, scale: float = 1.0) -> dict[str, Any]:
        features = self.conv(x) * scale
        return {"logits": self.fc(self.pool(features).flatten(1)), "features": (features, None)}


class Levels(nn.Module):
    """Pools features of two frame rates side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(), conv(stride=(4, 1, 1))
        self.pool, self.pool_of_few = nn.AdaptiveAvgPool3d(1), nn.AdaptiveAvgPool3d(1)

    def forward(self, x: Tensor) -> Tensor:
        many = self.first(x)
        few = self.second(many)
        return torch.cat([self.pool(many), self.pool_of_few(few)], dim=1)


class PositionTable(nn.Module):
    """Adds what it has learned for each of 4 frames."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(C, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class FramesFirst(nn.Module):
    """Reads (B, T, C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = conv(), nn.AvgPool3d((4, 1, 1), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(x.transpose(1, 2)))  # type: ignore[no-any-return]


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body = nn.Conv3d(C, C, 1), nn.Sequential(conv(), nn.Softplus(), conv())

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.body, self.stem(x), use_reentrant=False)  # type: ignore[no-any-return]


class Shared(nn.Module):
    """Knows one module by two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv()
        self.again = nn.Sequential(self.first)

    def forward(self, x: Tensor) -> Tensor:
        return self.again(x)  # type: ignore[no-any-return]


class FakeQuantised(nn.Conv3d):
    """Quantisation-aware: a forward of its own around PyTorch's."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, (self.weight * 16).round() / 16, self.bias)


class LazyBuilt(nn.Module):
    """A lazy convolution that knows its sizes by now."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.LazyConv3d(C, 3, padding=1)
        self.conv(torch.zeros(1, C, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


def sequential(*modules: nn.Module) -> Callable[[], nn.Module]:
    """A network of these modules behind a convolution that remembers."""
    return lambda: nn.Sequential(conv(), *modules)


def weight_norm() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(conv()))


def spectral_norm() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(conv()))


KEPT: dict[str, Callable[[], nn.Module]] = {
    "weight standardisation": lambda: nn.Sequential(StandardisedConv(C, C, 3, padding=1)),
    "strided weight standardisation": lambda: nn.Sequential(StandardisedConv(C, C, 3, padding=1, stride=(2, 1, 1))),
    "fake quantisation": lambda: nn.Sequential(FakeQuantised(C, C, 3, padding=1)),
    "frozen norm": FrozenNorm,
    "plain lists": PlainLists,
    "buffers": Buffers,
    "taken names": TakenNames,
    "root convolution": conv,
    "root head": lambda: nn.AdaptiveAvgPool3d(1),
    "weight norm": weight_norm,
    "spectral norm": spectral_norm,
    "inner pool of stride 1": lambda: nn.Sequential(conv(), nn.MaxPool3d((2, 1, 1), stride=1), conv()),
    "head window of stride 1": lambda: nn.Sequential(conv(), nn.AvgPool3d((4, 3, 3), stride=1), nn.Flatten()),
    "head window of default stride": lambda: nn.Sequential(conv(), nn.AvgPool3d((4, 3, 3)), nn.Flatten()),
    "tubelets": lambda: nn.Sequential(nn.Conv3d(C, C, (2, 1, 1), stride=(2, 1, 1)), conv()),
    "pool that drops frames": lambda: nn.Sequential(nn.MaxPool3d(1, stride=(2, 1, 1)), conv()),
    "pool without overlap": lambda: nn.Sequential(conv(), nn.AvgPool3d((2, 1, 1)), conv()),
    "squeeze from adaptive pool": lambda: nn.Sequential(conv(), Squeeze(), nn.AdaptiveAvgPool3d(1)),
    "pool with a forward of its own": lambda: nn.Sequential(conv(), PowerPool(1)),
    "several outputs": ManyOutputs,
    "frames first": FramesFirst,
    "checkpointed": Checkpointed,
    "two names": Shared,
    "lazy convolution": LazyBuilt,
    "non-local block": lambda: nn.Sequential(conv(), make_block()),
}
"""Networks that are given a memory and stay what they were."""


def scripted() -> nn.Module:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(conv())  # type: ignore[no-any-return]


def replaced_forward() -> nn.Module:
    module = conv()
    module.forward = module.forward  # type: ignore[method-assign]
    return module


def own_memory() -> nn.Module:
    module = conv()
    module.memory = 3  # type: ignore[assignment]
    return module


class OthersConv(nn.Module):
    """Has the attributes of a convolution, and computes it by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel_size, self.weight = (3, 1, 1), nn.Parameter(torch.ones(C, C, 3, 1, 1))


class OwnAttention(NonLocalBlock):
    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x, x.flip(2))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "unpadded": (lambda: nn.Conv3d(C, C, (3, 1, 1)), "cannot hand its past on"),
    "even kernel": (lambda: nn.Conv3d(C, C, (4, 1, 1), padding=(2, 0, 0)), "odd kernel"),
    "padding same": (lambda: nn.Conv3d(C, C, 3, padding="same"), "padding 'same'"),
    "replicated padding": (lambda: conv(padding_mode="replicate"), "padding mode 'replicate'"),
    "transposed": (lambda: nn.ConvTranspose3d(C, C, 2), "transposed convolution"),
    "pool of no rhythm": (lambda: nn.MaxPool3d(3, stride=2), "reach across the borders"),
    "dilated pool": (lambda: nn.MaxPool3d(2, stride=1, dilation=2), "no dilation"),
    "rounding up": (lambda: nn.MaxPool3d(2, ceil_mode=True), "ceil_mode=False"),
    "other divisor": (lambda: nn.AvgPool3d(2, divisor_override=3), "divisor_override"),
    "indices": (lambda: nn.AdaptiveMaxPool3d(1, return_indices=True), "indices"),
    "several positions": (lambda: nn.AdaptiveAvgPool3d((2, 1, 1)), "2 temporal positions"),
    "power pool": (lambda: nn.LPPool3d(2, 2), "kind of pooling"),
    "convolution of one axis": (lambda: nn.Conv1d(C, C, 3), "register_operator"),
    "pool of one axis": (lambda: nn.AdaptiveAvgPool1d(1), "AdaptiveAvgPool3d"),
    "group norm": (lambda: nn.GroupNorm(2, C), "statistics over all frames.*leave"),
    "instance norm": (lambda: nn.InstanceNorm3d(C), "statistics over all frames"),
    "layer norm": (lambda: nn.LayerNorm((C, 4, 3, 3)), "whose number is fixed"),
    "interpolation": (lambda: nn.Upsample(scale_factor=(2, 1, 1), mode="trilinear"), "interpolation over time"),
    "fixed size": (lambda: nn.Upsample(size=(8, 3, 3)), "interpolation over time"),
    "padding module": (lambda: nn.ReplicationPad3d((0, 0, 0, 0, 1, 1)), "put at every border"),
    "recurrent": (lambda: nn.LSTM(C, C), "state of its own"),
    "attention": (lambda: nn.MultiheadAttention(C, 1), r"needs to know how its tokens lie.*tokens=TokenLayout.*leave"),
    "transformer": (lambda: nn.TransformerDecoderLayer(C, 1), "between two sequences"),
    "block of another forward": (OwnAttention.__new__, "forward of its own"),
    "lazy": (lambda: nn.LazyConv3d(C, 3), "run the network once before"),
    "scripted": (scripted, "cannot be looked into"),
    "forward of the object": (replaced_forward, "forward was replaced"),
    "operator of others": (lambda: OthersConv(), "register_operator"),
    "attribute of that name": (own_memory, "'memory' of its own"),
}
"""Modules that cannot be run step by step, each with words of the reason."""


class Functional(nn.Module):
    """A network that does something between two operators which remember. inner: a module that it does that with."""

    def __init__(self, operation: Callable[[Functional, Tensor], Tensor], inner: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.pool = conv(), conv(), nn.AdaptiveAvgPool3d(1)
        self.operation, self.inner = operation, inner or nn.Identity()
        self.weight = nn.Parameter(torch.randn(C, C, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.second(self.operation(self, self.first(x)))).flatten(1)  # type: ignore[no-any-return]


class HandWrittenAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.mean((3, 4)).transpose(1, 2)
        weights = (self.query(frames) @ frames.transpose(1, 2)).softmax(-1)
        return x + (weights @ frames).transpose(1, 2)[..., None, None]


class MeanHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = conv()

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean((2, 3, 4))  # type: ignore[no-any-return]


def shift(network: Functional, x: Tensor) -> Tensor:
    """The temporal shift module (arXiv:1811.08383)."""
    shifted = x.clone()
    shifted[:, 0, 1:], shifted[:, 1, :-1] = x[:, 0, :-1], x[:, 1, 1:]
    return shifted


def fold_frames(network: Functional, x: Tensor) -> Tensor:
    """A picture's convolution, over time and a line of pixels."""
    return network.inner(x.flatten(3)).view_as(x)  # type: ignore[no-any-return]


def halve_and_double(network: Functional, x: Tensor) -> Tensor:
    halved = functional.interpolate(x, scale_factor=(0.5, 1, 1), mode="trilinear")
    return functional.interpolate(halved, scale_factor=(2, 1, 1), mode="trilinear")


FOUND: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "functional convolution": (
        lambda: Functional(lambda net, x: functional.conv3d(x, net.weight, padding=(1, 0, 0))),
        "network: looks across time in its forward",
    ),
    "functional pool": (
        lambda: Functional(lambda net, x: functional.max_pool3d(x, (3, 1, 1), 1, (1, 0, 0))),
        "network: looks across",
    ),
    "mean of all frames": (lambda: Functional(lambda net, x: x - x.mean(2, keepdim=True)), "network: looks across"),
    "mean as a head": (MeanHead, "network: looks across"),
    "functional norm": (lambda: Functional(lambda net, x: functional.group_norm(x, 2)), "network: looks across"),
    "flip": (lambda: Functional(lambda net, x: x.flip(2)), "network: looks across"),
    "roll": (lambda: Functional(lambda net, x: x.roll(1, 2)), "network: looks across"),
    "temporal shift": (lambda: Functional(shift), "network: looks across"),
    "interpolation": (lambda: Functional(halve_and_double), "network: looks across"),
    "softmax over time": (lambda: Functional(lambda net, x: x.softmax(2)), "network: looks across"),
    "running sum": (lambda: Functional(lambda net, x: x.cumsum(2)), "network: looks across"),
    "differences of frames": (lambda: Functional(lambda net, x: x.diff(dim=2, prepend=x[:, :, :1])), "network: looks across"),
    "hand-written attention": (
        lambda: Functional(lambda net, x: net.inner(x), HandWrittenAttention()),
        "inner: looks across time in its forward, outside of the modules that it holds",
    ),
    "picture's convolution over time": (
        lambda: Functional(fold_frames, nn.Conv2d(C, C, (3, 1), padding=(1, 0))),
        "inner: looks across time without remembering",
    ),
    "functional stride": (
        lambda: Functional(lambda net, x: x[:, :, ::2]),
        "second: sees 2, 2, 2 frames in steps of 4, 3, 3, but 5 in",
    ),
    "fixed number of frames": (
        lambda: Functional(lambda net, x: net.inner(x), PositionTable()),
        "inner: fails in steps of 4, 3, 3 frames: The size of tensor a (3) must match",
    ),
    "chance": (lambda: Functional(lambda net, x: x + torch.randn_like(x)), "network: two runs of the same frames"),
}
"""Networks that only running them convicts, with the path and words of what is found. Steps of 4 frames, an overlap of 1."""
