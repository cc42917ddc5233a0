"""Products of bf16 numbers by float32 are those of PyTorch's own loops for bf16, but for the last rounding."""

import contextlib
import importlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def scores_and_gradients(mode: contextlib.AbstractContextManager[object]) -> list[Tensor]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 1), nn.Flatten(), nn.Linear(4 * 64, 5))
    clips = torch.randn(2, 8, 8, 8)
    with mode:
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(clips)
        scores.float().square().sum().backward()
    return [scores.detach().float(), *(parameter.grad for parameter in net.parameters() if parameter.grad is not None)]


def test_products_differ_by_one_rounding_at_most_and_are_all_computed_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    mode = importlib.import_module("bf16_by_float32").ProductsByFloat32()
    plain, wide = scores_and_gradients(contextlib.nullcontext()), scores_and_gradients(mode)
    assert mode.count == 3 + 2 + 2, (
        "forward; back through two convolutions; back through the layer, to its inputs and its weights"
    )
    for own, other in zip(plain, wide, strict=True):
        assert own.isfinite().all()
        assert (own - other).abs().max() <= 2**-7 * own.abs().max()
