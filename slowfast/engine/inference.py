"""The evaluation loop, for validation and tests alike: every clip once, joined to one row of scores a video."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from slowfast.engine import distributed
from slowfast.engine.logging import console_is_terminal
from slowfast.engine.steps import EvalStep
from slowfast.evaluation import VideoScores, ViewEnsemble, multilabel_map, topk_correct
from slowfast.structures import ClipBatch

logger = logging.getLogger(__name__)


class EvalLoader(Protocol):
    """Each clip of a data set once, on one of the processes."""

    dataset: Any

    def __len__(self) -> int: ...

    def batches(self, epoch: int, start: int = 0) -> Iterator[ClipBatch]: ...


@dataclass(frozen=True, slots=True)
class Metrics:
    """values: figures in percent, by name. per_class_ap: (K,) in [0, 1], NaN for classes without a positive, or None."""

    values: dict[str, float]
    per_class_ap: NDArray[np.float64] | None = field(default=None)


def score_videos(
    *, model: nn.Module, step: EvalStep, loader: EvalLoader, device: torch.device, method: str
) -> VideoScores | None:
    """Scores every video of the loader's data set; `method`, "sum" or "max", joins its views.

    Runs on all processes and returns the scores on the main one, None on the others. Leaves the model in evaluation mode.
    """
    dataset = loader.dataset
    ensemble = ViewEnsemble(
        num_videos=len(dataset.records), num_views=dataset.num_views, num_classes=dataset.num_classes, method=method
    )
    quiet = not (distributed.main_process() and console_is_terminal())
    model.eval()
    with torch.no_grad():
        for batch in tqdm(loader.batches(0), desc="evaluating", total=len(loader), leave=False, disable=quiet):
            scores = step(model, batch.to(device)).scores
            ensemble.add(batch.videos.numpy(), batch.views.numpy(), scores.float().cpu().numpy(), batch.labels.numpy())
    parts = distributed.gather_to_main(ensemble)
    if parts is None:
        return None
    for other in parts[1:]:
        parts[0].merge(other)
    result: VideoScores = parts[0].result()
    return result


def measure(scores: VideoScores, *, multi_label: bool, class_groups: Mapping[str, tuple[int, ...]] | None = None) -> Metrics:
    """mAP with several labels a video (of all classes, and of each group), else top-1 and top-5 accuracy.

    Videos without any score do not count, nor do classes without a positive.
    """
    scored = scores.view_counts > 0
    if not scored.all():
        logger.warning("%d of %d videos have no scores and do not count", (~scored).sum(), len(scored))
    rows, labels = scores.scores[scored], scores.labels[scored]
    if multi_label:
        mean_ap, per_class_ap = multilabel_map(rows, labels)
        groups = {f"mAP_{name}": _mean(per_class_ap[list(classes)]) for name, classes in (class_groups or {}).items()}
        return Metrics({name: 100 * value for name, value in {"mAP": mean_ap, **groups}.items()}, per_class_ap)
    top1, top5 = topk_correct(rows, labels, (1, 5))
    return Metrics({"top1_acc": 100 * top1 / len(rows), "top5_acc": 100 * top5 / len(rows)})


def _mean(per_class_ap: NDArray[np.float64]) -> float:
    """The mean over classes that have one; NaN when none has."""
    defined = per_class_ap[~np.isnan(per_class_ap)]
    return float(defined.mean()) if len(defined) else float("nan")
