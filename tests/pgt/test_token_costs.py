"""What a step of a video transformer costs and carries, counted on tensors without values."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pgt import ProgressiveModel, progressive
from slowfast.config import load_config
from slowfast.models import build_model

KINETICS = Path(__file__).parents[2] / "configs" / "Kinetics"
B_SIZE = {
    "ViT-B": ("VIT_S.yaml", ["VIT.EMBED_DIM", 768, "VIT.NUM_HEADS", 12]),
    "TimeSformer-B": ("TIMESFORMER.yaml", []),
    "MViT-B": ("MVIT_B.yaml", []),
}
PREFIX = 10
"""Steps that whoever has no memory reads again."""


def build(file: str, options: list[object], *, crop: int, compressed: bool = False) -> tuple[ProgressiveModel, torch.Tensor]:
    """The network in steps, and the clip of a step."""
    cfg = load_config(KINETICS / file, [*options, "DATA.TRAIN_CROP_SIZE", crop, "DATA.TRAIN_JITTER_SCALES", [crop, crop]])
    with torch.device("meta"):
        model = progressive(
            build_model(cfg),
            step_len=cfg.DATA.NUM_FRAMES,
            overlap=0,
            memory="last",
            momentum=0.0,
            attention="compressed" if compressed else "tokens",
            attention_slices=2 if compressed else 1,
        )
        return model.eval().requires_grad_(False), torch.zeros(1, 3, cfg.DATA.NUM_FRAMES, crop, crop)


def flops(run: object) -> int:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        run()  # type: ignore[operator]
    total: int = counter.get_total_flops()
    return total


@pytest.mark.parametrize("name", B_SIZE)
def test_a_network_of_size_b_carries_at_most_ten_megabytes(name: str) -> None:
    file, options = B_SIZE[name]
    model, clip = build(file, options, crop=224)
    with torch.device("meta"):
        model.step([clip])
    assert model.memory_bytes <= 10e6


@pytest.mark.parametrize("file", ["VIT_S.yaml", "TIMESFORMER.yaml", "MVITv2_S.yaml"])
def test_a_step_takes_at_most_an_eighth_of_the_operations_of_reading_ten_again(file: str) -> None:
    model, clip = build(file, [], crop=64)
    with torch.device("meta"):
        model.step([clip])
        prefix = torch.zeros(1, 3, PREFIX * clip.shape[2], 64, 64)
    assert flops(lambda: model([prefix])) >= 8 * flops(lambda: model.step([clip]))


@pytest.mark.parametrize("compressed", [False, True])
def test_later_steps_take_as_many_operations_and_bytes_as_earlier_ones(compressed: bool) -> None:
    model, clip = build("VIT_S.yaml", [], crop=64, compressed=compressed)
    costs = []
    with torch.device("meta"):
        for _ in range(4):
            costs.append((flops(lambda: model.step([clip])), model.memory_bytes))
    assert costs[1] == costs[2] == costs[3]
