"""The habits of the original code that `PGT.SEMANTICS: released` brings back; the golden numbers cover the first."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pgt import progressive
from slowfast.config import ConfigError
from slowfast.engine.tasks import build_train_step
from slowfast.models import build_model
from tests.pgt.test_model_matrix import progressive_config


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


MAX_RELEASED = {"PGT__SEMANTICS": "released", "PGT__CACHE": "max", "PGT__CACHE_MOMENTUM": 0.0}
DETECTION = {"TRAIN__DATASET": "ava", "TEST__DATASET": "ava", "DETECTION__ENABLE": True, "DETECTION__SPATIAL_SCALE_FACTOR": 32}


@pytest.mark.parametrize(
    ("network", "head", "mean"), [("slow", "head.temporal_pools.0", True), ("x3d", "head.temporal_pool", False)]
)
def test_only_the_classification_head_of_resnets_has_a_mean_where_a_maximum_is_asked_for(
    network: str, head: str, mean: bool
) -> None:
    model = build_model(progressive_config(network, "local", **MAX_RELEASED, PGT__OVERLAP=[1])).eval()
    seen: list[torch.Tensor] = []
    model.get_submodule(head).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model.step([torch.randn(1, 3, 4, 32, 32)])
    kept = model.memory()[head]
    assert not torch.allclose(seen[0].mean(2, keepdim=True), seen[0].amax(2, keepdim=True))
    torch.testing.assert_close(kept, seen[0].mean(2, keepdim=True) if mean else seen[0].amax(2, keepdim=True))


def test_the_detection_head_has_the_maximum_that_is_asked_for(tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg(**MAX_RELEASED, **DETECTION)).eval()
    modes = {name: cell.mode for name, cell in model._memory.cells.items() if name.startswith("head")}
    assert modes == {"head.temporal_pools.0": "max"}


@pytest.mark.parametrize("memory", ["last", "max", "avg"])
def test_without_overlap_nothing_is_remembered(memory: Any) -> None:
    conv = nn.Conv3d(2, 4, 3, padding=1)
    model = progressive(nn.Sequential(conv), step_len=4, overlap=0, semantics="released", memory=memory)
    first, second = torch.randn(2, 1, 2, 4, 5, 5)
    model.step(first)
    assert model.memory()["0"].shape == (1, 2, 0, 5, 5)
    torch.testing.assert_close(model.step(second), model(second))


ORIGINAL_FILE = {"PGT__SEMANTICS": "released", "PGT__OVERLAP": [1, 1], "PGT__STEPS": 5, "DATA__NUM_FRAMES": 64}
"""Overlaps that do not cover the same time, and the number of frames of overlaps that do, as in the original's config files."""


def test_overlaps_of_the_originals_slowfast_files_train(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    with pytest.warns(UserWarning, match="DATA.NUM_FRAMES = 64: clips have the 76 frames that 5 steps"):
        cfg = tiny_cfg(slowfast=True, **ORIGINAL_FILE)
    assert cfg.DATA.NUM_FRAMES == 16 + 4 * 15
    model = build_model(cfg).train()
    step, batch = build_train_step(cfg), make_batch(76)
    step(model, batch, updater)
    assert updater.updates == 1 and all(parameter.grad is not None for parameter in model.parameters())
    step.forward_only(model, batch)
    frames = {name: kept.shape[2] for name, kept in model.memory().items()}
    assert set(frames.values()) == {1}


def test_the_frame_that_a_lateral_connection_has_too_many_is_the_first(tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg(slowfast=True, **(ORIGINAL_FILE | {"DATA__NUM_FRAMES": 0}))).eval()
    fusion = model.s1_fuse
    slow, fast = torch.randn(1, 8, 3, 4, 4), torch.randn(1, 4, 15, 4, 4)
    with torch.no_grad(), model._memory.step():
        joined, _ = fusion([slow, fast])
        fused = fusion.relu(fusion.bn(fusion.conv_f2s(fast)))
    assert fused.shape[2] == 4
    torch.testing.assert_close(joined[:, 8:], fused[:, :, 1:])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PGT__SEMANTICS": "corrected"}, r"OVERLAP = \[1, 1\]: .*right would be: \[1, 4\]; or PGT.SEMANTICS released"),
        ({"PGT__OVERLAP": [2, 2]}, r"lateral connections would have 2 frames too many; right would be: \[2, 8\]"),
        ({"PGT__PG_EVAL": False, "PGT__TPOOL_SIZE": [2, 8]}, r"one pass.*right would be: \[1, 4\]; or PGT.PG_EVAL True"),
    ],
)
def test_overlaps_that_the_original_could_not_run_are_refused(
    changes: dict[str, Any], words: str, tiny_cfg: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny_cfg(slowfast=True, **(ORIGINAL_FILE | {"DATA__NUM_FRAMES": 0} | changes))
