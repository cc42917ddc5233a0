"""Which frames feed which pathway."""

import json
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

from slowfast.config import ConfigError
from slowfast.models.pathways import PathwayPicker, select_frames, slow_indices

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


@pytest.mark.parametrize(
    "indices",
    [(3,), (0, 1, 2), (2, 5, 8), (0, 7), (0, 5, 10, 15), (0, 4, 9, 15), (0, 0, 1), (2, 2, 2), (5, 4, 3), (7, 0), (0, 3, 6, 8)],
)
def test_frames_are_selected_by_their_numbers_however_they_lie(indices: tuple[int, ...]) -> None:
    frames = torch.randint(0, 256, (2, 3, 16, 4, 4), dtype=torch.uint8)
    for _ in range(2):
        assert torch.equal(select_frames(frames, indices), frames[:, :, list(indices)])


@pytest.mark.parametrize("indices", [(0, 5, 10, 15), (4, 5, 6), (9,)])
def test_evenly_spaced_frames_are_a_view(indices: tuple[int, ...]) -> None:
    frames = torch.zeros(1, 3, 16, 2, 2)
    assert select_frames(frames, indices).data_ptr() == frames[:, :, indices[0]].data_ptr()


def test_trying_a_network_out_leaves_nothing_behind_that_a_run_would_trip_over() -> None:
    frames, indices = torch.randint(0, 256, (1, 3, 16, 2, 2)), (0, 2, 3, 11)
    with FakeTensorMode():
        assert select_frames(torch.zeros(1, 3, 16, 2, 2), indices).shape[2] == 4
    assert select_frames(frames.to("meta"), indices).is_meta
    with torch.inference_mode():
        select_frames(frames, indices)
    given = frames.float().requires_grad_()
    select_frames(given, indices).sum().backward()
    assert given.grad is not None and given.grad.sum() == 4 * 3 * 4


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
