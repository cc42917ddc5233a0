"""Scores as files that other programs read (`TEST.SAVE_RESULTS_PATH`): of every video, or of detections in AVA's format."""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from slowfast.evaluation import VideoScores
from slowfast.evaluation.ava import Boxes
from slowfast.runtime.atomic_files import atomic_write


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredVideos:
    """What a file holds of a test. method: how the views of a video were joined, "sum" or "max"."""

    video_ids: Sequence[str]
    class_names: Sequence[str]
    joined: VideoScores
    method: str

    @property
    def scores(self) -> NDArray[np.float32]:
        """float32 (V, K): the mean over the views of a video, or their maximum; NaN for videos without a view."""
        if self.method == "max":
            return self.joined.scores
        counts = np.maximum(self.joined.view_counts, 1).astype(np.float32)
        return np.divide(self.joined.scores, counts[:, None], dtype=np.float32)


def write_scores(path: Path, videos: ScoredVideos) -> None:
    """Writes what the file's ending says; see the option. Raises KeyError for endings that the config does not take."""
    content = _WRITERS[path.suffix.lower()](videos)
    with atomic_write(path) as beside:
        beside.write_bytes(content)


def _pickle(videos: ScoredVideos) -> bytes:
    """PySlowFast's file: a list of two tensors on the CPU, float32 (V, K) with the sums (or maxima) over views, zeros for
    videos without one, and the labels, int64 (V,) or float32 (V, K)."""
    labels = torch.from_numpy(np.asarray(videos.joined.labels))
    scores = torch.from_numpy(np.nan_to_num(videos.joined.scores, nan=0.0))
    content: bytes = pickle.dumps([scores, labels.long() if labels.ndim == 1 else labels.float()])
    return content


def _archive(videos: ScoredVideos) -> bytes:
    """NumPy's archive: video_ids (V,), class_names (K,), scores (V, K), labels (V,) or (V, K), view_counts (V,)."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "video_ids": np.array(videos.video_ids, dtype=str),
        "class_names": np.array(videos.class_names, dtype=str),
        "scores": videos.scores,
        "labels": videos.joined.labels,
        "view_counts": videos.joined.view_counts,
    }
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _table(videos: ScoredVideos) -> bytes:
    """A row a video: its name, the numbers of its classes with blanks between them, its views, and a score a class; scores of
    videos without a view are empty."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["video", "labels", "views", *videos.class_names])
    rows = zip(videos.video_ids, videos.joined.labels, videos.joined.view_counts, videos.scores, strict=True)
    for name, label, views, scores in rows:
        numbers = [label] if np.ndim(label) == 0 else np.flatnonzero(label)
        cells = [f"{score:.6g}" for score in scores] if views else [""] * len(scores)
        writer.writerow([name, " ".join(str(int(number)) for number in numbers), int(views), *cells])
    return buffer.getvalue().encode("utf-8")


_WRITERS: dict[str, Callable[[ScoredVideos], bytes]] = {".pkl": _pickle, ".npz": _archive, ".csv": _table}


def write_detections(path: Path, detections: Boxes, *, videos: Sequence[str]) -> None:
    """Rows `video,second,x1,y1,x2,y2,label,score`. videos: their names, by number.

    Nothing is lost: boxes are written as they were read, scores with all digits of a float32. The usual three and four decimals
    would make equal what was not, and so change the order that average precision goes by.
    """
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_rows(detections, videos))


def _rows(detections: Boxes, videos: Sequence[str]) -> Iterator[tuple[str | int | float, ...]]:
    assert detections.score is not None
    columns = (detections.video, detections.second, detections.box, detections.label, detections.score)
    for video, second, box, label, score in zip(*(column.tolist() for column in columns), strict=True):
        yield (videos[video], f"{second:04d}", *box, label, f"{score:.9g}")
