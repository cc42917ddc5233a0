"""Which frames feed which pathway."""

import json
from pathlib import Path

import pytest
import torch

from slowfast.config import ConfigError
from slowfast.models.pathways import PathwayPicker, slow_indices

SLOW_ROWS = json.loads((Path(__file__).parents[1] / "data/golden/sampling.json").read_text())["slow_pathway"]["rows"]


@pytest.mark.parametrize(("num_frames", "alpha", "indices"), SLOW_ROWS)
def test_slow_frames_match_golden(num_frames, alpha, indices):
    assert list(slow_indices(num_frames, alpha)) == indices


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_slow_is_a_choice_of_the_fast_frames_and_fast_is_all_of_them(dtype):
    frames = torch.randint(0, 256, (2, 3, 16, 4, 4)).to(dtype)
    slow, fast = PathwayPicker(num_pathways=2, alpha=4).pick(frames)
    assert fast is frames
    assert torch.equal(slow, frames[:, :, [0, 5, 10, 15]])


def test_one_pathway_gets_the_very_frames():
    frames = torch.zeros(1, 3, 7, 2, 2)
    (same,) = PathwayPicker(num_pathways=1).pick(frames)
    assert same is frames


def test_a_single_slow_frame_is_the_first():
    assert slow_indices(8, 8) == (0,)


def test_frames_that_alpha_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="ALPHA = 4 does not divide a clip of 10 frames"):
        PathwayPicker(num_pathways=2, alpha=4).pick(torch.zeros(1, 3, 10, 2, 2))


def test_the_config_says_how_many_pathways_there_are(config):
    assert PathwayPicker.from_cfg(config("slow")) == PathwayPicker(num_pathways=1, alpha=1)
    assert PathwayPicker.from_cfg(config("slowfast")) == PathwayPicker(num_pathways=2, alpha=4)


def test_an_unknown_variant_is_refused(config):
    with pytest.raises(ConfigError, match=r"one of c2d, .*i3d, .*slow"):
        PathwayPicker.from_cfg(config("slow", MODEL__ARCH="fast"))
