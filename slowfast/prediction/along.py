"""Scores along the videos of a data set, as predictions with the weights will have them: what a test tunes their rule on."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from torch import nn

from slowfast.datasets import VideoDataset
from slowfast.engine.contract import Contract
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.evaluation.timed import TimedScores
from slowfast.prediction.inputs import ListedVideo
from slowfast.prediction.loading import of_run
from slowfast.prediction.predicting import Predictor
from slowfast.runtime import distributed
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest

logger = logging.getLogger(__name__)


def score_along(
    dataset: VideoDataset, *, contract: Contract, model: nn.Module, place: Place, lanes: int, request: StopRequest
) -> ScoresInTime | None:
    """See `slowfast.engine.testing.AlongVideos`. Processes share the videos out; those that cannot be read are left out, and
    the log says so."""
    rank, world = distributed.rank(), distributed.world_size()
    mine = range(rank, len(dataset.records), world)
    inputs = [
        ListedVideo(dataset.records[number].video_id, Path(dataset.records[number].path), dataset.source) for number in mine
    ]
    rounds = Predictor(of_run(contract, model, place.device), inputs, lanes=lanes, goes_on=True).run()
    found: dict[int, TimedScores] = {}
    failed: list[str] = []
    try:
        advance = next(rounds, None)
        while distributed.largest(int(advance is not None), place.device):  # others have more videos, and ask every time
            distributed.stop_if_asked(request, place.device)
            if advance is not None:
                found |= {mine[number]: prediction.timed for number, prediction in advance.done}
                failed += [reason for _, reason in advance.failed]
                advance = next(rounds, None)
    finally:
        rounds.close()  # type: ignore[attr-defined]
    parts = distributed.gather_to_main((found, failed))
    if parts is None:
        return None
    scores = {number: timed for part, _ in parts for number, timed in part.items()}
    if unread := [reason for _, part in parts for reason in part]:
        logger.warning(
            "events: %d validation videos that cannot be read are not tuned on (the first: %s)", len(unread), unread[0]
        )
    numbers = sorted(scores)
    return ScoresInTime(numbers=np.array(numbers, dtype=np.int64), scores=[scores[number] for number in numbers])
