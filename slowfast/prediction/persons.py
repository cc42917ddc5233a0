"""What persons do at every second at which boxes say where they are, scored as a test scores them.

N boxes, K classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from slowfast.annotations.ava import CORNERS, NO_END, AvaTimes
from slowfast.datasets import build_loader
from slowfast.datasets.ava.box_lists import persons_of
from slowfast.datasets.ava.build import rules_of
from slowfast.datasets.ava.dataset import AvaDataset
from slowfast.datasets.sources import FrameSource, GridSource
from slowfast.engine.ava_persons import Predictions
from slowfast.engine.compiling import eager
from slowfast.engine.steps import HasMemory
from slowfast.models.folding import norms_folded
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import FolderOfPictures, Input, VideoFile
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.person_boxes import BoxSource
from slowfast.structures import VideoRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScores:
    """name: of the input. start: the second that its first picture shows. seconds: int64 (N,), rising; boxes: float64 (N, 4),
    x1 y1 x2 y2 in fractions of the picture; scores: float32 (N, K), activated."""

    name: str
    classes: tuple[str, ...]
    start: int
    seconds: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]


@dataclass(slots=True)
class Walk:
    """How far an input is done. looks: seconds looked at for persons. found: (second, x1, y1, x2, y2) of each. seen: whether
    all were. batches: that are scored, with what they say in `parts`."""

    looks: int = 0
    found: list[tuple[float, ...]] = field(default_factory=list)
    seen: bool = False
    batches: int = 0
    parts: list[Predictions] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """As tensors and plain containers, for `of_state`."""
        joined = Predictions.join(self.parts, self.parts[0].scores.shape[1] if self.parts else 0)
        scored = {name: torch.from_numpy(getattr(joined, name)) for name in ("keys", "scores", "boxes")}
        found = torch.tensor(self.found, dtype=torch.float64).reshape(-1, 5)
        return {"looks": self.looks, "found": found, "seen": self.seen, "batches": self.batches, "scored": scored}

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Walk:
        scored = Predictions(**{name: tensor.numpy() for name, tensor in state["scored"].items()})
        return cls(
            looks=int(state["looks"]),
            found=[tuple(row) for row in state["found"].tolist()],
            seen=bool(state["seen"]),
            batches=int(state["batches"]),
            parts=[scored] if len(scored.keys) else [],
        )


class PersonPredictor:
    """Takes one input after the other through the network of weights that classify persons."""

    def __init__(self, loaded: LoadedModel, source: BoxSource, *, start: int, batch: int = 1) -> None:
        """start: the second, as boxes count them, that videos begin with. batch: seconds that are scored side by side. Raises
        PredictionError where videos are read whole, so that these follow one another."""
        if batch > 1 and loaded.cfg.DATA.LANE_PIECES:
            raise PredictionError(
                f"batch {batch}: these weights read a video from its beginning to its end and score its seconds one after the "
                "other; right would be nothing said (--batch is for weights that look at clips, and for those without boxes)"
            )
        self._loaded, self._source, self._start, self._batch = loaded, source, start, batch
        self._times = AvaTimes(start=start, first=start, last=NO_END, fps=loaded.cfg.AVA.FPS)

    def run(self, given: Input, walk: Walk) -> Iterator[None]:
        """Step after step to the end of the input; `walk` says how far it is and may be kept at any step, with `memory`. Raises
        DecodeError, PredictionError."""
        if not walk.seen:
            for second, corners in self._source.looks(given, walk.looks):
                walk.found += [(second, *row) for row in corners.tolist()]
                walk.looks += 1
                yield
            walk.seen = True
        if not walk.found:
            return
        loaded = self._loaded
        with (
            build_loader(loaded.cfg, "test", dataset=self._dataset(given, walk), batch_size=self._batch) as loader,
            torch.inference_mode(),
            norms_folded(loaded.model),
            eager(),
        ):
            for batch in loader.batches(0, walk.batches):
                with loaded.precision.autocast(loaded.device):
                    output: Any = loaded.step(loaded.model, batch.to(loaded.device))
                walk.parts.append(Predictions.of(output))
                walk.batches += 1
                yield

    def result(self, given: Input, walk: Walk) -> PersonScores:
        """Of a walk that came to its end. Persons of seconds behind the end of the video are not in it."""
        classes = self._loaded.contract.classes
        found = Predictions.join(walk.parts, len(classes)).detections(range(1, len(classes) + 1))
        assert found.score is not None
        return PersonScores(
            name=given.name,
            classes=classes,
            start=self._start,
            seconds=found.second[:: len(classes)].astype(np.int64),
            boxes=found.box[:: len(classes)],
            scores=found.score.reshape(-1, len(classes)).astype(np.float32),
        )

    def memory(self) -> dict[str, torch.Tensor]:
        step = self._loaded.step
        return step.memory() if isinstance(step, HasMemory) else {}

    def load_memory(self, memory: dict[str, torch.Tensor]) -> None:
        if isinstance(self._loaded.step, HasMemory):
            self._loaded.step.load_memory(memory)

    def _dataset(self, given: Input, walk: Walk) -> AvaDataset:
        cfg, classes = self._loaded.cfg, self._loaded.contract.classes
        source = self._frames_of(given)
        rows = pd.DataFrame(walk.found, columns=["second", *CORNERS]).assign(video=0, label=-1).astype({"second": np.int64})
        length = source.open(str(given.path)).num_frames
        is_behind = self._times.frames(rows["second"].to_numpy()) >= length
        if is_behind.all():
            last = self._start + (length - 1) // self._times.fps
            raise PredictionError(
                f"{given.name}: all of its {len(rows)} boxes are of seconds behind its end, the first of {rows['second'].min()}"
                f"; right would be seconds from {self._start} to {last}, or --start-second with the second it begins with"
            )
        return AvaDataset(
            records=(VideoRecord(video_id=given.name, path=str(given.path), source=str(given.path)),),
            persons=persons_of(rows[~is_behind], len(classes)),
            class_names=classes,
            source=source,
            rules=dataclasses.replace(rules_of(cfg, "test"), times=self._times),
            seed=cfg.RNG_SEED,
            replaces=False,
            one_video_a_batch=True,
        )

    def _frames_of(self, given: Input) -> FrameSource:
        fps = self._times.fps
        if isinstance(given, VideoFile):
            return GridSource(fps, given.files)
        assert isinstance(given, FolderOfPictures)
        if given.fps != fps:
            raise PredictionError(
                f"{given.path}: --fps {given.fps:g}, and these weights look at pictures of which {fps} are a second; right "
                f"would be {fps} of them a second, or the video itself"
            )
        return given.source()
