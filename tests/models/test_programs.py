"""What networks are exported as."""

import pytest
import torch

from slowfast.engine.steps import PlainEvalStep
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer
from slowfast.models.programs import ClipProgram, PixelReader
from slowfast.structures import ClipBatch
from tests.models.tiny_networks import VARIANTS, tiny_config


def test_pixels_become_the_numbers_that_training_sees() -> None:
    mean, std = [0.45, 0.4, 0.5], [0.225, 0.3, 0.25]
    frames = torch.randint(0, 256, (2, 3, 5, 4, 3), dtype=torch.uint8)
    right = Normalizer(mean=mean, std=std)(frames.permute(0, 4, 1, 2, 3))
    torch.testing.assert_close(PixelReader(mean=mean, std=std)(frames), right)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_program_of_a_clip_computes_what_an_evaluation_does(variant: str) -> None:
    cfg = tiny_config(variant, DATA__NUM_FRAMES=8)
    network = build_model(cfg).eval()
    program = ClipProgram.from_cfg(cfg, network)
    assert (program.num_frames, dict(program.memory_shapes)) == (8, {})
    frames = torch.randint(0, 256, (2, 8, 32, 32, 3), dtype=torch.uint8)
    batch = ClipBatch(
        frames=frames.permute(0, 4, 1, 2, 3), times=torch.zeros(2, 8), labels=torch.zeros(2, dtype=torch.long),
        frame_labels=None,         videos=torch.arange(2), views=torch.zeros(2, dtype=torch.long), names=("a", "b"),
    )  # fmt: skip
    with torch.no_grad():
        torch.testing.assert_close(program(frames), PlainEvalStep.from_cfg(cfg)(network, batch).scores)
