"""A copy of a state is the state, bit for bit, and stays so whatever happens to the state."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from slowfast.engine.host_copy import HostCopy


def bits(value: Any) -> Any:
    """Containers with tensors as what can be compared: NaNs, signs of zeros and strides count."""
    if isinstance(value, Tensor):
        return value.dtype, value.shape, value.stride(), value.cpu().contiguous().flatten().view(torch.uint8).tolist()
    if isinstance(value, dict):
        return type(value), {key: bits(entry) for key, entry in value.items()}
    return (type(value), [bits(entry) for entry in value]) if isinstance(value, list | tuple) else value


TENSORS = st.builds(
    lambda shape, dtype, seed, last: _tensor(shape, dtype, seed, last),
    st.lists(st.integers(0, 3), max_size=4),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64]),
    st.integers(0, 99),
    st.booleans(),
)
LEAVES = st.one_of(TENSORS, st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.none(), st.booleans())
STATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


def _tensor(shape: list[int], dtype: torch.dtype, seed: int, channels_last: bool) -> Tensor:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(100)
    tensor = numbers.to(dtype)
    return tensor.to(memory_format=torch.channels_last) if channels_last and tensor.dim() == 4 else tensor


@settings(max_examples=30)
@given(states=st.lists(STATES, min_size=1, max_size=4))
def test_copies_are_the_states_whatever_was_copied_before(states: list[Any]) -> None:
    copying = HostCopy()
    for state in states:
        assert bits(copying.of(state)) == bits(state)


def test_copy_stays_while_the_state_changes_in_place() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    state = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "sums": [1.0, {"loss": 2.0}]}
    before = copy.deepcopy(state)
    copied = HostCopy().of(state)
    optimizer.step()
    net(torch.randn(2, 3))
    state["sums"][1]["loss"] = 5.0
    assert bits(copied) == bits(before) != bits(state)


def test_weights_that_are_one_stay_one_and_versions_of_modules_go_along() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    net[1].weight = net[0].weight
    copied = HostCopy().of(net.state_dict())
    assert copied["0.weight"] is copied["1.weight"]
    assert copied["0.bias"] is not copied["1.bias"]
    assert copied._metadata == net.state_dict()._metadata


def test_memory_is_used_again_and_given_back() -> None:
    copying = HostCopy()
    weights = {"a": torch.ones(1000), "b": torch.ones(1000), "c": torch.ones(5)}
    first = {value.data_ptr() for value in copying.of(weights).values()}
    assert {value.data_ptr() for value in copying.of(weights).values()} == first
    copying.of({"a": torch.ones(1000)})
    assert sum(len(tensors) for tensors in copying._used.values()) == 1


def test_parts_of_large_tensors_are_copied_alone() -> None:
    part = torch.arange(1000.0)[:3]
    copied = HostCopy().of({"part": part, "same": torch.arange(1000.0).expand(2, 1000)})
    assert copied["part"].untyped_storage().nbytes() == 12
    assert torch.equal(copied["part"], part)
    assert torch.equal(copied["same"], torch.arange(1000.0).expand(2, 1000))


@pytest.mark.gpu
def test_states_of_a_gpu_come_through_pinned_memory_and_are_there_at_once() -> None:
    weights = torch.randn(4096, 4096, device="cuda")
    expected = weights.cpu()
    copied = HostCopy().of({"weights": weights, "step": torch.tensor(3)})
    weights.zero_()
    assert copied["weights"].is_pinned()
    assert not copied["step"].is_pinned()
    assert torch.equal(copied["weights"], expected)
