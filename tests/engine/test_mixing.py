"""Clips and labels of a batch are mixed by the same shares, in the same places, and alike when a run goes on."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.engine.mixing import BatchMix, Mixing, Unmixed, random_box
from slowfast.engine.steps import PlainTrainStep
from slowfast.models.losses import LabelError, soft_cross_entropy
from slowfast.runtime.random_state import seed_iteration
from slowfast.structures import ClipBatch
from tests.engine.engine_toys import NORMALIZER, PICKER, ToyNet, toy_batch

WHOLE_VIDEOS = {
    "PGT__ENABLE": True, "PGT__STEPS": "all", "PGT__TRAIN_TOGETHER": True,
    "MODEL__MODEL_NAME": "ResNet", "MODEL__ARCH": "slow", "TEST__NUM_ENSEMBLE_VIEWS": 1,
}  # fmt: skip
RULE = Mixing(alpha=0.8, cutmix_alpha=1.0, prob=1.0, switch_prob=0.5, smoothing=0.1, num_classes=3)


def config(**options: Any) -> CfgNode:
    given = {"MIXUP.ENABLE": True, "MODEL.LOSS_FUNC": "soft_cross_entropy"} | {
        key.replace("__", "."): value for key, value in options.items()
    }
    return load_config(overrides=[part for item in given.items() for part in item])


def mix(share: float, box: tuple[int, int, int, int] | None = None, smoothing: float = 0.0) -> BatchMix:
    return BatchMix(share=share, box=box, smoothing=smoothing, num_classes=3)


def clips(rows: int = 4, frames: int = 2, side: int = 6) -> Tensor:
    return torch.randn(rows, 3, frames, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_mixup_adds_each_clip_and_its_partner_by_their_shares() -> None:
    x = clips()
    (mixed,) = mix(0.3).inputs([x.clone()])
    for row in range(4):
        torch.testing.assert_close(mixed[row], 0.3 * x[row] + 0.7 * x[3 - row], rtol=1e-12, atol=1e-12)


def test_cutmix_shows_the_partner_in_the_box_alone_in_every_frame_of_every_pathway() -> None:
    slow, fast = clips(frames=1), clips(frames=4)
    box = (1, 4, 2, 6)
    for x, mixed in zip((slow, fast), mix(0.5, box).inputs([slow.clone(), fast.clone()]), strict=True):
        inside = torch.zeros(6, 6, dtype=torch.bool)
        inside[1:4, 2:6] = True
        assert torch.equal(mixed[..., inside], x.flip(0)[..., inside])
        assert torch.equal(mixed[..., ~inside], x[..., ~inside])


def test_labels_are_shared_as_pixels_are() -> None:
    labels = torch.tensor([0, 1, 2, 2])
    expected = torch.tensor([[0.7, 0, 0.3], [0, 0.7, 0.3], [0, 0.3, 0.7], [0.3, 0, 0.7]])
    torch.testing.assert_close(mix(0.7).labels(labels), expected)


@given(st.floats(0, 0.99), st.floats(0, 1))
def test_smoothed_labels_sum_to_one_and_give_every_class_its_part(smoothing: float, share: float) -> None:
    soft = mix(share, smoothing=smoothing).labels(torch.tensor([0, 2]))
    torch.testing.assert_close(soft.sum(1), torch.ones(2))
    assert soft.min() >= smoothing / 3 - 1e-6
    torch.testing.assert_close(soft[0, 0] - soft[0, 1], torch.tensor((1 - smoothing) * share), rtol=1e-4, atol=1e-6)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0, 1), st.integers(0, 100))
def test_boxes_lie_within_the_picture_and_are_no_larger_than_wanted(height: int, width: int, area: float, seed: int) -> None:
    top, bottom, left, right = random_box(height, width, area, np.random.default_rng(seed))
    assert 0 <= top <= bottom <= height and 0 <= left <= right <= width
    assert (bottom - top) * (right - left) <= area * height * width + 1e-9


@given(st.integers(0, 200))
def test_share_of_cutmix_is_that_of_the_pixels_that_stay(seed: int) -> None:
    rule = dataclasses.replace(RULE, alpha=0.0)
    decided = rule.decide(12, 20, rng=np.random.default_rng(seed))
    assert decided.box is not None
    top, bottom, left, right = decided.box
    assert decided.share == 1 - (bottom - top) * (right - left) / (12 * 20)


def test_shares_of_what_is_mixed_and_how_are_those_asked_for() -> None:
    rng = np.random.default_rng(0)
    rule = dataclasses.replace(RULE, prob=0.6, switch_prob=0.25)
    decided = [rule.decide(32, 32, rng=rng) for _ in range(4000)]
    mixed = [one for one in decided if one.share < 1 or one.box is not None]
    assert len(mixed) / len(decided) == pytest.approx(0.6, abs=0.03)
    assert sum(one.box is not None for one in mixed) / len(mixed) == pytest.approx(0.25, abs=0.03)
    shares = np.array([one.share for one in mixed if one.box is None])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.8 + 1)), abs=0.01)  # of Beta(0.8, 0.8)


@pytest.mark.parametrize(("alpha", "cutmix_alpha", "cuts"), [(0.8, 0.0, False), (0.0, 1.0, True)])
def test_a_kind_whose_alpha_is_zero_never_comes(alpha: float, cutmix_alpha: float, cuts: bool) -> None:
    rng = np.random.default_rng(0)
    rule = dataclasses.replace(RULE, alpha=alpha, cutmix_alpha=cutmix_alpha)
    assert {rule.decide(16, 16, rng=rng).box is not None for _ in range(50)} == {cuts}


def decide(rule: Mixing, iteration: int) -> BatchMix:
    seed_iteration(7, iteration)
    return rule.draw(toy_batch([(0, 0), (0, 1)]))


def test_a_batch_is_mixed_by_seed_and_iteration_alone_and_takes_no_random_numbers_of_the_network() -> None:
    first = decide(RULE, 5)
    before = torch.get_rng_state()
    torch.rand(3)
    after = torch.get_rng_state()
    assert RULE.draw(toy_batch([(0, 0), (0, 1)])) == first
    assert torch.equal(torch.get_rng_state(), after) and not torch.equal(before, after)
    assert decide(RULE, 6) != first
    assert decide(RULE, 5) == first


class Recorder:
    """An updater that keeps the loss."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def autocast(self) -> Any:
        return torch.autocast("cpu", enabled=False)

    def accumulate(self, loss: Tensor, *, completes: bool) -> None:
        self.losses.append(loss)

    def apply_and_read(self, loss: Tensor) -> Tensor:
        return loss.detach()


def test_train_step_learns_mixed_clips_with_their_mixed_labels() -> None:
    batch: ClipBatch = toy_batch([(0, 0), (0, 1), (0, 2)])
    model = ToyNet(dropout=0.0).train()
    updater: Any = Recorder()
    seed_iteration(0, 3)
    step = PlainTrainStep(picker=PICKER, normalizer=NORMALIZER, loss=soft_cross_entropy, mixing=RULE)
    output = step(model, batch, updater)
    decided = decide(RULE, 3)
    seed_iteration(0, 3)
    decided = RULE.draw(batch)
    x = NORMALIZER(batch.frames)
    logits = model(decided.inputs([x]))
    torch.testing.assert_close(output.loss, soft_cross_entropy(logits, decided.labels(batch.labels)).detach())


def test_without_mixing_labels_are_smoothed_and_clips_stay() -> None:
    rule = Mixing.from_cfg(config(MIXUP__PROB=0.0, MIXUP__LABEL_SMOOTH_VALUE=0.3, MODEL__NUM_CLASSES=3, TRAIN__BATCH_SIZE=1))
    decided = rule.draw(toy_batch([(0, 0)]))
    x = clips(1)
    assert torch.equal(decided.inputs([x])[0], x)
    torch.testing.assert_close(decided.labels(torch.tensor([1])), torch.tensor([[0.1, 0.8, 0.1]]))


def test_switched_off_nothing_is_mixed() -> None:
    assert Mixing.from_cfg(load_config()) == Unmixed()


def test_labels_of_several_classes_are_refused() -> None:
    with pytest.raises(LabelError, match=r"MIXUP mixes clips with one class number each.*one label a video"):
        mix(0.5).labels(torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"MODEL__LOSS_FUNC": "cross_entropy"}, r"MODEL\.LOSS_FUNC = 'cross_entropy'.*right would be: soft_cross_entropy"),
        ({"DATA__MULTI_LABEL": True}, r"MIXUP\.ENABLE = True: .*DATA\.MULTI_LABEL"),
        ({"DETECTION__ENABLE": True}, r"MIXUP\.ENABLE = True: .*DETECTION\.ENABLE"),
        (WHOLE_VIDEOS, r"MIXUP\.ENABLE = True: whole videos"),
        ({"MIXUP__LABEL_SMOOTH_VALUE": 1.0}, r"MIXUP\.LABEL_SMOOTH_VALUE"),
        ({"MIXUP__PROB": 1.5}, r"MIXUP\.PROB"),
    ],
)
def test_what_cannot_be_mixed_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**options)


def test_a_batch_of_one_clip_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"TRAIN\.BATCH_SIZE = 1: a batch of one clip has none to be mixed with"):
        PlainTrainStep.from_cfg(config(TRAIN__BATCH_SIZE=1))


def test_options_that_change_nothing_are_told() -> None:
    with pytest.warns(UserWarning, match=r"MIXUP\.SWITCH_PROB .*one of MIXUP\.ALPHA and MIXUP\.CUTMIX_ALPHA is 0"):
        config(MIXUP__ALPHA=0.0, MIXUP__SWITCH_PROB=0.2)
    with pytest.warns(UserWarning, match=r"MIXUP\.ALPHA .*MIXUP\.PROB is 0"):
        config(MIXUP__ALPHA=0.3, MIXUP__PROB=0.0)
    with pytest.warns(UserWarning, match=r"MIXUP\.ALPHA .*MIXUP\.ENABLE is False"):
        load_config(overrides=["MIXUP.ALPHA", 0.3])
