"""An update uses the sum of the accumulated losses, and nothing that is not finite."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from slowfast.config import load_config
from slowfast.engine.updater import MOST_OVERFLOWS, Updater
from slowfast.runtime import distributed
from slowfast.runtime.errors import NonFiniteLossError
from slowfast.runtime.precision import HALVES, Precision
from tests.host_waits import DEVICE, HostWaits
from tests.two_processes import in_two_processes

CPU = torch.device("cpu")


def weight_and_updater(**options: Any) -> tuple[nn.Parameter, Updater]:
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


@pytest.mark.parametrize(
    ("options", "product"),
    [
        ([], torch.float32),
        (["TRAIN.PRECISION", "bf16"], torch.bfloat16),
        (["TRAIN.MIXED_PRECISION", True], torch.float32),  # on a CPU, of which the log speaks before the run
    ],
)
def test_forward_passes_compute_with_the_numbers_that_are_asked_for(options: list[object], product: torch.dtype) -> None:
    layer = nn.Linear(2, 2)
    cfg = load_config(None, ["NUM_GPUS", 0, *options])
    updater = Updater.from_cfg(cfg, model=layer, optimizer=torch.optim.SGD(layer.parameters(), lr=0.1), device=CPU)
    with updater.autocast():
        assert layer(torch.ones(1, 2)).dtype == product
    assert updater.state_dict() == {}


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_half_precision_updates_by_the_unscaled_gradient(name: str) -> None:
    weight, updater = weight_and_updater(precision=Precision(name), clip_norm=0.1)
    with updater.autocast():
        product = weight[None] @ torch.tensor([[3.0], [4.0]])
        assert product.dtype == HALVES[name]
    updater.accumulate(product.float().sum() / 16)  # the first scale is too large for an fp16 gradient of 1
    updater.apply()
    assert torch.allclose(weight, torch.tensor([1.0 - 0.01 * 0.6, -2.0 - 0.01 * 0.8]), atol=1e-5)


def test_gradient_that_overflows_under_scaled_losses_leaves_out_the_update_and_lowers_the_scale() -> None:
    weight, updater = weight_and_updater(precision=Precision("fp16"))
    updater.accumulate((weight - weight.detach()).abs().sqrt().sum())
    before = updater._scaler.get_scale()
    updater.apply()
    assert weight.tolist() == [1.0, -2.0]
    assert updater.state_dict()["scale"] == before / 2


def test_losses_that_overflow_whatever_they_are_scaled_by_end_the_training() -> None:
    weight, updater = weight_and_updater(precision=Precision("fp16"))
    bad = lambda: (weight - weight.detach()).abs().sqrt().sum()  # noqa: E731
    for _ in range(MOST_OVERFLOWS - 1):
        updater.accumulate(bad())
        updater.apply()
    updater.accumulate(weight.sum())  # one that does not begins the count anew
    updater.apply()
    changed = weight.detach().clone()
    for _ in range(MOST_OVERFLOWS - 1):
        updater.accumulate(bad())
        updater.apply()
    updater.accumulate(bad())
    with pytest.raises(NonFiniteLossError, match=f"{MOST_OVERFLOWS} updates in a row"):
        updater.apply()
    assert torch.equal(weight, changed)


def test_without_scaled_losses_a_gradient_that_is_not_finite_is_an_error_at_once() -> None:
    weight, updater = weight_and_updater(precision=Precision("bf16"))
    updater.accumulate((weight - weight.detach()).abs().sqrt().sum())
    with pytest.raises(NonFiniteLossError, match=r"the gradient has entries that are not finite$"):
        updater.apply()


@pytest.mark.parametrize("without", [{0: [0]}, {0: [1]}, {0: [0], 1: [1]}, {0: [0, 1], 1: [1]}])
def test_process_without_a_loss_takes_part_under_scaled_losses(tmp_path: Path, without: dict[int, list[int]]) -> None:
    """without: ranks that have nothing to learn from, by update; so it is where no person stands in a clip."""

    def job() -> None:
        weight, updater = weight_and_updater(precision=Precision("fp16"))
        expected = torch.tensor([1.0, -2.0])
        for update in range(3):
            idle = without.get(update, [])
            if distributed.rank() not in idle:
                updater.accumulate(weight.sum())
            updater.apply()
            expected -= 0.1 * (2 - len(idle)) / 2
        assert torch.allclose(weight, expected), weight
        assert distributed.gather_everywhere(updater.state_dict()) == [updater.state_dict()] * 2

    in_two_processes(job, tmp_path)


def test_loss_that_is_read_with_an_update_is_the_one_that_was_given() -> None:
    weight, updater = weight_and_updater()
    loss = (3 * weight).sum()
    updater.accumulate(loss)
    assert float(updater.apply_and_read(loss)) == -3.0
    assert torch.allclose(weight, torch.tensor([0.7, -2.3]))
    assert float(updater.apply_and_read(torch.tensor(5.0))) == 5.0, "also where there was nothing to learn from"
    updater.holds = True
    updater.accumulate(loss := (3 * weight).sum())
    assert not updater.apply_and_read(loss).requires_grad
    assert updater.pending == 1


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("options", [{}, {"precision": Precision("fp16")}, {"clip_norm": 1.0, "clip_value": 1.0}])
def test_an_update_waits_for_the_device_once(processes: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: processes)
    monkeypatch.setattr(torch.distributed, "new_group", lambda **options: None)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor, **options: Mock())
    weights = [nn.Parameter(torch.empty(3, device=DEVICE)) for _ in range(4)]
    updater = Updater(parameters=weights, optimizer=torch.optim.SGD(weights, lr=0.1), device=DEVICE, **options)
    updater.asks("stop", lambda: False)
    with HostWaits() as waits:
        for number in range(4):
            loss = sum(weight.sum() for weight in weights[: number + 1])
            updater.accumulate(loss, completes=True)
            updater.apply_and_read(loss)
            assert len(waits.found) == number + 1, waits.found
            assert not updater.agreed("stop")
    assert len(waits.found) == 4, waits.found
