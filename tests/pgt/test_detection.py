"""Persons at annotated seconds, step by step."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from pgt.eval_step import ProgressiveDetectionEvalStep
from pgt.keyframes import KeyframeTargets, step_seconds
from pgt.schedule import StepSchedule
from pgt.train_step import ProgressiveTrainStep
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import ConfigError
from slowfast.engine.detection_steps import DetectionEvalStep, DetectionTrainStep
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.evaluation.ava import merge_repeated
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer
from slowfast.structures import ClipBatch, Keyframes

CLASSES = 5
SCHEDULE = StepSchedule(4, 1, 3)
"""Ten frames; the steps' centres are frames 2, 5 and 8, which in the batches here are the seconds 902, 905 and 908."""

PARTS = ((0, 4), (4, 7), (7, 10))
DETECTION = {
    "DETECTION__ENABLE": True,
    "RESNET__SPATIAL_STRIDES": [[1], [2], [2], [1]],
    "MODEL__LOSS_FUNC": "bce",
}
TWO_PATHWAYS = {"slowfast": True, "RESNET__SPATIAL_STRIDES": [[1, 1], [2, 2], [2, 2], [1, 1]]}


def keyframes(rows: Sequence[tuple[int, int]], *, main: int = 908) -> Keyframes:
    """Persons at (clip, second); boxes and labels are random, but the same for the same row number."""
    clips, seconds = torch.tensor(rows, dtype=torch.int64).view(-1, 2).unbind(1)
    generator = torch.Generator().manual_seed(4)
    corners = torch.rand((len(rows), 2, 2), generator=generator).sort(dim=1).values.flatten(1)
    return Keyframes(
        clips=clips,
        seconds=seconds,
        main=seconds == main,
        boxes=32 * corners,
        original=corners.double(),
        labels=(torch.rand((len(rows), CLASSES), generator=generator) < 0.4).float(),
        videos=clips + 7,
        numbers=torch.arange(len(rows)),
    )


ALL = keyframes([(0, 902), (0, 902), (0, 905), (0, 907), (0, 908), (1, 902), (1, 905), (1, 908), (1, 908)])
SPARSE = keyframes([(0, 902), (0, 908), (0, 908), (1, 908)])
"""Clip 1 has no persons at the first step, and nobody has any at the second."""


@pytest.fixture
def batch_of(make_batch: Callable[..., ClipBatch]) -> Callable[..., ClipBatch]:
    """Batches of two clips with these persons, one frame a second."""

    def make(persons: Keyframes, *, num_frames: int = 10) -> ClipBatch:
        times = torch.arange(num_frames, dtype=torch.float32).expand(2, num_frames)
        return dataclasses.replace(make_batch(num_frames), keyframes=persons, times=times, frame_labels=None)

    return make


@pytest.fixture
def cfg_of(tiny_cfg: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **changes: tiny_cfg(**(DETECTION | changes))


def model_of(cfg: Any) -> nn.Module:
    torch.manual_seed(1)
    return build_model(cfg)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys() and first
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], rtol=1e-4, atol=1e-6)


def rows_of(persons: Keyframes, batch_of: Callable[..., ClipBatch], empty_step: Any = "keyframe") -> list[list[int]]:
    return [rows.tolist() for rows in KeyframeTargets(empty_step).rows(batch_of(persons), SCHEDULE)]


@pytest.mark.parametrize(
    ("length", "overlap", "rate", "second", "centres", "seconds"),
    [
        (16, 1, 8, 1000, [2520, 2640, 2760, 2880, 3000], [984, 988, 992, 996, 1000]),
        (8, 1, 8, 1000, [2776, 2832, 2888, 2944, 3000], [993, 994, 996, 998, 1000]),
        (32, 4, 2, 1000, [2776, 2832, 2888, 2944, 3000], [993, 994, 996, 998, 1000]),
        (16, 1, 8, 902, [0, 0, 0, 0, 60], [900, 900, 900, 900, 902]),
        (8, 1, 8, 905, [0, 0, 38, 94, 150], [900, 900, 901, 903, 905]),
    ],
)
def test_steps_belong_to_the_seconds_at_their_centres(
    length: int, overlap: int, rate: int, second: int, centres: list[int], seconds: list[int]
) -> None:
    """Thirty frames a second from second 900 on; the clip's own second lies half a step from the end of the clip."""
    schedule = StepSchedule(length, overlap, 5)
    place = torch.arange(schedule.num_frames) - (schedule.num_frames - length // 2)
    frames = ((second - 900) * 30 + place * rate).clamp(0, 27030)
    assert frames[schedule.centres()].tolist() == centres
    assert step_seconds(frames[None] / 30, schedule).tolist() == [seconds]


def test_halves_go_to_the_even_second() -> None:
    times = torch.tensor([[0.5, 1.5, 2.5]])
    assert step_seconds(times, StepSchedule(1, 0, 3)).tolist() == [[900, 902, 902]]


def test_each_step_has_the_persons_of_its_own_second(batch_of: Callable[..., ClipBatch]) -> None:
    assert rows_of(ALL, batch_of) == [[0, 1, 5], [2, 6], [4, 7, 8]]


def test_a_clip_without_persons_at_a_step_lends_those_of_its_own_second_or_skips(batch_of: Callable[..., ClipBatch]) -> None:
    assert rows_of(SPARSE, batch_of) == [[0, 3], [1, 2, 3], [1, 2, 3]]
    assert rows_of(SPARSE, batch_of, "skip") == [[0], [], [1, 2, 3]]


def test_a_batch_without_any_person_has_empty_steps(batch_of: Callable[..., ClipBatch]) -> None:
    assert rows_of(keyframes([]), batch_of) == [[], [], []]


def test_last_step_has_the_clips_own_second_even_where_the_video_ended_before(batch_of: Callable[..., ClipBatch]) -> None:
    batch = batch_of(ALL)
    cut = dataclasses.replace(batch, times=batch.times.clamp(max=6))
    assert KeyframeTargets("keyframe").rows(cut, SCHEDULE)[-1].tolist() == [4, 7, 8]


@pytest.mark.parametrize("num_persons", [3, 0])
def test_one_step_equals_plain_training_and_evaluation(
    num_persons: int, cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    """Without persons the plain step has gradients of zero, the progressive one none."""
    batch = batch_of(keyframes([(0, 908), (1, 908), (1, 908)][:num_persons]), num_frames=4)
    plain_cfg = cfg_of(PGT__ENABLE=False, DATA__NUM_FRAMES=4)
    plain, model = model_of(plain_cfg).train(), model_of(cfg_of(PGT__STEPS=1)).train()
    want = DetectionTrainStep.from_cfg(plain_cfg)(plain, batch, updater)
    got = ProgressiveTrainStep.from_cfg(cfg_of(PGT__STEPS=1))(model, batch, updater)
    torch.testing.assert_close(got.loss, want.loss)
    if num_persons:
        assert_same(gradients(model), gradients(plain))
    else:
        assert gradients(model) == {} and not any(gradient.any() for gradient in gradients(plain).values())
    want_scores = DetectionEvalStep.from_cfg(plain_cfg)(plain.eval(), batch).scores
    got_scores = ProgressiveDetectionEvalStep.from_cfg(cfg_of(PGT__STEPS=1))(model.eval(), batch).scores
    torch.testing.assert_close(got_scores, want_scores)


@pytest.mark.parametrize(("persons", "empty_step"), [(ALL, "keyframe"), (SPARSE, "keyframe"), (SPARSE, "skip")])
def test_gradients_are_those_of_the_steps_losses_added_up(
    persons: Keyframes, empty_step: Any, cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    cfg, batch = cfg_of(AVA__EMPTY_STEP=empty_step), batch_of(persons)
    model, by_hand = model_of(cfg).train(), model_of(cfg).train()
    output = ProgressiveTrainStep.from_cfg(cfg)(model, batch, updater)
    normalizer, losses = Normalizer.from_cfg(cfg), []
    for (start, stop), rows in zip(PARTS, rows_of(persons, batch_of, empty_step), strict=True):
        logits = by_hand.step([normalizer(batch.frames[:, :, start:stop])], persons.rois()[rows])
        if rows:
            losses.append(bce(logits, persons.labels[rows]))
            losses[-1].backward()
    assert updater.updates == 1
    assert updater.losses == pytest.approx([float(loss.detach()) for loss in losses], abs=1e-6)
    assert float(output.loss) == pytest.approx(sum(updater.losses) / len(losses), abs=1e-6)
    assert_same(gradients(model), gradients(by_hand))


def test_each_step_makes_an_update_of_its_own_even_without_persons(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    """Other processes may have persons at that step, and wait for this one."""
    cfg = cfg_of(PGT__TRAIN_TOGETHER=False, AVA__EMPTY_STEP="skip")
    ProgressiveTrainStep.from_cfg(cfg)(model_of(cfg).train(), batch_of(SPARSE), updater)
    assert (len(updater.losses), updater.updates) == (2, 3)


def test_gradients_reach_through_steps_without_persons(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    found = []
    for depth in (1, 3):
        cfg = cfg_of(PGT__TBPTT_STEPS=depth, PGT__CACHE="avg", AVA__EMPTY_STEP="skip")
        model = model_of(cfg).train()
        ProgressiveTrainStep.from_cfg(cfg)(model, batch_of(keyframes([(0, 908)])), updater)
        found.append(gradients(model)["s1.pathway0_stem.conv.weight"])
    assert not torch.allclose(*found)


def test_memory_is_the_same_whether_earlier_steps_had_persons_or_not(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch]
) -> None:
    cfg = cfg_of()
    model, batch = model_of(cfg).eval(), batch_of(ALL)
    with_all, without = (
        ProgressiveDetectionEvalStep.from_cfg(cfg_of(PGT__ALL_STEP_TEST=all_steps))(model, batch).scores
        for all_steps in (True, False)
    )
    torch.testing.assert_close(with_all[-3:], without)


def test_last_step_alone_is_scored_unless_all_are_wanted(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch]
) -> None:
    cfg, batch = cfg_of(), batch_of(ALL)
    model, normalizer = model_of(cfg).eval(), Normalizer.from_cfg(cfg)
    rows = rows_of(ALL, batch_of)
    steps = [
        model.step([normalizer(batch.frames[:, :, start:stop])], ALL.rois()[own])
        for (start, stop), own in zip(PARTS, rows, strict=True)
    ]
    last = ProgressiveDetectionEvalStep.from_cfg(cfg)(model, batch)
    assert last.keyframes.numbers.tolist() == rows[-1]
    torch.testing.assert_close(last.scores, steps[-1])
    every = ProgressiveDetectionEvalStep.from_cfg(cfg_of(PGT__ALL_STEP_TEST=True))(model, batch)
    assert every.keyframes.numbers.tolist() == list(itertools.chain(*rows))
    torch.testing.assert_close(every.scores, torch.cat(steps))
    assert model.memory() == {}


@torch.no_grad()
def test_scores_of_one_person_at_several_steps_become_their_mean(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch]
) -> None:
    cfg = cfg_of(PGT__ALL_STEP_TEST=True)
    output = ProgressiveDetectionEvalStep.from_cfg(cfg)(model_of(cfg).eval(), batch_of(SPARSE))
    persons = output.keyframes
    keys = torch.stack([persons.videos, persons.seconds, persons.numbers], dim=1)
    merged = merge_repeated(keys.numpy(), output.scores.numpy(), persons.original.numpy())
    assert merged.keys.tolist() == [[7, 902, 0], [7, 908, 1], [7, 908, 2], [8, 908, 3]]
    assert merged.counts.tolist() == [1, 2, 2, 3]
    of_last = output.scores[persons.numbers == 3]
    assert not torch.allclose(of_last[0], of_last[2])
    torch.testing.assert_close(torch.from_numpy(merged.scores[3]), of_last.mean(0))


def test_two_pathways_train_a_gradient_into_every_parameter(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    cfg = cfg_of(**TWO_PATHWAYS)
    model = model_of(cfg).train()
    ProgressiveTrainStep.from_cfg(cfg)(model, batch_of(keyframes([(0, 932), (1, 932)], main=932), num_frames=40), updater)
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_training_memory_does_not_grow_with_the_number_of_steps(
    cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch], updater: Any
) -> None:
    peaks = []
    for steps in (2, 6):
        cfg = cfg_of(PGT__STEPS=steps)
        model = model_of(cfg).train()
        batch = batch_of(keyframes([(0, 903), (1, 903)], main=903), num_frames=cfg.DATA.NUM_FRAMES)
        with ActivationMeter(exclude=model) as meter:
            ProgressiveTrainStep.from_cfg(cfg)(model, batch, updater)
        peaks.append(meter.peak_bytes)
    assert peaks[0] == peaks[1]


def test_norms_see_every_step_with_its_persons(cfg_of: Callable[..., Any], batch_of: Callable[..., ClipBatch]) -> None:
    cfg = cfg_of(BN__NORM_TYPE="batchnorm")
    model = model_of(cfg).train()
    with torch.no_grad():
        ProgressiveTrainStep.from_cfg(cfg).forward_only(model, batch_of(ALL))
    counted = {int(value) for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
    assert counted == {3}


def test_config_of_detection_gets_steps_that_pass_boxes(cfg_of: Callable[..., Any]) -> None:
    assert isinstance(build_train_step(cfg_of()).targets, KeyframeTargets)
    assert isinstance(build_eval_step(cfg_of()), ProgressiveDetectionEvalStep)


def test_annotated_second_lies_at_the_centre_of_the_last_step(cfg_of: Callable[..., Any]) -> None:
    assert cfg_of().AVA.CENTER_FRAME == SCHEDULE.centres()[-1] == 8
    assert cfg_of(AVA__CENTER_FRAME=-1).AVA.CENTER_FRAME == cfg_of(AVA__CENTER_FRAME=8).AVA.CENTER_FRAME == 8
    assert cfg_of(**TWO_PATHWAYS).AVA.CENTER_FRAME == 40 - 8
    assert cfg_of(DETECTION__ENABLE=False, MODEL__LOSS_FUNC="bce_logit").AVA.CENTER_FRAME == -1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AVA__CENTER_FRAME": 5}, r"AVA.CENTER_FRAME = 5: .*right would be: 8 \(or -1"),
        ({"PGT__PG_EVAL": False}, r"PGT.PG_EVAL = False: .*moments of steps"),
    ],
)
def test_options_that_do_not_go_with_detection_are_refused(
    changes: dict[str, Any], words: str, cfg_of: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match=words):
        cfg_of(**changes)
