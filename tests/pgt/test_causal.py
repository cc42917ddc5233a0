"""Exactly causal operators: any cut of a video into steps gives what one pass gives (the equivalence of MaPro, TPAMI 2024)."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from fvcore.nn.squeeze_excitation import SqueezeExcitation
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pgt import ProgressiveModel, StepLengthError, UnsupportedOperatorError, progressive
from slowfast.models import build_model
from slowfast.models.layers.nonlocal_block import NonLocalBlock, NonLocalSpec
from slowfast.models.layers.norm import NormSpec
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.layers.squeeze_excite import SqueezeExcite

FRAMES = 24


def make_network(pool: str) -> nn.Module:
    """Every kind of temporal operator there is a causal one for; frames are halved once."""
    head: dict[str, nn.Module] = {
        "ours avg": TemporalPool(mode="avg", pathway=0),
        "ours max": TemporalPool(mode="max", pathway=0),
        "adaptive avg": nn.AdaptiveAvgPool3d(1),
        "adaptive max": nn.AdaptiveMaxPool3d((1, None, None)),
    }
    return nn.Sequential(
        nn.Conv3d(2, 4, (5, 3, 3), padding=(2, 1, 1)),
        nn.ReLU(),
        SqueezeExcite(4, 2),
        SqueezeExcitation(4, 2, is_3d=True),
        nn.MaxPool3d((3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
        nn.Conv3d(4, 4, (3, 3, 3), padding=(2, 1, 1), dilation=(2, 1, 1)),
        nn.AvgPool3d((3, 3, 3), stride=(1, 2, 2), padding=(1, 1, 1)),
        head[pool],
    ).double()


def run(model: ProgressiveModel, clip: Tensor, cuts: list[int]) -> list[Tensor]:
    model.reset()
    borders = [0, *cuts, clip.shape[2]]
    return [model.step(clip[:, :, start:stop]) for start, stop in itertools.pairwise(borders)]


cuts_at = st.lists(st.integers(1, FRAMES // 2 - 1).map(lambda half: 2 * half), unique=True, max_size=6).map(sorted)


@settings(max_examples=25, deadline=None)
@given(cuts=cuts_at, pool=st.sampled_from(["ours avg", "ours max", "adaptive avg", "adaptive max"]), seed=st.integers(0, 99))
def test_any_cut_of_a_video_gives_what_one_pass_over_it_gives(cuts: list[int], pool: str, seed: int) -> None:
    torch.manual_seed(seed)
    model = progressive(make_network(pool), step_len=8, overlap=1, operator="causal").eval()
    clip = torch.randn((1, 2, FRAMES, 4, 4), dtype=torch.double)
    with torch.no_grad():
        outputs = run(model, clip, cuts)
        for stop, output in zip([*cuts, FRAMES], outputs, strict=True):
            torch.testing.assert_close(output, model(clip[:, :, :stop]), rtol=0, atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(cuts=cuts_at)
def test_features_of_all_frames_are_those_of_one_pass(cuts: list[int]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*list(make_network("ours avg"))[:-1])
    model = progressive(network, step_len=8, overlap=1, operator="causal").eval()
    clip = torch.randn((1, 2, FRAMES, 4, 4), dtype=torch.double)
    torch.testing.assert_close(torch.cat(run(model, clip, cuts), dim=2), model(clip), rtol=0, atol=1e-10)


@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 3], [2, 7], [8]])
@pytest.mark.parametrize("window", [True, False])
def test_two_poolings_behind_each_other_are_one_head_whatever_the_first_step(window: bool, cuts: list[int]) -> None:
    first = nn.AvgPool3d((8, 2, 2), stride=1) if window else nn.AdaptiveMaxPool3d((1, 2, 2))
    network = nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), first, nn.Conv3d(4, 3, 1), nn.AdaptiveAvgPool3d(1)).double()
    clip = torch.randn((1, 2, 12, 3, 3), dtype=torch.double)
    model = progressive(network, step_len=8, overlap=1, operator="causal").eval()
    with torch.no_grad():
        last = run(model, clip, cuts)[-1]
        assert set(model.memory()) == {"0", "1"}
        torch.testing.assert_close(last, run(model, clip, [])[-1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("slowfast", [False, True])
def test_our_networks_are_exactly_causal_for_any_cut(slowfast: bool, tiny_cfg: Callable[..., Any]) -> None:
    plain = build_model(tiny_cfg(slowfast=slowfast, PGT__ENABLE=False, DATA__NUM_FRAMES=24))
    model = progressive(
        plain.double(), step_len=[4, 16][: 1 + slowfast], overlap=[1, 4][: 1 + slowfast], operator="causal"
    ).eval()
    clip = torch.randn((1, 3, 24, 32, 32), dtype=torch.double)

    def pathways(start: int, stop: int) -> list[Tensor]:
        cut = clip[:, :, start:stop]
        return [cut[:, :, ::4], cut] if slowfast else [cut]

    with torch.no_grad():
        for borders in ([0, 24], [0, 4, 24], [0, 8, 12, 20, 24], [0, 4, 8, 12, 16, 20, 24]):
            model.reset()
            for start, stop in itertools.pairwise(borders):
                output = model.step(pathways(start, stop))
                torch.testing.assert_close(output, model(pathways(0, stop)), rtol=0, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, FRAMES - 1), unique=True, max_size=8).map(sorted))
def test_cuts_that_strides_do_not_divide_keep_their_rhythm(cuts: list[int]) -> None:
    """Every conv and pool of stride 2 sees, whatever the cut, every second frame of the video from its first one on."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv3d(2, 3, 3, stride=(2, 1, 1), padding=1),
        nn.MaxPool3d((3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
        nn.Conv3d(3, 2, 1, stride=(1, 2, 2)),
        nn.AvgPool3d(1, stride=(1, 1, 1)),
    ).double()
    model = progressive(network, step_len=8, overlap=1, operator="causal").eval()
    clip = torch.randn((1, 2, FRAMES, 4, 4), dtype=torch.double)
    try:
        outputs = run(model, clip, cuts)
    except StepLengthError as error:  # a step so short that nothing is due in it
        assert str(error).startswith(("0: ", "1: "))
        return
    torch.testing.assert_close(torch.cat(outputs, dim=2), model(clip), rtol=0, atol=1e-10)


def test_no_output_depends_on_a_later_frame() -> None:
    network = nn.Sequential(*list(make_network("ours avg"))[:-1])
    model = progressive(network, step_len=8, overlap=1, operator="causal").eval()
    clip = torch.randn((1, 2, FRAMES, 4, 4), dtype=torch.double, requires_grad=True)
    output = model(clip)
    for frame in range(output.shape[2]):
        gradient = torch.autograd.grad(output[:, :, frame].sum(), clip, retain_graph=True)[0].abs().sum((0, 1, 3, 4))
        assert torch.equal(gradient[2 * frame + 1 :], torch.zeros_like(gradient[2 * frame + 1 :]))
        assert gradient[2 * frame] > 0


def test_attention_over_a_whole_step_is_not_causal() -> None:
    block = NonLocalBlock(4, inner_channels=2, spec=NonLocalSpec(), norm=NormSpec())
    with pytest.raises(UnsupportedOperatorError, match=r"^0: .*not causal"):
        progressive(nn.Sequential(block), step_len=8, overlap=1, operator="causal")
