"""Batches reach the device while others are computed with, in order, and nothing is lost by it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from slowfast.runtime.transfers import DeviceFeed, read, sent
from tests.host_waits import DEVICE, HostWaitError, HostWaits

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


class Parcel:
    """A batch that tells what is done with it."""

    def __init__(self, number: int, told: list[str], place: str = "host") -> None:
        self.number, self.told, self.place = number, told, place

    def to(self, device: torch.device) -> Parcel:
        self.told.append(f"copy {self.number}")
        return Parcel(self.number, self.told, device.type)

    def map(self, function: Callable[[Any], Any]) -> Parcel:
        function(self)
        return self

    def record_stream(self, stream: str) -> None:
        self.told.append(f"{self.number} is used by {stream}")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in order, on a GPU that is made up."""
    told: list[str] = []

    class Stream:
        def __init__(self, device: torch.device) -> None:
            self.device = device

        def record_event(self) -> str:
            return told[-1]

    class Computing(str):
        def wait_event(self, event: str) -> None:
            told.append(f"{self} waits for {event}")

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Computing("computing"))
    return told


def parcels(count: int, told: list[str], *, then: Exception | None = None) -> Iterator[Parcel]:
    for number in range(count):
        yield Parcel(number, told)
    if then is not None:
        raise then


def test_the_next_batch_is_on_its_way_before_one_is_handed_out(told: list[str]) -> None:
    numbers = []
    for batch, copy in DeviceFeed(GPU)(parcels(3, told)):
        assert (batch.number, batch.place, copy.place) == (copy.number, "host", "cuda")
        numbers.append(batch.number)
        told.append(f"compute {batch.number}")
    assert numbers == [0, 1, 2]
    first = ["copy 0", "copy 1", "computing waits for copy 0", "0 is used by computing", "compute 0"]
    second = ["copy 2", "computing waits for copy 1", "1 is used by computing", "compute 1"]
    assert told == [*first, *second, "computing waits for copy 2", "2 is used by computing", "compute 2"]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_every_batch_comes_once_and_in_order(count: int, told: list[str]) -> None:
    feed = DeviceFeed(GPU)
    for _ in range(2):
        assert [copy.number for _, copy in feed(parcels(count, told))] == list(range(count))


def test_an_error_of_the_loader_comes_behind_the_batches_before_it(told: list[str]) -> None:
    seen = []
    with pytest.raises(ValueError, match="unreadable"):
        for batch, _ in DeviceFeed(GPU)(parcels(2, told, then=ValueError("unreadable"))):
            seen.append(batch.number)
    assert seen == [0, 1]


def test_on_a_cpu_a_batch_is_asked_for_when_the_one_before_is_done() -> None:
    told: list[str] = []
    for batch, _ in DeviceFeed(CPU)(parcels(2, told)):
        told.append(f"compute {batch.number}")
    assert told == ["copy 0", "compute 0", "copy 1", "compute 1"]


def test_what_is_where_it_is_wanted_is_not_copied() -> None:
    tensor = torch.ones(2)
    assert sent(tensor, CPU) is tensor
    assert read(tensor.requires_grad_()).requires_grad is False


WAITING: list[Callable[[Tensor], object]] = [
    float,
    lambda there: there.sum().item(),
    lambda there: bool((there > 0).all()),
    lambda there: there.tolist(),
    lambda there: there.cpu(),
    lambda there: there.to("cpu", torch.float64),
    lambda there: torch.zeros(1).copy_(there),
    lambda there: there.copy_(torch.zeros(1)),
    lambda there: there + torch.tensor([1.0], device=DEVICE),
    lambda there: torch.ones(1).to(DEVICE),
    lambda there: there[torch.zeros(1, dtype=torch.int64)],
]
WAITING_FOR_A_SIZE: list[Callable[[Tensor], object]] = [torch.nonzero, torch.unique, lambda there: there[there > 0]]
GOING_ON: list[Callable[[Tensor], object]] = [
    lambda there: (there * 2 + torch.zeros(1, device=DEVICE)).sum(),
    lambda there: sent(torch.ones(1), DEVICE) + there,
    lambda there: there.copy_(torch.zeros(1), non_blocking=True),
    lambda there: torch.where(there > 0, there, 0),
    lambda there: float(torch.ones(1)),
]


@pytest.mark.parametrize("waits", range(len(WAITING)))
def test_what_makes_the_host_wait_is_counted(waits: int) -> None:
    there = torch.zeros(1, device=DEVICE)
    with HostWaits() as counted:
        WAITING[waits](there)
    assert len(counted.found) == 1, counted.found


@pytest.mark.parametrize("waits", range(len(WAITING_FOR_A_SIZE)))
def test_what_waits_for_a_size_is_not_let_through(waits: int) -> None:
    with HostWaits(), pytest.raises(HostWaitError):
        WAITING_FOR_A_SIZE[waits](torch.zeros(1, device=DEVICE))


@pytest.mark.parametrize("goes", range(len(GOING_ON)))
def test_what_goes_on_without_the_host_is_not_counted(goes: int) -> None:
    there = torch.zeros(1, device=DEVICE)
    with HostWaits() as counted:
        GOING_ON[goes](there)
    assert counted.found == []


@pytest.mark.gpu
def test_copies_on_a_gpu_hold_what_was_sent() -> None:
    class Frames:
        def __init__(self, frames: Tensor) -> None:
            self.frames = frames

        def to(self, device: torch.device) -> Frames:
            return self.map(lambda frames: frames.to(device, non_blocking=True))

        def map(self, function: Callable[[Tensor], Tensor]) -> Frames:
            return Frames(function(self.frames))

    batches = [Frames(torch.full((64, 1 << 16), number, dtype=torch.uint8).pin_memory()) for number in range(8)]
    sums = [copy.frames.double().mean() for _, copy in DeviceFeed(GPU)(batches)]
    assert torch.stack(sums).tolist() == list(range(8))
