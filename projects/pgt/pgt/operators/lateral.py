"""The lateral connection as the original code has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from pgt.operators.base import MarkovOperator
from slowfast.models.resnet.lateral import FuseFastToSlow

if TYPE_CHECKING:
    _Fusion = FuseFastToSlow
else:
    _Fusion = object  # mixed into the class of a module, which comes behind


class ReleasedLateral(MarkovOperator, _Fusion):  # type: ignore[misc]
    """Its convolution has no memory and sees zeros at borders. Where a pathway's overlaps cover unequal times, later steps give
    one frame more than the Slow pathway has; the first is dropped."""

    prefix = "Released"

    def fuse(self, slow: Tensor, fast: Tensor) -> Tensor:
        """The fast features at the slow frame rate."""
        fused = super().fuse(slow, fast)
        return fused[:, :, 1:] if self.memory.in_step and fused.shape[2] == slow.shape[2] + 1 else fused
