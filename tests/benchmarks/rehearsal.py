"""Runs `benchmarks/training.py` for a GPU without one: fake tensors on a pretended device, every job in this process.

    python tests/benchmarks/rehearsal.py PRETENDED_GPU.so [ARGUMENTS OF training.py]

Fake tensors have a shape, a type and a device, and an operator that is given tensors of two devices fails as it would on a GPU.
What a host reads of one is 1.
"""

# ruff: noqa: E402  the pretended device is there before PyTorch looks for one

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from typing import Any
from unittest import mock

import torch
import training
import training_jobs
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pgt import gradient
from pgt.gradient import RecomputationError

aten = torch.ops.aten
WITHOUT_FAKES = (aten._fused_sgd_, aten._amp_foreach_non_finite_check_and_unscale_, aten._amp_update_scale_)
"""Operators that fake tensors know nothing of; they change what they are given."""

ASKED: list[str] = []
"""What the benchmark asked the card for."""


class OneDevice(TorchDispatchMode):
    """Reads 1 wherever the host asks for a number, and looks at the devices of operators in WITHOUT_FAKES."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is aten._local_scalar_dense.default:
            [tensor] = args
            return tensor.dtype is torch.bool or (1.0 if tensor.is_floating_point() else 1)
        if func.overloadpacket in WITHOUT_FAKES:
            devices = {leaf.device for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
            if len(devices) > 1:
                raise RuntimeError(f"{func} was given tensors on {devices}")
            return args[0] if func.overloadpacket is aten._amp_update_scale_ else None
        return func(*args, **(kwargs or {}))


def asked(name: str, answer: Any) -> Any:
    """A stand-in for a function of torch.cuda."""

    def stand_in(*args: Any, **options: Any) -> Any:
        ASKED.append(name)
        return answer

    return stand_in


ANSWERS = {
    "torch.cuda.synchronize": None,
    "torch.cuda.set_device": None,
    "torch.cuda.max_memory_allocated": 2**20,
    "torch.cuda.is_bf16_supported": True,
    "torch.cuda.get_device_name": "a pretended card",
    "torch.cuda.set_rng_state": None,
    "torch.cuda.get_rng_state": torch.zeros(16, dtype=torch.uint8),
    "torch.cuda.amp.common.amp_definitely_not_available": False,
}


def moved(module: nn.Module, device: torch.device) -> nn.Module:
    """`Module.to`, which cannot move fake parameters: it gives the module others."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(parameter.detach().to(device), parameter.requires_grad))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, buffer.to(device))
    return module


def forgiving(check: Any) -> Any:
    """The check that two runs of a step left one memory, which numbers that are all 1 do not pass."""

    def check_devices(*args: Any) -> None:
        with contextlib.suppress(RecomputationError):
            check(*args)

    return check_devices


def run(name: str, options: dict[str, Any]) -> dict[str, Any]:
    with FakeTensorMode(allow_non_fake_inputs=True), OneDevice():
        return training_jobs.run(name, options)


def main() -> None:
    for name, answer in ANSWERS.items():
        mock.patch(name, asked(name, answer)).start()
    mock.patch("torch.nn.Module.to", moved).start()
    mock.patch("pgt.gradient._check_same", forgiving(gradient._check_same)).start()
    training.main(sys.argv[2:], run=run)
    print("asked:", *sorted(set(ASKED)))


if __name__ == "__main__":
    main()
