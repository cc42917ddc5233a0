"""Convolutions whose window is larger than the clip: outputs and gradients are those of double precision, to their digits."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from slowfast.models.execution import run_in_2d, run_in_3d
from slowfast.models.small_windows import PaddedConvolution, write_out_padding
from tests.models.tiny_networks import VARIANTS

taps = st.sampled_from([1, 2, 3, 4, 5, 7, 8])


def outcome(conv: nn.Module, x: Tensor, *, bf16: bool = False) -> list[Tensor]:
    """Outputs, and gradients of the input and the weights."""
    conv.zero_grad()
    x = x.clone().requires_grad_()
    # Memory that a kernel forgets to write must not hold zeros, or the right numbers of a call before, by chance.
    for dtype in (torch.float32, torch.bfloat16):
        del [torch.full((count,), float("inf"), dtype=dtype) for count in (32, *(p.numel() for p in conv.parameters()))][:]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        y = conv(x)
    (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    return [found.double() for found in (y.detach(), x.grad, *(p.grad for p in conv.parameters()))]  # type: ignore[union-attr]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@settings(max_examples=100)
@given(
    kernel=st.tuples(taps, taps, taps),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    stride=st.sampled_from([1, 2, 3, 4]),
    dilation=st.sampled_from([1, 2]),
    wider=st.integers(0, 2),
    groups=st.sampled_from([1, 16]),
    flat=st.booleans(),
)
def test_outputs_and_gradients_are_those_of_double_precision(
    precision: str,
    kernel: tuple[int, int, int],
    size: tuple[int, int, int],
    stride: int,
    dilation: int,
    wider: int,
    groups: int,
    flat: bool,
) -> None:
    torch.manual_seed(0)
    padding = tuple(number // 2 * dilation + wider * (number > 2) for number in kernel)
    conv = nn.Conv3d(16, 16, kernel, (stride, 1, 1), padding, dilation, groups)
    padded = copy.deepcopy(conv)
    if flat:
        run_in_2d(padded)
    assert write_out_padding(padded) == (not flat)
    x = torch.randn((2, 16, *size))
    assume(all(axis + 2 * pad > (number - 1) * dilation for axis, pad, number in zip(size, padding, kernel, strict=True)))
    found = outcome(padded, x, bf16=precision == "bf16")
    for wanted, number in zip(outcome(conv.double(), x.double()), found, strict=True):
        assert (number - wanted).norm() <= (0.03 if precision == "bf16" else 1e-4) * (wanted.norm() + 1e-3)


def test_single_precision_is_left_as_it_is() -> None:
    conv = nn.Conv3d(2, 3, 3, padding=1)
    x = torch.randn(1, 2, 1, 1, 1)
    wanted = conv(x)
    assert write_out_padding(conv) == 1
    assert torch.equal(conv(x), wanted)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_convolution_of_the_zoo_is_reached(variant: str, tiny) -> None:  # type: ignore[no-untyped-def]
    model = tiny(variant, MODEL__EXECUTION="3d")
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv3d)]
    assert convolutions
    assert all(isinstance(conv.__dict__["_conv_forward"], PaddedConvolution) for conv in convolutions)
    run_in_2d(model)
    assert write_out_padding(model) == 0
    run_in_3d(model)
    assert all(isinstance(conv.__dict__["_conv_forward"], PaddedConvolution) for conv in convolutions)


class OwnConv(nn.Conv3d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight - weight.mean(), bias)


@pytest.mark.parametrize(
    "conv",
    [OwnConv(2, 2, 3, padding=1), nn.Conv3d(2, 2, 3, padding="same"), nn.Conv3d(2, 2, 3, padding=1, padding_mode="circular")],
)
def test_what_pads_or_convolves_in_its_own_way_is_left_alone(conv: nn.Conv3d) -> None:
    assert write_out_padding(conv) == 0
