"""Gradients of several processes become their means, in one message a buffer, and answers of yes or no travel with them."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from slowfast.engine import gradient_sync
from slowfast.engine.gradient_sync import GradientSync
from slowfast.engine.updater import Updater
from slowfast.runtime import distributed
from tests.two_processes import in_two_processes

SHAPES = [(3, 2), (5,), (4, 3, 2, 2), (1, 7), (2, 2)]
CPU = torch.device("cpu")


def parameters() -> list[nn.Parameter]:
    weights = [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    weights[2].data = weights[2].data.to(memory_format=torch.channels_last)
    return weights


def drawn(update: int, rank: int) -> list[Tensor | None]:
    """Some gradients; some parameters have none here, and some have none on either rank."""
    generator = torch.Generator().manual_seed(10 * update + rank)
    nowhere = update % len(SHAPES)
    return [
        None if number == nowhere or torch.rand((), generator=generator) < 0.4 else torch.randn(shape, generator=generator)
        for number, shape in enumerate(SHAPES)
    ]


def propagate(own: list[nn.Parameter], gradients: list[Tensor | None], *, share: float = 1.0) -> None:
    """A backward pass that finds a share of these gradients."""
    parts = [(weight * gradient).sum() for weight, gradient in zip(own, gradients, strict=True) if gradient is not None]
    if parts:
        (share * torch.stack(parts).sum()).backward()


@pytest.mark.parametrize("shares", [[1.0], [0.25, 0.25, 0.5]], ids=["one pass", "three passes"])
@pytest.mark.parametrize("told", [{0, 1}, {0}, set()], ids=["both know the last", "one knows", "none knows"])
def test_gradients_are_means_over_processes_whoever_has_some(
    told: set[int], shares: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several updates, in each of which others have none: nothing of one is left in the next."""
    monkeypatch.setattr(gradient_sync, "BUCKET_ELEMENTS", 12)

    def job() -> None:
        own, rank = parameters(), distributed.rank()
        sync = GradientSync(own)
        for update in range(8):
            for share in shares:
                if rank in told and share == shares[-1]:
                    sync.completes()
                propagate(own, drawn(update, rank), share=share)
            loss, *others = sync.average(torch.tensor(float(rank)), [rank == 1, False]).tolist()
            assert (loss, others[:2]) == (0.5, [0.5, 0.0])
            sync.forget(others[2:])
            for parameter, one, other in zip(own, drawn(update, 0), drawn(update, 1), strict=True):
                if one is None and other is None:
                    assert parameter.grad is None
                else:
                    zeros = torch.zeros_like(parameter)
                    mean = ((zeros if one is None else one) + (zeros if other is None else other)) / 2
                    assert torch.equal(parameter.grad, mean)
            sync.clear()

    in_two_processes(job, tmp_path)


class Wire:
    """Notes what is sent, and whether the backward pass was still under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.within: list[bool] = []
        self.is_within = False
        send = torch.distributed.all_reduce

        def noting(tensor: Tensor, *args: object, **options: object) -> object:
            self.sizes.append(tensor.numel())
            self.within.append(self.is_within)
            return send(tensor, *args, **options)

        monkeypatch.setattr(torch.distributed, "all_reduce", noting)


def test_an_update_sends_each_gradient_once_and_all_but_the_last_message_while_the_last_pass_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many passes there are: the buckets, of 12 elements at most, from the last parameter to the first, then facts."""
    monkeypatch.setattr(gradient_sync, "BUCKET_ELEMENTS", 12)
    wire = Wire(monkeypatch)

    def job() -> None:
        own = parameters()
        updater = Updater(parameters=own, optimizer=torch.optim.SGD(own, lr=0.1), device=CPU)
        for _ in range(2):
            wire.sizes.clear()
            wire.within.clear()
            for number in range(3):
                wire.is_within = True
                updater.accumulate(torch.stack([weight.sum() for weight in own]).sum(), completes=number == 2)
                wire.is_within = False
                assert bool(wire.sizes) == (number == 2)
            updater.apply()
            assert wire.sizes == [4 + 7, 48, 5 + 6, 1 + len(own)]
            assert wire.within == [True, True, True, False]

    in_two_processes(job, tmp_path)


def test_what_is_accumulated_over_batches_is_sent_with_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch)

    def job() -> None:
        weight = nn.Parameter(torch.zeros(3))
        updater = Updater(parameters=[weight], optimizer=torch.optim.SGD([weight], lr=1.0), device=CPU)
        for updater.holds in (True, True, False):
            assert wire.sizes == []
            updater.accumulate((weight * (1.0 + distributed.rank())).sum(), completes=True)
            updater.apply()
        assert wire.sizes == [3, 2]
        assert weight.tolist() == [-1.5] * 3

    in_two_processes(job, tmp_path)


def test_a_gradient_behind_the_last_pass_is_an_error(tmp_path: Path) -> None:
    def job() -> None:
        own = parameters()
        sync = GradientSync(own)
        sync.completes()
        propagate(own, [torch.ones_like(weight) for weight in own])
        with pytest.raises(RuntimeError, match="was not the last one"):
            propagate(own, [torch.ones_like(weight) for weight in own])
        sync.average(torch.zeros(()))

    in_two_processes(job, tmp_path)


def test_gradients_that_somebody_took_away_are_sent_all_the_same(tmp_path: Path) -> None:
    def job() -> None:
        own = parameters()
        sync = GradientSync(own)
        for _ in range(2):
            for weight in own:
                weight.grad = None
            sync.completes()
            propagate(own, [torch.full_like(weight, distributed.rank() + 1.0) for weight in own])
            sync.average(torch.zeros(()))
            assert all(torch.equal(weight.grad, torch.full_like(weight, 1.5)) for weight in own)
            sync.clear()

    in_two_processes(job, tmp_path)


def test_gradients_are_parts_of_what_was_sent_and_lie_as_their_weights_do(tmp_path: Path) -> None:
    def job() -> None:
        own = parameters()
        sync = GradientSync(own)
        storages = []
        for update in range(2):
            propagate(own, [torch.full_like(weight, float(update)) for weight in own])
            sync.average(torch.zeros(()))
            storages += [parameter.grad.untyped_storage().data_ptr() for parameter in own]
            assert all(parameter.grad.stride() == parameter.stride() for parameter in own)
            sync.clear()
        assert len(set(storages)) == 1

    in_two_processes(job, tmp_path)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 50))
def test_buckets_hold_all_parameters_in_order_and_are_no_larger_than_they_may_be(sizes: list[int], most: int) -> None:
    weights = [nn.Parameter(torch.zeros(size, dtype=torch.float64 if size % 5 == 0 else torch.float32)) for size in sizes]
    before, gradient_sync.BUCKET_ELEMENTS = gradient_sync.BUCKET_ELEMENTS, most
    try:
        buckets = list(gradient_sync.buckets(weights))
    finally:
        gradient_sync.BUCKET_ELEMENTS = before
    assert [id(weight) for bucket in buckets for weight in bucket] == [id(weight) for weight in weights]
    for bucket in buckets:
        assert len(bucket) == 1 or sum(weight.numel() for weight in bucket) <= most
        assert len({weight.dtype for weight in bucket}) == 1


def test_one_process_keeps_the_gradients_that_it_has() -> None:
    own = parameters()
    own[0].grad = given = torch.ones_like(own[0])
    assert GradientSync(own).average(torch.tensor(3.0), [True]).tolist() == [3.0]
    assert own[0].grad is given
    assert own[1].grad is None


def test_answers_are_the_same_on_all_processes_and_are_those_of_the_newest_update(tmp_path: Path) -> None:
    def job() -> None:
        weight = nn.Parameter(torch.ones(2))
        updater = Updater(parameters=[weight], optimizer=torch.optim.SGD([weight], lr=0.1), device=CPU)
        answer = False
        updater.asks("mine", lambda: answer)
        updater.asks("never", lambda: False)
        for update in range(4):
            answer = update == 1 and distributed.rank() == 1
            if update < 3:  # and one without any gradient
                updater.accumulate(weight.sum())
            assert updater.agreed("mine") == (update == 2), "before the update it is that of the one before"
            updater.apply()
            assert updater.agreed("mine") == (update == 1)
            assert not updater.agreed("never")
            assert not updater.agreed("what nobody asks")
        assert torch.allclose(weight, torch.full((2,), 0.7))

    in_two_processes(job, tmp_path)


def test_one_process_answers_at_once() -> None:
    weight = nn.Parameter(torch.ones(2))
    updater = Updater(parameters=[weight], optimizer=torch.optim.SGD([weight], lr=0.1), device=CPU)
    answers = iter([True, False])
    updater.asks("mine", lambda: next(answers))
    assert [updater.agreed("mine"), updater.agreed("mine"), updater.agreed("other")] == [True, False, False]
