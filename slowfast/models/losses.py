"""Losses: scores (B, K) and labels in, the mean over the batch (and, for binary ones, the classes) out."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from slowfast.config import CfgNode
from slowfast.errors import UserError

Loss = Callable[[Tensor, Tensor], Tensor]


class LabelError(UserError, ValueError):
    """Labels that the chosen loss cannot use."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """labels int64 (B,): the class of each sample."""
    if labels.is_floating_point() or labels.ndim != 1:
        raise LabelError(
            f"MODEL.LOSS_FUNC cross_entropy takes one class number a sample, not labels of {_describe(labels)}; "
            "for several labels a sample use bce_logit, for shares of classes soft_cross_entropy"
        )
    return F.cross_entropy(logits, labels)


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """labels float (B, K), at least 0: shares of the classes, scaled here to sum to 1. A row of zeros adds nothing."""
    _check_dense("soft_cross_entropy", logits, labels)
    shares = labels / labels.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float32).eps)
    return F.cross_entropy(logits, shares)


def bce(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of probabilities in [0, 1], for heads that activate in training too; labels float (B, K)."""
    _check_dense("bce", probabilities, labels)
    with torch.autocast(probabilities.device.type, enabled=False):  # half precision cannot tell 1 - p from 1
        return F.binary_cross_entropy(probabilities.float(), labels.float())


def bce_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy; labels float (B, K), 0 or 1."""
    _check_dense("bce_logit", logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels)


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "soft_cross_entropy": soft_cross_entropy,
    "bce": bce,
    "bce_logit": bce_logit,
}


def build_loss(cfg: CfgNode) -> Loss:
    """The loss of that name. It raises LabelError for labels that it cannot use.

    In detection "bce" has the same value as ever but takes logits, which is exact for small probabilities too.
    """
    if cfg.DETECTION.ENABLE and cfg.MODEL.LOSS_FUNC == "bce":
        return bce_logit
    return LOSSES[cfg.MODEL.LOSS_FUNC]


def _check_dense(name: str, scores: Tensor, labels: Tensor) -> None:
    if not labels.is_floating_point() or labels.shape != scores.shape:
        raise LabelError(
            f"MODEL.LOSS_FUNC {name} takes float labels of shape {tuple(scores.shape)}, one number a class, "
            f"not labels of {_describe(labels)}; for one class number a sample use cross_entropy"
        )


def _describe(labels: Tensor) -> str:
    return f"type {str(labels.dtype).removeprefix('torch.')} and shape {tuple(labels.shape)}"
