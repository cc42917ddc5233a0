"""What is written of the persons of a video: a table of scores, detections in AVA's format, and boxes on the pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from slowfast.engine.scores_file import write_detections
from slowfast.evaluation.ava import Boxes
from slowfast.prediction.files import Shown
from slowfast.prediction.inputs import DETECTIONS, SCORES, Picture
from slowfast.prediction.panel import BACKGROUND, font, shortened
from slowfast.prediction.persons import PersonScores

COLOURS = ((255, 176, 59), (74, 163, 255), (120, 214, 120), (238, 120, 160), (190, 150, 255), (90, 214, 214))
MOST_ACTIONS = 3
SHOWN_SECONDS = 0.5
"""Before and after its second that a box is drawn."""


def write_person_files(folder: Path, found: PersonScores, shown: Shown) -> None:
    """scores.csv: a row for each box and class; detections.csv: AVA's format, as `tools/eval_ava.py` reads it, all digits."""
    with (folder / SCORES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["second", "x1", "y1", "x2", "y2", "class", "score"])
        writer.writerows(_rows(found, shown))
    classes = np.array(shown.classes, dtype=np.int64)
    detections = Boxes(
        video=np.zeros(len(found.seconds) * len(classes), np.int64),
        second=np.repeat(found.seconds, len(classes)),
        box=np.repeat(found.boxes, len(classes), axis=0),
        label=np.tile(classes + 1, len(found.seconds)),
        score=found.scores[:, classes].ravel(),
    )
    write_detections(folder / DETECTIONS, detections, videos=[found.name])


def _rows(found: PersonScores, shown: Shown) -> Iterator[list[str]]:
    for second, box, scores in zip(found.seconds.tolist(), found.boxes.tolist(), found.scores, strict=True):
        place = [str(second), *(f"{value:.6g}" for value in box)]
        for number in shown.best(scores):
            yield [*place, found.classes[number], f"{scores[number]:.6g}"]


class BoxDrawing:
    """Draws the boxes of the second nearest to a picture, with their best actions. See `slowfast.prediction.annotated`."""

    height = 0

    def __init__(self, found: PersonScores, *, width: int, shown: Shown) -> None:
        self._found, self._width = found, width
        self._shown = Shown(shown.classes, min(shown.top or MOST_ACTIONS, MOST_ACTIONS))
        self._line = max(11, round(width / 48))
        self._font = font(round(self._line * 0.8))
        self._seconds = np.unique(found.seconds)

    def draw(self, picture: Picture, second: float) -> Picture:
        """The same picture where no box is near."""
        rows = self._rows_at(second + self._found.start)
        if not len(rows):
            return picture
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image, "RGBA")
        height, width = picture.shape[:2]
        for place, row in enumerate(rows.tolist()):
            x1, y1, x2, y2 = (self._found.boxes[row].clip(0, 1) * (width, height, width, height)).round().astype(int).tolist()
            colour = COLOURS[place % len(COLOURS)]
            draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=max(2, self._width // 320))
            self._write(draw, (x1, y1), row, colour, (width, height))
        return np.asarray(image)

    def _rows_at(self, second: float) -> NDArray[np.int64]:
        nobody = np.zeros(0, np.int64)
        if not len(self._seconds):
            return nobody
        nearest = self._seconds[np.abs(self._seconds - second).argmin()]
        return np.flatnonzero(self._found.seconds == nearest) if abs(nearest - second) <= SHOWN_SECONDS else nobody

    def _write(
        self,
        draw: ImageDraw.ImageDraw,
        corner: tuple[int, int],
        row: int,
        colour: tuple[int, int, int],
        size: tuple[int, int],
    ) -> None:
        """Actions and scores, in the upper corner of the box, moved where they would leave the picture."""
        (x, y), (width, height), scores = corner, size, self._found.scores[row]
        lines = [
            f"{shortened(self._found.classes[number], self._font, width * 0.4)}  {scores[number]:.2f}"
            for number in self._shown.best(scores)
        ]
        wide = round(max(self._font.getlength(line) for line in lines)) + self._line // 2
        x, y = max(0, min(x, width - wide)), max(0, min(y, height - len(lines) * self._line))
        draw.rectangle((x, y, x + wide, y + len(lines) * self._line), fill=(*BACKGROUND, 190))
        for number, line in enumerate(lines):
            draw.text((x + self._line // 4, y + (number + 0.5) * self._line), line, fill=colour, font=self._font, anchor="lm")
