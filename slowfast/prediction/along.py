"""Scores along the videos of a data set, as predictions with the weights will have them: what a test tunes their rule on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from torch import nn

from slowfast.datasets import VideoDataset
from slowfast.datasets.sources import FrameSource
from slowfast.engine.contract import Contract, Frames
from slowfast.engine.scores_in_time import ScoresInTime
from slowfast.evaluation.timed import TimedScores
from slowfast.prediction.inputs import Reading, reading_of
from slowfast.prediction.loading import of_run
from slowfast.prediction.predicting import Predictor
from slowfast.runtime import distributed
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.progress import progress_bar

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A video of a data set, which knows how its frames are got. path: as the data set has it, which may be a remote one."""

    name: str
    path: str
    source: FrameSource

    def read(self, frames: Frames, begin: int = 0) -> Reading:
        return reading_of(self.source.open(self.path), frames, begin)


def score_along(
    dataset: VideoDataset, *, contract: Contract, model: nn.Module, place: Place, lanes: int, request: StopRequest
) -> ScoresInTime | None:
    """See `slowfast.engine.testing.AlongVideos`. Processes share the videos out; those that cannot be read are left out, and
    the log says so."""
    rank, world = distributed.rank(), distributed.world_size()
    mine = range(rank, len(dataset.records), world)
    records = [dataset.records[number] for number in mine]
    inputs = [_Recorded(record.video_id, record.path, dataset.source) for record in records]
    if distributed.main_process():
        logger.info(
            "events: %d validation videos are scored along their time, to tune when something is an event (EVENTS.ENABLE False "
            "does without)", len(dataset.records),
        )  # fmt: skip
    rounds = Predictor(of_run(contract, model, place.device), inputs, lanes=lanes, goes_on=True).run()
    found: dict[int, TimedScores] = {}
    failed: list[str] = []
    bar = progress_bar("scoring for events", total=len(inputs), unit="video")
    try:
        advance = next(rounds, None)
        while distributed.largest(int(advance is not None), place.device):  # others have more videos, and ask every time
            distributed.stop_if_asked(request, place.device)
            if advance is not None:
                found |= {mine[number]: prediction.timed for number, prediction in advance.done}
                failed += [reason for _, reason in advance.failed]
                bar.update(len(advance.done) + len(advance.failed))
                advance = next(rounds, None)
    finally:
        bar.close()
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
