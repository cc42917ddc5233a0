"""Trains in bf16 on a processor without units for it, in bearable time.

    python benchmarks/bf16_by_float32.py --cfg FILE.yaml TRAIN.PRECISION bf16 TEST.PRECISION bf16 [KEY VALUE ...]

Takes what `tools/run_net.py` takes. PyTorch multiplies bf16 matrices in plain loops where the processor cannot, ten times
slower than float32 and more. Units for bf16 multiply such numbers exactly, add in float32 and round the sum once. Here
convolutions and matrix products in bf16 do the same by float32: of bf16 numbers, which float32 holds exactly, and rounded once.
Only the order of sums may differ. All else stays as the program has it. Times of such a run mean nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from slowfast_tools.run_net import main

aten = torch.ops.aten
PRODUCTS = {
    aten.convolution.default,
    aten.convolution_backward.default,
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
}


class ProductsByFloat32(TorchDispatchMode):
    """While it is on, products of bf16 tensors are computed in float32 and rounded to bf16. count: of such products."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, operation: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if operation not in PRODUCTS or not _is_half(args[0]):
            return operation(*args, **(kwargs or {}))
        self.count += 1
        wide = operation(*tree_map(_wide, tuple(args)), **tree_map(_wide, dict(kwargs or {})))
        return tree_map(_half, wide)


def _is_half(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16


def _wide(value: Any) -> Any:
    return value.float() if _is_half(value) else value


def _half(value: Any) -> Any:
    return value.bfloat16() if isinstance(value, torch.Tensor) else value


if __name__ == "__main__":
    with ProductsByFloat32() as products:
        code = main()
    print(f"{products.count} products of bf16 numbers were computed in float32")
    sys.exit(code)
