from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from pgt.preprocess import step_targets
from pgt.schedule import StepSchedule
from pgt.train_step import ProgressiveTrainStep
from slowfast.engine.steps import PlainTrainStep
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], tolerance: float = 1e-6) -> None:
    assert first.keys() == second.keys() and first
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], rtol=1e-4, atol=tolerance)


def run(cfg: Any, batch: Any, updater: Any) -> tuple[nn.Module, Any]:
    torch.manual_seed(1)
    model = build_model(cfg).train()
    output = ProgressiveTrainStep.from_cfg(cfg)(model, batch, updater)
    return model, output


def test_one_step_equals_plain_training(tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any) -> None:
    batch = make_batch(4)
    model, output = run(tiny_cfg(PGT__STEPS=1), batch, updater)
    plain_cfg = tiny_cfg(PGT__ENABLE=False, DATA__NUM_FRAMES=4)
    torch.manual_seed(1)
    plain = build_model(plain_cfg).train()
    plain_output = PlainTrainStep.from_cfg(plain_cfg)(plain, batch, updater)
    assert float(output.loss) == pytest.approx(float(plain_output.loss), abs=1e-6)
    assert_same(gradients(model), gradients(plain))


def test_gradients_of_all_steps_add_up_to_one_update(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    cfg = tiny_cfg()
    batch = make_batch(cfg.DATA.NUM_FRAMES)
    model, output = run(cfg, batch, updater)
    torch.manual_seed(1)
    by_hand = build_model(cfg).train()
    normalizer, losses = Normalizer.from_cfg(cfg), []
    for start, stop in [(0, 4), (4, 7), (7, 10)]:
        logits = by_hand.step([normalizer(batch.frames[:, :, start:stop])])
        losses.append(bce(logits, batch.frame_labels[:, start:stop].any(1).float()))
        losses[-1].backward()
    assert updater.updates == 1 and len(updater.losses) == 3
    assert float(output.loss) == pytest.approx(sum(float(loss.detach()) for loss in losses) / 3, abs=1e-6)
    assert_same(gradients(model), gradients(by_hand))


def test_without_train_together_each_step_makes_an_update(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    cfg = tiny_cfg(PGT__TRAIN_TOGETHER=False)
    run(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater)
    assert updater.updates == cfg.PGT.STEPS == 3


def test_full_tbptt_equals_backpropagation_through_all_steps(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    cfg = tiny_cfg(PGT__TBPTT_STEPS=3, PGT__CACHE="avg")
    batch = make_batch(cfg.DATA.NUM_FRAMES)
    model, _ = run(cfg, batch, updater)
    assert len(updater.losses) == 1
    torch.manual_seed(1)
    by_hand = build_model(cfg).train()
    by_hand.truncate_memory(False)
    normalizer, targets = Normalizer.from_cfg(cfg), step_targets(batch, StepSchedule(4, 1, 3))
    total = sum(
        bce(by_hand.step([normalizer(batch.frames[:, :, start:stop])]), target.labels)
        for (start, stop), target in zip([(0, 4), (4, 7), (7, 10)], targets, strict=True)
    )
    total.backward()  # type: ignore[union-attr]
    assert_same(gradients(model), gradients(by_hand))


def test_gradients_flow_through_as_many_steps_as_asked_for(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    found = []
    for depth in (1, 2, 4):
        cfg = tiny_cfg(PGT__STEPS=4, PGT__TBPTT_STEPS=depth, PGT__CACHE="avg")
        model, _ = run(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater)
        found.append(gradients(model)["s1.pathway0_stem.conv.weight"])
    assert [len(found), len(updater.losses)] == [3, 4 + 2 + 1]
    assert not torch.allclose(found[0], found[1]) and not torch.allclose(found[1], found[2])


def test_truncate_grad_is_the_original_name_for_full_backpropagation(tiny_cfg: Callable[..., Any]) -> None:
    assert tiny_cfg(PGT__TRUNCATE_GRAD=True).PGT.TBPTT_STEPS == 3


def test_steps_share_out_the_labels_of_their_own_frames(make_batch: Callable[..., Any]) -> None:
    batch = make_batch(10)
    targets = torch.stack([target.labels for target in step_targets(batch, StepSchedule(4, 1, 3))])
    assert torch.equal(targets.amax(0), batch.labels)
    assert torch.equal(targets[1], batch.frame_labels[:, 4:7].any(1).float())


def test_two_pathways_train_a_gradient_into_every_parameter(
    tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any], updater: Any
) -> None:
    cfg = tiny_cfg(slowfast=True)
    model, output = run(cfg, make_batch(cfg.DATA.NUM_FRAMES), updater)
    assert torch.isfinite(output.loss)
    assert gradients(model).keys() == dict(model.named_parameters()).keys()


def test_forward_only_moves_batch_norms_as_training_does(tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]) -> None:
    cfg = tiny_cfg(BN__NORM_TYPE="batchnorm")
    model = build_model(cfg).train()
    with torch.no_grad():
        ProgressiveTrainStep.from_cfg(cfg).forward_only(model, make_batch(cfg.DATA.NUM_FRAMES))
    counted = {int(value) for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
    assert counted == {cfg.PGT.STEPS}
