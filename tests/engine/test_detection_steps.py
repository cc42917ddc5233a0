"""Training and scoring of persons: which rows count, and what happens without any."""

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from slowfast.config import ConfigError
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.engine.updater import Updater
from tests.engine.detection_toys import BoxNet, detection_batch, detection_config, eval_step, keyframes, train_step
from tests.engine.engine_toys import NORMALIZER, toy_batch


def updater_of(model: torch.nn.Module, rate: float = 0.1) -> Updater:
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=rate, weight_decay=0.1)
    return Updater(parameters=parameters, optimizer=optimizer, device=torch.device("cpu"))


def batch_with_others():
    """Two clips; of four persons those of rows 0 and 3 stand at the clips' own moments."""
    rows = [(0, (0, 902, 0)), (0, (0, 901, 0)), (1, (1, 903, 1)), (1, (1, 904, 0))]
    return dataclasses.replace(toy_batch([(0, 0), (1, 0)]), keyframes=keyframes(rows, main=[True, False, False, True]))


def test_loss_is_that_of_the_persons_at_the_clips_own_moments() -> None:
    model, batch = BoxNet(), batch_with_others()
    persons = batch.keyframes
    with torch.no_grad():
        logits = model([NORMALIZER(batch.frames)], persons.rois())[[0, 3]]
    output = train_step()(model, batch, updater_of(model))
    assert torch.allclose(output.loss, F.binary_cross_entropy(logits.sigmoid(), persons.labels[[0, 3]]))


def test_scores_stand_beside_the_persons_they_belong_to() -> None:
    model, batch = BoxNet().eval(), batch_with_others()
    output = eval_step()(model, batch)
    assert output.keyframes.seconds.tolist() == [902, 904]
    alone = eval_step()(model, detection_batch([(1, 904, 1)]))
    assert output.scores.shape == (2, 4)
    assert not torch.allclose(output.scores[0], output.scores[1])
    assert alone.keyframes.videos.tolist() == [1]


def test_a_batch_without_persons_has_no_loss_and_zero_gradients() -> None:
    """The weights decay, as on every process of a run of several."""
    model, batch = BoxNet(), detection_batch([(0, 902, 0), (1, 902, 0)])
    before = [parameter.detach().clone() for parameter in model.parameters()]
    output = train_step()(model, batch, updater_of(model))
    assert output.loss.item() == 0
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.allclose(new, old * (1 - 0.1 * 0.1))
    assert eval_step()(model.eval(), batch).scores.shape == (0, 4)


def test_norms_see_what_training_shows_them() -> None:
    seen = []
    model = BoxNet()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    train_step()(model, batch_with_others(), updater_of(model))
    train_step().forward_only(model, batch_with_others())
    (trained, trained_rois), (forwarded, forwarded_rois) = seen
    assert torch.equal(trained[0], forwarded[0])
    assert torch.equal(trained_rois, forwarded_rois)


def test_config_of_detection_gets_steps_that_pass_boxes(tmp_path: Path) -> None:
    cfg = detection_config(tmp_path)
    model = BoxNet()
    build_train_step(cfg)(model, batch_with_others(), updater_of(model))
    assert build_eval_step(cfg)(model.eval(), batch_with_others()).scores.shape == (2, 4)


def test_data_without_persons_is_refused() -> None:
    model = BoxNet()
    with pytest.raises(ConfigError, match=r"DETECTION.ENABLE = True: .*no boxes of persons"):
        train_step()(model, toy_batch([(0, 0)]), updater_of(model))


def test_an_update_without_any_gradient_changes_nothing() -> None:
    model = BoxNet()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    updater_of(model).apply()
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
