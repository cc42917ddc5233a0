"""Batch norm that never changes."""

import pytest
import torch
from torch import nn

from slowfast.models.layers.norm import FrozenBatchNorm3d


@pytest.fixture
def pair():
    """A batch norm with some history, in evaluation mode, and a frozen one with its state."""
    norm = nn.BatchNorm3d(4)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(tensor, 0.5, 1.5)
    frozen = FrozenBatchNorm3d(4)
    frozen.load_state_dict({name: value for name, value in norm.state_dict().items() if name != "num_batches_tracked"})
    return norm.eval(), frozen


@pytest.mark.parametrize("training", [False, True])
def test_it_equals_batch_norm_in_evaluation_mode(pair, training):
    norm, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    torch.testing.assert_close(frozen.train(training)(x), norm(x))


def test_its_gradient_is_that_of_batch_norm_in_evaluation_mode(pair):
    gradients = []
    for module in pair:
        x = torch.linspace(-1, 1, 2 * 4 * 3 * 5 * 5).view(2, 4, 3, 5, 5).requires_grad_()
        module(x).square().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)


def kept_for_backward(module, x):
    """Sizes of the tensors that autograd keeps."""
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.numel()), lambda _: None):
        module(x * 1)  # like in a network, the input is no leaf
    return sizes


def test_autograd_keeps_no_activation(pair):
    norm, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5, requires_grad=True)
    assert max(kept_for_backward(frozen, x), default=0) <= 4
    assert max(kept_for_backward(norm, x)) == x.numel()  # the measure does see what batch norm keeps


def test_buffers_changed_later_count_at_once(pair):
    norm, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    before = frozen(x)
    with torch.no_grad():
        norm.running_mean.fill_(3)
        frozen.running_mean.fill_(3)
    assert not torch.allclose(frozen(x), before)
    torch.testing.assert_close(frozen(x), norm(x))


def test_nothing_is_trained_and_nothing_moves(pair):
    _, frozen = pair
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    frozen.train()(torch.randn(2, 4, 3, 5, 5))
    assert list(frozen.parameters()) == []
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_half_precision(pair, dtype):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    y = frozen(x.to(dtype))
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), frozen(x), rtol=0.05, atol=0.05)


def test_memory_format_is_kept(pair):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5).to(memory_format=torch.channels_last_3d)
    assert frozen(x).is_contiguous(memory_format=torch.channels_last_3d)
