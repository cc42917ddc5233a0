import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from pgt.cell import Cell, _by_stretches
from pgt.memory import Memory
from pgt.state import MemoryMismatchError
from slowfast.models.layers import layout

MODES = ["last", "max", "avg"]


def update_by_definition(old: Tensor | None, x: Tensor, *, num_frames: int, mode: str, momentum: float) -> Tensor:
    joined = x if old is None else torch.cat([old, x], dim=2)
    size = (num_frames, *x.shape[3:])
    if mode == "last":
        pooled = joined[:, :, -num_frames:]
    elif mode == "max":
        pooled = functional.adaptive_max_pool3d(joined, size)
    else:
        pooled = functional.adaptive_avg_pool3d(joined, size)
    return pooled if old is None else (1 - momentum) * pooled + momentum * old


@settings(max_examples=40, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    num_frames=st.integers(1, 4),
    momentum=st.sampled_from([0.0, 0.25, 0.9]),
    lengths=st.lists(st.integers(4, 9), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_memory_follows_its_definition(mode: str, num_frames: int, momentum: float, lengths: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    cell = Cell(name="conv", num_frames=num_frames, mode=mode, momentum=momentum)  # type: ignore[arg-type]
    memory, expected = Memory(), None
    for length in lengths:
        x = torch.randn((2, 3, length, 2, 2), generator=generator)
        with memory.step():
            old = memory.exchange(cell, x)
        assert (old is None) == (expected is None)
        if old is not None and expected is not None:
            torch.testing.assert_close(old.frames, expected)
        expected = update_by_definition(expected, x, num_frames=num_frames, mode=mode, momentum=momentum)
    torch.testing.assert_close(memory.state_dict()["conv"], expected)


@pytest.mark.parametrize("mode", MODES)
def test_memory_does_not_keep_the_step_alive(mode: str) -> None:
    cell = Cell(name="conv", num_frames=1, mode=mode, momentum=0.0)  # type: ignore[arg-type]
    memory = Memory()
    with memory.step():
        memory.exchange(cell, torch.randn(2, 3, 50, 4, 4))
    kept = memory.frames["conv"].untyped_storage().nbytes()
    assert kept == memory.num_bytes == 2 * 3 * 1 * 4 * 4 * 4


def test_memory_is_left_alone_outside_of_steps() -> None:
    cell, memory = Cell(name="conv", num_frames=1, mode="last", momentum=0.0), Memory()
    assert memory.exchange(cell, torch.zeros(1, 1, 4, 1, 1)) is None
    assert memory.state_dict() == {}


def test_truncated_memory_carries_no_gradient_and_the_other_does() -> None:
    cell, x = Cell(name="conv", num_frames=1, mode="avg", momentum=0.5), torch.randn(1, 1, 4, 1, 1, requires_grad=True)
    for truncate in (True, False):
        memory = Memory()
        memory.truncate = truncate
        with memory.step():
            memory.exchange(cell, x)
        with memory.step():
            old = memory.exchange(cell, x)
        assert old is not None and old.frames.requires_grad is not truncate
    memory.detach()
    assert not memory.frames["conv"].requires_grad


def test_frames_of_another_batch_are_refused() -> None:
    cell, memory = Cell(name="s4.conv", num_frames=1, mode="last", momentum=0.0), Memory()
    with memory.step():
        memory.exchange(cell, torch.zeros(3, 1, 4, 1, 1))
    with memory.step(), pytest.raises(MemoryMismatchError, match=r"s4\.conv.*reset\(\)"):
        memory.exchange(cell, torch.zeros(2, 1, 4, 1, 1))


def test_an_operator_that_runs_twice_in_a_step_is_refused() -> None:
    cell, memory = Cell(name="shared", num_frames=1, mode="last", momentum=0.0), Memory()
    with memory.step():
        memory.exchange(cell, torch.zeros(1, 1, 4, 1, 1))
        with pytest.raises(RuntimeError, match="shared runs twice"):
            memory.exchange(cell, torch.zeros(1, 1, 4, 1, 1))


def test_short_first_steps_are_filled_up_with_zeros() -> None:
    cell, memory = Cell(name="conv", num_frames=3, mode="last", momentum=0.0), Memory()
    with memory.step():
        memory.exchange(cell, torch.ones(1, 1, 2, 1, 1))
    assert memory.state_dict()["conv"].flatten().tolist() == [0.0, 1.0, 1.0]


@given(length=st.integers(1, 13), count=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_pooling_for_export_is_adaptive_pooling(length: int, count: int) -> None:
    x = torch.randn(2, 3, length, 2, 2, dtype=torch.float64)
    size = (count, 2, 2)
    assert torch.equal(_by_stretches(x, count, layout.maximum), functional.adaptive_max_pool3d(x, size))
    torch.testing.assert_close(_by_stretches(x, count, layout.mean), functional.adaptive_avg_pool3d(x, size))
