"""Activation checkpointing inside steps: gradients are those of steps that keep their activations."""

import gc
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgt import ProgressiveModel, progressive
from pgt.recomputation import ReentrantCheckpointError


class Checkpointed(nn.Module):
    """A chain of two regions, the second with a pooling head; kinds: how each is checkpointed, the outermost first."""

    def __init__(self, *kinds: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kinds = kinds
        self.first = nn.Conv3d(2, 4, 1)
        self.regions = nn.ModuleList(
            nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.Softplus(), nn.Conv3d(4, 4, 3, padding=1)) for _ in range(2)
        )
        self.pool = nn.AdaptiveAvgPool3d(1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for region in self.regions:
            x = self.run(region, x, self.kinds)
        return self.run(self.pool, x, self.kinds)

    def run(self, part: Callable[[Tensor], Tensor], x: Tensor, kinds: tuple[bool, ...]) -> Tensor:
        if not kinds:
            return part(x)
        return checkpoint(lambda y: self.run(part, y * 1.0, kinds[1:]), x, use_reentrant=kinds[0])


def gradients(model: ProgressiveModel, *, together: int, stray: bool = False) -> list[Tensor]:
    """Of three steps; `together` of them make one backward pass."""
    torch.manual_seed(1)
    clip = torch.randn(2, 2, 10, 5, 5, dtype=torch.double)
    losses: list[Tensor] = []
    for number, (start, stop) in enumerate([(0, 4), (4, 7), (7, 10)], start=1):
        losses.append(model.step(clip[:, :, start:stop]).square().sum())
        if stray:
            model(clip).square().sum().backward()  # a plain pass, checkpointed as well, between step and backward pass
        if number % together == 0 or number == 3:
            torch.stack(losses).sum().backward()
            losses = []
            model.detach_memory()
    model.reset()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


KINDS = [(True,), (False,), (True, True), (True, False), (False, True), (False, False)]


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize(("together", "truncate"), [(1, True), (3, True), (3, False)])
@pytest.mark.parametrize("stray", [False, True])
@pytest.mark.parametrize("memory", ["last", "avg"])
def test_gradients_are_those_without_checkpointing(
    kinds: tuple[bool, ...], together: int, truncate: bool, stray: bool, memory: str
) -> None:
    def run(*kinds: bool) -> list[Tensor]:
        model = progressive(Checkpointed(*kinds).double(), step_len=4, overlap=1, memory=memory, momentum=0.25)  # type: ignore[arg-type]
        model.truncate_memory(truncate)
        return gradients(model, together=together, stray=stray)

    if not truncate and any(kinds):
        with pytest.raises(ReentrantCheckpointError, match="use_reentrant=False"):
            run(*kinds)
        return
    for got, wanted in zip(run(*kinds), run(), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_a_second_backward_pass_finds_its_step_too() -> None:
    def run(*kinds: bool) -> Tensor:
        model = progressive(Checkpointed(*kinds).double(), step_len=4, overlap=1)
        torch.manual_seed(1)
        clip = torch.randn(1, 2, 7, 5, 5, dtype=torch.double)
        model.step(clip[:, :, :4])
        loss = model.step(clip[:, :, 4:]).sum()
        model.reset()
        for again in (True, False):
            loss.backward(retain_graph=again)
        return model.regions[0][0].weight.grad  # type: ignore[no-any-return]

    torch.testing.assert_close(run(False), run(), rtol=1e-9, atol=1e-9)


def test_what_a_step_read_is_dropped_with_its_graph() -> None:
    model = progressive(Checkpointed(False).double(), step_len=4, overlap=1)
    for _ in range(5):
        model.step(torch.randn(1, 2, 4, 5, 5, dtype=torch.double)).sum().backward()
    gc.collect()
    log = model._memory._log
    assert sum(entry.found() is not None for entry in log._entries) == 0
    assert len(log._numbers) < 20
