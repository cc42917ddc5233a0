"""Norms, and which one follows a convolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode

NormKind = Literal["batchnorm", "frozen_batchnorm", "sync_batchnorm"]


class _Folded:
    """Scale and shift in one type, and the state of the buffers that they were made of."""

    __slots__ = ("_buffers", "_eps", "_held", "_states", "dtype", "scale", "shift")

    def __init__(self, scale: Tensor, shift: Tensor, buffers: tuple[Tensor, ...], eps: float, dtype: torch.dtype) -> None:
        self.scale, self.shift, self.dtype = scale, shift, dtype
        self._buffers, self._eps = buffers, eps
        self._states = tuple((buffer._version, buffer.data_ptr()) for buffer in buffers)
        self._held = tuple(buffer.detach() for buffer in buffers)  # an address stays theirs, even where `.data` is set

    def made_of(self, buffers: Mapping[str, Tensor | None], eps: float, dtype: torch.dtype) -> bool:
        """Whether these are the same buffers, and nobody has changed them. It runs at every forward, hence its form."""
        if self.dtype is not dtype or self._eps != eps:
            return False
        for buffer, own, (version, address) in zip(buffers.values(), self._buffers, self._states, strict=False):
            if buffer is not own or own._version != version or own.data_ptr() != address or own.requires_grad:
                return False
        return True


class FrozenBatchNorm3d(nn.Module):
    """Batch norm whose statistics and scales never change, for fine-tuning with batches too small to measure anything.

    y = weight (x - running_mean) / sqrt(running_var + eps) + bias, with all four constant, in training as in evaluation.

    They are buffers: a state dict holds them, an optimizer does not see them. A forward makes a single pass over the input,
    with one scale and one shift a channel. Those are computed again when a buffer is another one, or was changed in place;
    PyTorch does not notice changes through `buffer.data` or NumPy, which count from the next `train()`, `eval()`, `to()` or
    `load_state_dict()` on (or `forget()`).

    `F.batch_norm` in evaluation mode gives the same numbers but keeps its input for a gradient of the scales that nobody wants.
    Here autograd keeps the scale alone: a block of three convolutions saves three activations fewer, which for the
    long inputs of video is a large part of the training memory.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    _folded: _Folded | None = None

    def __init__(self, num_features: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, T, H, W) -> the same shape, type and memory format."""
        scale, shift = self.scale_and_shift(x.dtype)
        shape = (1, -1, 1, 1, 1)
        return torch.addcmul(shift.view(shape), x, scale.view(shape))

    def scale_and_shift(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """(C,) each: y = scale x + shift. Kept from call to call for as long as the buffers are what they were."""
        kept = self._folded
        if torch.compiler.is_compiling():  # a graph is to read the buffers themselves
            return self._fold(dtype)
        if kept is None or not kept.made_of(self._buffers, self.eps, dtype):
            buffers = (self.weight, self.bias, self.running_mean, self.running_var)
            if not all(map(_can_be_kept, buffers)):
                return self._fold(dtype)
            # What is kept must be of use to a later backward pass, whatever mode this call is made in.
            with torch.inference_mode(False), torch.no_grad():
                scale, shift = self._fold(dtype)
            if type(scale) is not Tensor:  # a tensor without values, of somebody who tries the network out
                return scale, shift
            kept = self._folded = _Folded(scale, shift, buffers, self.eps, dtype)
        return kept.scale, kept.shift

    def _fold(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        # Without the cast, half-precision activations would leave as float32 and double the memory.
        return scale.to(dtype), shift.to(dtype)

    def forget(self) -> None:
        """Computes scale and shift anew at the next forward."""
        self._folded = None

    def train(self, mode: bool = True) -> Self:
        self.forget()
        return super().train(mode)

    def _apply(self, *args: Any, **options: Any) -> Self:
        self.forget()
        super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        self.forget()
        super()._load_from_state_dict(*args)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles compute their own."""
        return {name: value for name, value in self.__dict__.items() if name != "_folded"}

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"


def _can_be_kept(buffer: Tensor) -> bool:
    """Whether what is made of a tensor holds at the next call too: it has values and versions, and takes no gradient."""
    if type(buffer) is not Tensor or buffer.requires_grad or buffer.is_inference() or buffer.is_meta:
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(buffer)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormSpec:
    """A norm before its number of channels is known. momentum: weight of a new batch in the running statistics."""

    kind: NormKind = "batchnorm"
    eps: float = 1e-5
    momentum: float = 0.1

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> NormSpec:
        return cls(kind=cfg.BN.NORM_TYPE, eps=cfg.BN.EPSILON, momentum=cfg.BN.MOMENTUM)

    def build(self, channels: int) -> nn.Module:
        """The norm for (B, channels, T, H, W). `sync_batchnorm` needs GPUs once there are several processes."""
        if self.kind == "frozen_batchnorm":
            return FrozenBatchNorm3d(channels, eps=self.eps)
        batch_norm = nn.SyncBatchNorm if self.kind == "sync_batchnorm" else nn.BatchNorm3d
        return batch_norm(channels, eps=self.eps, momentum=self.momentum)
