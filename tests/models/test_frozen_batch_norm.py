"""Batch norm that never changes."""

import copy
import io

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

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


def other_state(module):
    return {name: torch.rand_like(value) + 0.5 for name, value in module.state_dict().items()}


def edit(module, state):
    with torch.no_grad():
        for name, value in state.items():
            getattr(module, name).copy_(value)


def edit_in_inference_mode(module, state):
    with torch.inference_mode():
        edit(module, state)


def set_data(module, state):
    for name, value in state.items():
        getattr(module, name).data = value


def edit_data(module, state):
    """Of which PyTorch tells nobody; it counts from the next change of mode on."""
    for name, value in state.items():
        getattr(module, name).data.copy_(value)
    module.eval()


def replace(module, state):
    for name, value in state.items():
        setattr(module, name, value)


CHANGES = {
    "load_state_dict": lambda module, state: module.load_state_dict(state),
    "load_state_dict, assigned": lambda module, state: module.load_state_dict(state, assign=True),
    "in place": edit,
    "in place, in inference mode": edit_in_inference_mode,
    "data set": set_data,
    "data changed, then a change of mode": edit_data,
    "replaced": replace,
}


def computed(module, x):
    """What batch norm makes of the module's buffers as they are."""
    return nn.functional.batch_norm(x, module.running_mean, module.running_var, module.weight, module.bias, eps=module.eps)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_buffers_changed_later_count_at_once(pair, change):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    for _ in range(3):  # memory that was given back may be used again, at the same address
        before = frozen(x)
        torch.testing.assert_close(before, computed(frozen, x))
        change(frozen, other_state(frozen))
        assert not torch.allclose(frozen(x), before)
        torch.testing.assert_close(frozen(x), computed(frozen, x))


def test_scale_and_shift_are_kept_while_nothing_changes(pair):
    _, frozen = pair
    first = frozen.scale_and_shift(torch.float32)
    assert all(again is kept for again, kept in zip(frozen.scale_and_shift(torch.float32), first, strict=True))
    frozen.eps = 0.5
    assert not torch.equal(frozen.scale_and_shift(torch.float32)[0], first[0])


@pytest.mark.parametrize("move", [lambda module: module.double(), lambda module: module.to("meta")], ids=["double", "meta"])
def test_a_norm_that_was_moved_computes_where_it_is(pair, move):
    _, frozen = pair
    frozen(torch.randn(2, 4, 3, 5, 5))
    move(frozen)
    x = torch.randn(2, 4, 3, 5, 5).to(frozen.weight)
    y = frozen(x)
    assert (y.device, y.dtype) == (frozen.weight.device, frozen.weight.dtype)
    if not y.is_meta:
        torch.testing.assert_close(y, computed(frozen, x))


def pickled(module):
    file = io.BytesIO()
    torch.save(module, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickled])
def test_copies_go_by_their_own_buffers(pair, copied):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    before = frozen(x)
    other = copied(frozen)
    assert "_folded" not in vars(other)
    if copied is not copy.copy:  # which shares the buffers
        edit(other, other_state(other))
        torch.testing.assert_close(frozen(x), before)
    torch.testing.assert_close(other(x), computed(other, x))


def test_a_compiled_norm_reads_its_buffers(pair):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    frozen(x)
    torch._dynamo.reset()
    compiled = torch.compile(frozen, backend="aot_eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(compiled(x), computed(frozen, x))
        edit(frozen, other_state(frozen))


def test_first_use_in_any_mode_serves_training_later(pair):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5, requires_grad=True)
    with torch.inference_mode():
        frozen(x.detach())
    frozen(x).sum().backward()
    frozen.forget()
    with FakeTensorMode(allow_non_fake_inputs=True):
        frozen(torch.empty(2, 4, 3, 5, 5))
    torch.testing.assert_close(frozen(x), computed(frozen, x))


def test_buffers_that_want_a_gradient_get_one(pair):
    _, frozen = pair
    x = torch.randn(2, 4, 3, 5, 5)
    frozen(x)
    frozen.weight.requires_grad_()
    frozen(x).sum().backward()
    assert frozen.weight.grad is not None
    names = torch.func.jacrev(lambda weight: torch.func.functional_call(frozen, {"weight": weight}, (x,)).sum())(torch.ones(4))
    torch.testing.assert_close(names, frozen.weight.grad)


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
