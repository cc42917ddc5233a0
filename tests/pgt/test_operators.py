from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from pgt.cell import Cell
from pgt.memory import Memory
from pgt.operators import MarkovConv, MarkovOperator, MarkovTimePool, become
from slowfast.models.layers.pools import TemporalPool


def give_memory(module: nn.Module, operator: type[MarkovOperator], cell: Cell | None, **attributes: object) -> Any:
    become(module, operator, {"memory": Memory(), "cell": cell, **attributes})
    return module


def make_conv(kernel: int, *, stride: int = 1, dilation: int = 1, memory_frames: int | None = None, groups: int = 1) -> Any:
    reach = dilation * (kernel // 2)
    conv = nn.Conv3d(
        4, 6, (kernel, 3, 3), stride=(stride, 1, 1), padding=(reach, 1, 1), dilation=(dilation, 1, 1), groups=groups
    ).double()  # fmt: skip
    cell = Cell(name="conv", num_frames=reach if memory_frames is None else memory_frames, mode="last", momentum=0.0)
    return give_memory(conv, MarkovConv, cell)


def by_joining(conv: nn.Conv3d, past: Tensor, x: Tensor) -> Tensor:
    """Convolves past (exactly `padding` frames) and step in one piece, as the paper draws it."""
    reach = int(conv.padding[0])
    joined = functional.pad(torch.cat([past, x], dim=2), (0, 0, 0, 0, 0, reach))
    return functional.conv3d(
        joined, conv.weight, conv.bias, conv.stride, (0, *conv.padding[1:]), conv.dilation, conv.groups  # type: ignore[arg-type]
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.sampled_from([3, 5, 7]),
    stride=st.sampled_from([1, 2, 4]),
    dilation=st.sampled_from([1, 2]),
    groups=st.sampled_from([1, 2]),
    strides_per_step=st.integers(2, 4),
)
def test_markov_convolution_equals_the_convolution_of_past_and_step_joined(
    kernel: int, stride: int, dilation: int, groups: int, strides_per_step: int
) -> None:
    torch.manual_seed(kernel * 100 + stride * 10 + dilation)
    conv = make_conv(kernel, stride=stride, dilation=dilation, groups=groups)
    reach, length = int(conv.padding[0]), stride * strides_per_step
    steps = [torch.randn((2, 4, length, 3, 3), dtype=torch.double) for _ in range(4)]
    seen = torch.zeros((2, 4, reach, 3, 3), dtype=torch.double)  # before the first step: the zeros of ordinary padding
    for x in steps:
        with conv.memory.step():
            y = conv(x)
        torch.testing.assert_close(y, by_joining(conv, seen[:, :, seen.shape[2] - reach :], x))
        assert y.shape[2] == length // stride
        seen = torch.cat([seen, x], dim=2)


def test_outside_of_steps_a_markov_convolution_is_the_plain_one() -> None:
    conv, x = make_conv(5), torch.randn((1, 4, 8, 3, 3), dtype=torch.double)
    with conv.memory.step():
        conv(x)
    plain = functional.conv3d(x, conv.weight, conv.bias, padding=(2, 1, 1))
    assert torch.equal(conv(x), plain)


@pytest.mark.parametrize(("memory_frames", "known"), [(1, 1), (4, 2)])
def test_a_memory_of_another_length_gives_its_newest_frames_and_zeros_before_them(memory_frames: int, known: int) -> None:
    conv = make_conv(5, memory_frames=memory_frames)
    first, second = (torch.randn((1, 4, 6, 3, 3), dtype=torch.double) for _ in range(2))
    with conv.memory.step():
        conv(first)
    with conv.memory.step():
        y = conv(second)
    past = torch.zeros((1, 4, 2, 3, 3), dtype=torch.double)
    past[:, :, 2 - known :] = first[:, :, 6 - known :]
    torch.testing.assert_close(y, by_joining(conv, past, second))


def test_an_operator_is_the_module_that_it_was() -> None:
    conv = nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0))
    weight, calls = conv.weight, []
    conv.register_forward_hook(lambda *_: calls.append(1))
    markov = give_memory(conv, MarkovConv, Cell(name="c", num_frames=1, mode="last", momentum=0.0))
    markov(torch.zeros(1, 2, 4, 1, 1))
    assert markov is conv and isinstance(conv, nn.Conv3d) and conv.weight is weight and calls == [1]
    assert list(markov.state_dict()) == ["weight", "bias"] and type(conv).__name__ == "MarkovConv3d"


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_head_pools_over_memory_and_step(mode: str) -> None:
    cell = Cell(name="pool", num_frames=2, mode="last", momentum=0.0)
    pool = give_memory(TemporalPool(mode=mode, pathway=0), MarkovTimePool, cell)  # type: ignore[arg-type]
    first, second = torch.randn(2, 3, 4, 1, 1), torch.randn(2, 3, 4, 1, 1)
    with pool.memory.step():
        pool(first)
    with pool.memory.step():
        y = pool(second)
    joined = torch.cat([first[:, :, -2:], second], dim=2)
    expected = joined.mean(2, keepdim=True) if mode == "avg" else joined.amax(2, keepdim=True)
    torch.testing.assert_close(y, expected)


def test_one_pass_positions_count_in_evaluation_outside_of_steps_only() -> None:
    pool = give_memory(TemporalPool(mode="max", pathway=0), MarkovTimePool, None, one_pass_positions=4)
    x = torch.randn(1, 2, 8, 1, 1)
    assert pool(x).shape[2] == 1
    pool.eval()
    assert pool(x).shape[2] == 4
    with pool.memory.step():
        assert pool(x).shape[2] == 1
