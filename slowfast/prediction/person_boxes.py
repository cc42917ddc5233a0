"""Where the persons of a video are, second by second: in a file of boxes, or by a detector.

N persons at a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowfast.annotations.ava import CORNERS, GIVEN_BOXES, AvaFileError, read_rows
from slowfast.datasets.decoding import decode_frames
from slowfast.datasets.frame_folder import read_picture
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import FolderOfPictures, Input, Picture, VideoFile
from slowfast.preparation.persons import FindPersons, as_fractions

Corners = NDArray[np.float64]
"""(N, 4): x1 y1 x2 y2 in fractions of the picture."""


class BoxSource(Protocol):
    def looks(self, given: Input, done: int) -> Iterator[tuple[int, Corners]]:
        """(second, persons), which may be nobody; seconds rise. done: so many are left out, from the first on. Raises
        DecodeError."""


@dataclass(frozen=True, slots=True)
class BoxFile:
    """tables: by name of the input, with the columns `second` and CORNERS, each box once, sorted by second. left_out: which
    boxes of the file are in none of them, in words; empty: all are."""

    tables: dict[str, pd.DataFrame]
    left_out: str

    @classmethod
    def read(cls, path: Path, inputs: Sequence[Input], *, least: float, start: int) -> BoxFile:
        """least: score of a box that counts; those without one do. start: the second that videos begin with. Raises
        PredictionError for a file that is none, and where it has no box for any of the inputs."""
        names = {each.name: number for number, each in enumerate(inputs)}
        numbers = dict(names)
        parts, weak = [], 0
        try:
            for rows in read_rows(path, GIVEN_BOXES, numbers):
                columns = {name: rows.columns[name] for name in CORNERS}
                table = pd.DataFrame({"video": rows.video, "second": rows.columns["second"].astype(np.int64), **columns})
                is_weak = rows.columns["score"] < least
                weak += int(is_weak.sum())
                parts.append(table[~is_weak])
        except AvaFileError as error:
            raise PredictionError(str(error)) from None
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["video", "second", *CORNERS])
        there, before = table["video"] < len(names), table["second"] < start
        if not (there & ~before).any():
            raise PredictionError(
                f"{path}: none of its {len(table)} boxes with a score of {least:g} or more is of one of the inputs: "
                f"{int((~there).sum())} are of other videos, {int((there & before).sum())} of seconds before {start}, with "
                f"which videos begin (--start-second); right would be rows such as {inputs[0].name},{start + 1},0.1,0.2,0.4,0.9"
            )
        counts = (
            (int((~there).sum()), "of videos that are no inputs"),
            (int((there & before).sum()), f"of seconds before {start} (--start-second)"),
            (weak, f"with a score below {least:g} (--threshold)"),
        )
        left_out = ", ".join(f"{count} {what}" for count, what in counts if count)
        table = table[there & ~before].drop_duplicates().sort_values("second", kind="stable")
        return cls({name: table[table["video"] == number] for name, number in names.items()}, left_out)

    def looks(self, given: Input, done: int) -> Iterator[tuple[int, Corners]]:
        for second, rows in list(self.tables[given.name].groupby("second"))[done:]:
            yield int(str(second)), rows[list(CORNERS)].to_numpy(np.float64)


@dataclass(frozen=True, slots=True)
class DetectedBoxes:
    """find: finds persons in a picture. least: score of a person that counts. start: the second that videos begin with. fps:
    frames a second of the grid that videos are seen on, as `tools/detect_persons.py` takes them."""

    find: FindPersons
    least: float
    start: int
    fps: int

    def looks(self, given: Input, done: int) -> Iterator[tuple[int, Corners]]:
        for second, picture in self._pictures(given, done):
            yield self.start + second, as_fractions(self.find(picture), picture, self.least)[:, :4]

    def _pictures(self, given: Input, done: int) -> Iterator[tuple[int, Picture]]:
        """One at a time: those of a long video need not be in memory together."""
        if isinstance(given, VideoFile):
            path = str(given.path)
            index = given.files.index(path)
            for second in range(done, math.ceil(index.grid_length(self.fps) / self.fps)):
                yield second, decode_frames(path, index, index.on_grid(np.array([second * self.fps]), self.fps))[0]
            return
        assert isinstance(given, FolderOfPictures)
        names = list(given.source().files(str(given.path)))
        for second in range(done, math.ceil(len(names) / self.fps)):
            yield second, read_picture(names[second * self.fps])
