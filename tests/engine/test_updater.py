"""An update uses the sum of the accumulated losses, and nothing that is not finite."""

import pytest
import torch
from torch import nn

from slowfast.engine.updater import Updater
from slowfast.runtime.errors import NonFiniteLossError

CPU = torch.device("cpu")


def weight_and_updater(**options: float) -> tuple[nn.Parameter, Updater]:
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    return weight, Updater(parameters=[weight], optimizer=optimizer, device=CPU, **options)


def test_losses_accumulate_to_their_sum() -> None:
    weight, updater = weight_and_updater()
    for factor in (1.0, 2.0, 3.0):
        updater.accumulate((factor * weight).sum())
    updater.apply()
    assert torch.allclose(weight, torch.tensor([1.0, -2.0]) - 0.1 * 6)


def test_an_update_forgets_what_came_before() -> None:
    weight, updater = weight_and_updater()
    for _ in range(2):
        updater.accumulate(weight.sum())
        updater.apply()
    assert torch.allclose(weight, torch.tensor([0.8, -2.2]))
    assert weight.grad is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_loss_that_is_not_finite_changes_nothing(bad: float) -> None:
    weight, updater = weight_and_updater()
    updater.accumulate(weight.sum())
    updater.accumulate(weight.sum() * 0 + bad)
    with pytest.raises(NonFiniteLossError, match="the loss is not finite"):
        updater.apply()
    assert weight.tolist() == [1.0, -2.0]


def test_gradient_that_is_not_finite_changes_nothing() -> None:
    weight, updater = weight_and_updater()
    updater.accumulate((weight - weight.detach()).abs().sqrt().sum())  # 0, with an infinite slope
    with pytest.raises(NonFiniteLossError, match="the gradient has entries that are not finite"):
        updater.apply()
    assert weight.tolist() == [1.0, -2.0]


def test_after_a_refused_update_the_next_one_is_clean() -> None:
    weight, updater = weight_and_updater()
    updater.accumulate(weight.sum() * float("nan"))
    with pytest.raises(NonFiniteLossError):
        updater.apply()
    updater.accumulate(weight.sum())
    updater.apply()
    assert torch.allclose(weight, torch.tensor([0.9, -2.1]))


def test_norm_of_the_gradient_is_clipped() -> None:
    weight, updater = weight_and_updater(clip_norm=0.5)
    updater.accumulate((weight * torch.tensor([3.0, 4.0])).sum())
    updater.apply()
    assert torch.allclose(weight, torch.tensor([1.0 - 0.1 * 0.3, -2.0 - 0.1 * 0.4]), atol=1e-5)


def test_entries_of_the_gradient_are_clipped() -> None:
    weight, updater = weight_and_updater(clip_value=1.0)
    updater.accumulate((weight * torch.tensor([3.0, -0.5])).sum())
    updater.apply()
    assert torch.allclose(weight, torch.tensor([0.9, -1.95]))


def test_small_gradients_are_not_clipped() -> None:
    weight, updater = weight_and_updater(clip_norm=100.0, clip_value=100.0)
    updater.accumulate(weight.sum())
    updater.apply()
    assert torch.allclose(weight, torch.tensor([0.9, -2.1]))


def test_mixed_precision_on_a_cpu_is_refused_aloud(caplog: pytest.LogCaptureFixture) -> None:
    weight, updater = weight_and_updater(mixed_precision=True)
    with updater.autocast():
        assert (weight[None] @ weight[:, None]).dtype == torch.float32
    assert "TRAIN.MIXED_PRECISION needs a GPU" in caplog.text
