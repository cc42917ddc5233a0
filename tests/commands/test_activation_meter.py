"""The meter agrees with sums done by hand. Tensors are float32: four bytes a number."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from slowfast.commands.activation_meter import ActivationMeter

N = 1000
BYTES = 4 * N


def leaf() -> Tensor:
    return torch.rand(N, requires_grad=True)


def test_result_that_an_operation_keeps_counts_once() -> None:
    with ActivationMeter() as meter:
        result = leaf().exp()  # keeps its result
        assert meter.live_bytes == BYTES
    assert meter.peak_bytes == BYTES
    assert result.grad_fn is not None


def test_both_factors_of_a_product_count() -> None:
    with ActivationMeter() as meter:
        product = leaf() * leaf()
        assert meter.live_bytes == 2 * BYTES
        del product
    assert meter.live_bytes == 0


def test_a_storage_that_is_saved_twice_counts_once() -> None:
    x = leaf()
    with ActivationMeter() as meter:
        y = x.exp()  # keeps y
        z = y * y  # keeps y, twice
        assert meter.live_bytes == BYTES
        del z
        assert meter.live_bytes == BYTES
        del y
        assert meter.live_bytes == 0


def test_a_view_keeps_its_whole_storage_alive() -> None:
    x = leaf()
    with ActivationMeter() as meter:
        part = x.exp()[:10].sin()  # exp keeps its result, sin the view of it
        assert meter.live_bytes == BYTES
        assert part.shape == (10,)


def test_nothing_is_saved_without_gradients() -> None:
    with ActivationMeter() as meter, torch.no_grad():
        leaf().exp()
    assert meter.peak_bytes == 0


def test_backward_lets_go_of_everything() -> None:
    x = leaf()
    with ActivationMeter() as meter:
        loss = x.exp().exp().sum()
        assert meter.live_bytes == 2 * BYTES
        loss.backward()
        assert meter.live_bytes == 0
    assert meter.peak_bytes == 2 * BYTES
    assert torch.allclose(x.grad, (x.exp() + x).exp(), rtol=1e-4)


def test_end_of_a_graph_is_noticed_after_the_block() -> None:
    x = leaf()
    with ActivationMeter() as meter:
        loss = x.exp().sum()
    assert meter.live_bytes == BYTES
    loss.backward()
    assert meter.live_bytes == 0


def test_parameters_and_buffers_do_not_count_but_inputs_do() -> None:
    layer = nn.Linear(10, 10)
    inputs = torch.rand(25, 10, requires_grad=True)
    with ActivationMeter() as everything:
        layer(inputs).sum().backward()
    with ActivationMeter(exclude=layer) as meter:
        layer(inputs).sum().backward()
    assert meter.peak_bytes == 4 * 25 * 10
    assert everything.peak_bytes == 4 * (25 * 10 + 10 * 10)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_peak_tells_one_backward_per_step_from_one_for_all(steps: int) -> None:
    x = leaf()
    with ActivationMeter() as apart:
        for _ in range(steps):
            x.exp().sum().backward()
    with ActivationMeter() as together:
        torch.stack([x.exp().sum() for _ in range(steps)]).sum().backward()
    assert apart.peak_bytes == BYTES
    assert together.peak_bytes == steps * BYTES


def test_operations_of_our_own_are_seen() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return 2 * x * gradient

    x = leaf()
    with ActivationMeter() as meter:
        Square.apply(x).sum().backward()
    assert meter.peak_bytes == BYTES
    assert torch.allclose(x.grad, 2 * x)


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_what_is_computed_again_counts_as_long_as_it_lives(blocks: int) -> None:
    def block(x: Tensor) -> Tensor:
        return x.exp().sin().exp()  # keeps both results of exp: 2 N numbers

    x = leaf()
    with ActivationMeter() as meter:
        y = x
        for _ in range(blocks):
            y = checkpoint(block, y, use_reentrant=False)
        forward = meter.live_bytes
        y.sum().backward()
    assert forward == blocks * BYTES, "the inputs of the blocks"
    assert 2 * BYTES <= meter.peak_bytes - forward <= 3 * BYTES, "one block at a time, with the result of sin in passing"
    assert meter.live_bytes == 0


def test_gradients_are_those_without_a_meter() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(32, 2))
    x = torch.rand(2, 3, 4, 4, 4)
    gradients = []
    for metered in (False, True):
        model.zero_grad()
        if metered:
            with ActivationMeter(exclude=model) as meter:
                model(x).square().sum().backward()
            assert meter.peak_bytes > x.nbytes
        else:
            model(x).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    assert all(torch.equal(plain, metered) for plain, metered in zip(*gradients, strict=True))
