import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pgt import FrameError, StepPrediction, progressive, stream, streams
from pgt.eval_step import ProgressiveEvalStep
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer


@pytest.mark.parametrize("slowfast", [False, True])
def test_a_stream_gives_the_scores_of_progressive_evaluation(
    slowfast: bool, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg(slowfast=slowfast)
    model, batch = build_model(cfg).eval(), make_batch(cfg.DATA.NUM_FRAMES, size=1)
    expected = ProgressiveEvalStep.from_cfg(cfg)(model, batch)
    frames = Normalizer.from_cfg(cfg)(batch.frames)[0].unbind(1)
    predictions = list(stream(model, frames))
    assert tuple((prediction.start, prediction.stop) for prediction in predictions) == expected.segments
    torch.testing.assert_close(torch.stack([prediction.scores for prediction in predictions]), expected.segment_scores[0])


def test_a_stream_without_end_runs_at_constant_memory(tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg())

    def camera() -> Iterator[torch.Tensor]:
        while True:
            yield torch.rand(3, 32, 32)

    sizes = {model.memory_bytes for _ in itertools.islice(stream(model, camera()), 8)}
    assert len(sizes) == 1 and sizes.pop() > 0


def foreign() -> nn.Module:
    """A network that reads a tensor, not a list of pathways."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2), nn.Softmax(1)
    )


def scores(predictions: list[StepPrediction]) -> Tensor:
    return torch.stack([prediction.scores for prediction in predictions])


def pixels(num_frames: int = 15, *, seed: int = 0) -> np.ndarray[Any, Any]:
    """uint8 (T, H, W, C), as decoders give it."""
    return np.random.default_rng(seed).integers(0, 256, (num_frames, 6, 8, 3), dtype=np.uint8)


NORMALIZE = Normalizer(mean=[0.45] * 3, std=[0.225] * 3)


def test_a_stream_is_the_same_in_whatever_form_its_frames_come() -> None:
    model = progressive(foreign(), step_len=8, overlap=1)
    clip = torch.from_numpy(pixels()).permute(3, 0, 1, 2)
    floats = NORMALIZE(clip[None])[0]
    wanted = scores(list(stream(model, floats.unbind(1))))
    assert wanted.shape == (2, 2)
    forms: dict[str, Any] = {
        "a float clip (C, T, H, W)": floats,
        "a uint8 clip (C, T, H, W)": clip,
        "an array (T, H, W, C)": pixels(),
        "arrays (H, W, C)": iter(pixels()),
        "uint8 tensors (C, H, W)": clip.unbind(1),
        "uint8 tensors (H, W, C)": torch.from_numpy(pixels()).unbind(0),
        "float arrays (T, H, W, C)": floats.permute(1, 2, 3, 0).numpy(),
    }
    for name, form in forms.items():
        torch.testing.assert_close(scores(list(stream(model, form, normalize=NORMALIZE))), wanted, msg=name)


def test_the_last_step_is_filled_up_by_its_last_frame_and_says_so() -> None:
    model = progressive(foreign(), step_len=8, overlap=1)
    frames = NORMALIZE(torch.from_numpy(pixels(11)).permute(3, 0, 1, 2)[None])[0]
    filled = torch.cat([frames, frames[:, -1:].expand(-1, 4, -1, -1)], 1)
    found, wanted = list(stream(model, frames)), list(stream(model, filled))
    assert [(each.start, each.stop, each.repeated) for each in found] == [(0, 8, 0), (8, 11, 4)]
    torch.testing.assert_close(scores(found), scores(wanted))
    assert list(stream(model, [])) == []


@pytest.mark.parametrize("operator", ["local", "causal"])
def test_streams_side_by_side_equal_each_by_itself(operator: Any) -> None:
    model = progressive(foreign(), step_len=4, overlap=1, operator=operator)
    sources = {"long": pixels(12, seed=1), "short": pixels(5, seed=2), "small": pixels(8, seed=3)[:, :4], "none": []}
    together: dict[str, list[StepPrediction]] = {name: [] for name in sources}
    for prediction in streams(model, sources, normalize=NORMALIZE):
        together[prediction.stream].append(prediction)
    assert model.memory() == {}
    for name, frames in sources.items():
        alone = list(stream(model, frames, normalize=NORMALIZE))
        assert [(p.start, p.stop, p.repeated) for p in together[name]] == [(p.start, p.stop, p.repeated) for p in alone]
        if alone:
            torch.testing.assert_close(scores(together[name]), scores(alone))


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        (pixels(), r"the frames are uint8; right would be: float frames, .*normalize="),
        ([torch.rand(3, 6, 8), torch.rand(3, 6, 9)], r"frame 1 is float32 of shape \(3, 6, 9\), those before it are"),
        ([torch.rand(6, 8)], r"frame 0 is float32 of shape \(6, 8\); right would be: uint8 or float, \(C, H, W\)"),
        ([torch.zeros(3, 6, 8, dtype=torch.int64)], r"frame 0 is int64"),
        (torch.rand(3, 6, 8), r"a clip is float32 of shape \(3, 6, 8\); right would be: a tensor \(C, T, H, W\)"),
    ],
)
def test_frames_that_are_none_are_refused_by_number(frames: Any, text: str) -> None:
    model = progressive(foreign(), step_len=2, overlap=1)
    with pytest.raises(FrameError, match=text):
        list(stream(model, frames))


def test_a_network_without_parameters_can_be_streamed() -> None:
    model = progressive(nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten()), step_len=2, overlap=1)
    assert len(list(stream(model, torch.rand(3, 4, 5, 5)))) == 3
