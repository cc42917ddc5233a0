"""Losses, against their definitions written out, and the labels that they refuse."""

import pytest
import torch

from slowfast.models.losses import LOSSES, LabelError, build_loss

LOGITS = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
DENSE = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def test_cross_entropy_is_the_mean_surprise_at_the_true_class():
    want = -(LOGITS.log_softmax(1)[0, 2] + LOGITS.log_softmax(1)[1, 0]) / 2
    torch.testing.assert_close(LOSSES["cross_entropy"](LOGITS, torch.tensor([2, 0])), want)


def test_soft_cross_entropy_scales_each_row_of_labels_to_one():
    want = -((LOGITS.log_softmax(1)[0, 0] + LOGITS.log_softmax(1)[0, 2]) / 2 + LOGITS.log_softmax(1)[1, 1]) / 2
    torch.testing.assert_close(LOSSES["soft_cross_entropy"](LOGITS, 3 * DENSE), want)


def test_soft_cross_entropy_of_one_hot_labels_is_cross_entropy():
    labels = torch.tensor([2, 0])
    dense = torch.nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(LOSSES["soft_cross_entropy"](LOGITS, dense), LOSSES["cross_entropy"](LOGITS, labels))


def test_soft_cross_entropy_of_no_labels_is_zero():
    assert LOSSES["soft_cross_entropy"](LOGITS, torch.zeros(2, 3)).item() == 0


def test_both_binary_losses_are_the_mean_over_batch_and_classes():
    p = LOGITS.sigmoid()
    want = -(DENSE * p.log() + (1 - DENSE) * (1 - p).log()).mean()
    torch.testing.assert_close(LOSSES["bce_logit"](LOGITS, DENSE), want)
    torch.testing.assert_close(LOSSES["bce"](p, DENSE), want)


def test_binary_loss_of_probabilities_works_in_mixed_precision():
    with torch.autocast("cpu", torch.bfloat16):
        loss = LOSSES["bce"](LOGITS.sigmoid().bfloat16(), DENSE)
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("name", ["soft_cross_entropy", "bce", "bce_logit"])
@pytest.mark.parametrize("labels", [torch.tensor([2, 0]), DENSE[:, :2], DENSE.long()], ids=["numbers", "narrow", "integers"])
def test_losses_of_dense_labels_refuse_others(name, labels):
    with pytest.raises(LabelError, match=f"{name} takes float labels"):
        LOSSES[name](LOGITS.sigmoid(), labels)


@pytest.mark.parametrize("labels", [DENSE, DENSE.long()])
def test_cross_entropy_refuses_dense_labels(labels):
    with pytest.raises(LabelError, match="one class number a sample"):
        LOSSES["cross_entropy"](LOGITS, labels)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_config_names_the_loss(config, name):
    assert build_loss(config("slow", MODEL__LOSS_FUNC=name)) is LOSSES[name]
