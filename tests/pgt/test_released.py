"""The habits of the original code that `PGT.SEMANTICS: released` brings back; the golden numbers cover the first."""

from collections.abc import Callable
from typing import Any

import torch

from slowfast.models import build_model


def two_steps(cfg: Any) -> dict[str, torch.Tensor]:
    """The memory after two steps of a two-pathway network."""
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    with torch.no_grad():
        for slow, fast in ((4, 16), (3, 12)):
            model.step([torch.randn(1, 3, slow, 32, 32), torch.randn(1, 3, fast, 32, 32)])
    memory: dict[str, torch.Tensor] = model.memory()
    return memory


def test_every_memory_has_as_many_frames_as_its_pathway_overlaps(tiny_cfg: Callable[..., Any]) -> None:
    memory = two_steps(tiny_cfg(slowfast=True, PGT__SEMANTICS="released"))
    frames = {int("pathway1" in name or name.endswith("pools.1")): set() for name in memory}
    for name, kept in memory.items():
        frames[int("pathway1" in name or name.endswith("pools.1"))].add(kept.shape[2])
    assert frames == {0: {1}, 1: {4}}
    corrected = two_steps(tiny_cfg(slowfast=True))
    assert corrected["s2.pathway1_res0.branch2.a"].shape[2] == 1 and corrected["s1.pathway1_stem.conv"].shape[2] == 2


def test_lateral_connections_remember_nothing(tiny_cfg: Callable[..., Any]) -> None:
    released = two_steps(tiny_cfg(slowfast=True, PGT__SEMANTICS="released"))
    corrected = two_steps(tiny_cfg(slowfast=True))
    assert not any("conv_f2s" in name for name in released)
    assert any("conv_f2s" in name for name in corrected)
