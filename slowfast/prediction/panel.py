"""What is drawn below the pictures of an annotated video: classes over time, running past a line that stands for now.

K classes, R rows, S windows.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from slowfast.prediction.results import Prediction

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

MOST_ROWS = 6
SECONDS_SHOWN = 20.0
"""Of time, from the left edge to the right one; now is in the middle."""

BACKGROUND, RULE, INK, FAINT = (18, 22, 28), (255, 255, 255), (235, 238, 242), (140, 148, 158)
LOW, HIGH, EVENT = (30, 38, 48), (74, 163, 255), (255, 176, 59)
NAMES_SHARE = 0.27
"""Of the width, for the names of classes."""


class Panel:
    """Draws the panel of one prediction at any second.

    Rows are the classes with events, those that last longest first, then those with the highest scores; MOST_ROWS at most. A
    row's brightness is the score, a bar above it an event.
    """

    def __init__(
        self, prediction: Prediction, *, width: int, chosen: tuple[int, ...], rows: tuple[int, ...] | None = None
    ) -> None:
        """width: of the pictures, even. chosen: numbers of the classes that may be shown. rows: those that are, instead."""
        self._prediction, self.width = prediction, width
        self._rows = prediction.leading(chosen, MOST_ROWS) if rows is None else list(rows)
        self._line = max(12, round(width / 36))
        self.height = (len(self._rows) * self._line + self._line * 3 // 2) // 2 * 2
        self._left = round(width * NAMES_SHARE)
        self._font = font(round(self._line * 0.62))
        self._blank = self._names()
        self._strip, self._scale = self._whole_strip()

    def draw(self, picture: Picture, second: float) -> Picture:
        """The picture with the panel below it."""
        return np.concatenate([picture, self.at(second)])

    def at(self, second: float) -> Picture:
        """uint8 (height, width, 3), RGB."""
        panel = self._blank.copy()
        room = self.width - self._left
        first = round((second - SECONDS_SHOWN / 2) * self._scale) + self._pad
        panel[: self._strip.shape[0], self._left :] = self._strip[:, first : first + room]
        middle = self._left + room // 2
        panel[: len(self._rows) * self._line, middle - 1 : middle + 1] = RULE
        image = Image.fromarray(panel)
        draw = ImageDraw.Draw(image)
        text = f"{int(second // 3600)}:{int(second // 60) % 60:02d}:{second % 60:04.1f}"
        draw.text((middle, panel.shape[0] - self._line * 0.75), text, fill=INK, font=self._font, anchor="mm")
        now = self._now(second)
        for number, score in now.items():
            place = (self._left - self._line // 3, (self._rows.index(number) + 0.5) * self._line)
            draw.text(
                place, f"{score:.2f}", fill=FAINT if score < self._threshold(number) else EVENT, font=self._font, anchor="rm"
            )
        return np.asarray(image)

    def _now(self, second: float) -> dict[int, float]:
        scores = self._prediction.timed.at(np.array([second]))[0]
        return {number: float(scores[number]) for number in self._rows}

    def _threshold(self, number: int) -> float:
        return float(self._prediction.rule.threshold[number])

    def _names(self) -> Picture:
        image = Image.new("RGB", (self.width, self.height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        room = self._left - self._line * 3
        for row, number in enumerate(self._rows):
            name = shortened(self._prediction.classes[number], self._font, room)
            draw.text((self._line // 3, (row + 0.5) * self._line), name, fill=INK, font=self._font, anchor="lm")
        return np.asarray(image).copy()

    def _whole_strip(self) -> tuple[Picture, float]:
        """The rows over all of the video, with half a panel of nothing at either end, and pixels a second."""
        room = self.width - self._left
        scale = room / SECONDS_SHOWN
        self._pad = room // 2 + 1
        long = round(self._prediction.duration * scale)
        strip = np.full((len(self._rows) * self._line, long + 2 * self._pad + room, 3), BACKGROUND, np.uint8)
        low, high = np.array(LOW, float), np.array(HIGH, float)
        gap = max(1, self._line // 10)
        for (start, end), scores in zip(self._prediction.seconds.tolist(), self._prediction.scores, strict=True):
            begin, stop = (self._pad + round(second * scale) for second in (start, end))
            for row, number in enumerate(self._rows):
                share = float(np.clip(scores[number], 0, 1))
                top = row * self._line
                strip[top + gap : top + self._line - gap, begin:stop] = np.round(low + (high - low) * share)
        events = self._prediction.listed.events
        for start, end, label in zip(events.start.tolist(), events.end.tolist(), events.label.tolist(), strict=True):
            if label in self._rows:
                top = self._rows.index(label) * self._line
                begin, stop = (self._pad + round(second * scale) for second in (start, end))
                strip[top + gap : top + gap + max(2, self._line // 6), begin:stop] = EVENT
        return strip, scale


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu, which has letters of many scripts, where matplotlib has brought it; else what Pillow brings."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def shortened(text: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than the room."""
    if letters.getlength(text) <= room:
        return text
    while text and letters.getlength(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"
