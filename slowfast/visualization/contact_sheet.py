"""A contact sheet: clips as a network sees them, a row each, with the parts it reads them in and what is true in each part.

T frames of a clip, S parts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from numpy.typing import NDArray

from slowfast.visualization.canvas import FAINT, GREY, INK, ORANGE, SKY, DrawingError, bare, figure

MAX_PICTURES, MAX_PARTS = 16, 16
_WIDTH, _MARGIN, _HEAD, _ROW_HEAD, _BRACKET, _LINE, _ROW_GAP = 12.0, 0.3, 0.55, 0.28, 0.3, 0.15, 0.25
_PART_GAP, _PICTURE_GAP, _TALLEST = 0.14, 0.03, 1.9
_LETTERS_AN_INCH = 17.0
_MAX_LINES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """One clip.

    pictures: uint8 (T, H, W, 3), RGB. times: (T,), seconds. parts: S ranges [start, stop) of its frames. labels: for each part
    the names of what is on there, or one entry for the whole clip. note: said behind the name. boxes: (R, 4), x1 y1 x2 y2 in
    pixels, by the frame they belong to; such frames are always shown.
    """

    name: str
    pictures: NDArray[np.uint8]
    times: NDArray[np.floating]
    parts: tuple[tuple[int, int], ...]
    labels: tuple[tuple[str, ...], ...]
    note: str = ""
    boxes: Mapping[int, NDArray[np.floating]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pictures.ndim != 4 or len(self.pictures) != len(self.times):
            raise DrawingError(f"{self.name}: pictures have the shape {self.pictures.shape}; right would be (T, H, W, 3)")
        if not self.parts or any(not 0 <= start < stop <= len(self.times) for start, stop in self.parts):
            raise DrawingError(f"{self.name}: parts {self.parts} are no ranges of {len(self.times)} frames")
        if len(self.labels) not in (1, len(self.parts)):
            raise DrawingError(f"{self.name}: {len(self.labels)} labels; right would be 1 or {len(self.parts)}")


def draw_contact_sheet(rows: Sequence[ContactRow], path: str | Path, *, title: str = "") -> None:
    """Draws the rows below each other into the PNG file `path`; of long clips, some frames of each part."""
    layouts = [_Layout.of(row) for row in rows]
    height = _HEAD + sum(layout.height + _ROW_GAP for layout in layouts)
    with figure(path, width=_WIDTH, height=height) as canvas:
        # Data coordinates are inches from the top left corner.
        axes = canvas.add_axes((0, 0, 1, 1))
        bare(axes)
        axes.text(_MARGIN, 0.3, title, fontsize=12, fontweight="bold", va="center")
        top = _HEAD
        for row, layout in zip(rows, layouts, strict=True):
            _draw_row(axes, row, layout, top)
            top += layout.height + _ROW_GAP
        axes.set(xlim=(0, _WIDTH), ylim=(height, 0), xticks=[], yticks=[], aspect="auto")


def choose_frames(parts: Sequence[tuple[int, int]], most: int, *, needed: Collection[int] = ()) -> list[list[int]]:
    """For each part, frames spread evenly from its first to its last; `most` in all, but one of each part at least. A frame
    that is `needed` takes the place of the one chosen nearest to it."""
    share = max(1, most // len(parts))
    chosen = []
    for start, stop in parts:
        frames = np.linspace(start, stop - 1, min(share, stop - start)).round().astype(int)
        for frame in needed:
            if start <= frame < stop:
                frames[np.abs(frames - frame).argmin()] = frame
        chosen.append(frames.tolist())
    return chosen


def choose_parts(num_parts: int, most: int) -> list[int]:
    """Numbers of the parts that are shown: all, or `most` of them spread evenly, the first and the last among them."""
    if num_parts <= most:
        return list(range(num_parts))
    return [round(number * (num_parts - 1) / (most - 1)) for number in range(most)]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes in inches. shown: the parts that are drawn; frames: the frames of each of them; texts: the lines below each."""

    shown: list[int]
    frames: list[list[int]]
    texts: list[list[str]]
    picture: tuple[float, float]  # width, height

    @classmethod
    def of(cls, row: ContactRow) -> _Layout:
        shown = choose_parts(len(row.parts), MAX_PARTS)
        frames = choose_frames([row.parts[part] for part in shown], MAX_PICTURES, needed=row.boxes)
        slots = sum(map(len, frames))
        room = _WIDTH - 2 * _MARGIN - _PART_GAP * (len(shown) - 1) - _PICTURE_GAP * (slots - len(shown))
        aspect = row.pictures.shape[2] / row.pictures.shape[1]
        width = min(room / slots, _TALLEST * aspect)
        layout = cls(shown, frames, [], (width, width / aspect))
        for number, part in enumerate(shown):
            whole = len(row.labels) == 1
            names = row.labels[0] if whole else row.labels[part]
            layout.texts.append(_wrap(names, layout.part_width(number)) if not (whole and len(row.parts) > 1) else [])
        return layout

    @property
    def height(self) -> float:
        return _ROW_HEAD + self.picture[1] + _BRACKET + _LINE * max(map(len, self.texts))

    def part_width(self, number: int) -> float:
        count = len(self.frames[number])
        return count * self.picture[0] + (count - 1) * _PICTURE_GAP


def _wrap(names: tuple[str, ...], width: float) -> list[str]:
    """Lines that fit below a part; what does not fit is cut."""
    letters = max(6, int(width * _LETTERS_AN_INCH))
    lines = textwrap.wrap(", ".join(names) or "–", letters, max_lines=_MAX_LINES, placeholder=" …")
    return lines or ["–"]


def _draw_row(axes: Axes, row: ContactRow, layout: _Layout, top: float) -> None:
    heading = axes.annotate(row.name, (_MARGIN, top + 0.1), fontsize=10, fontweight="bold", va="center")
    if len(row.labels) == 1 and len(row.parts) > 1:
        heading = _say_behind(axes, heading, ", ".join(row.labels[0]) or "no label", colour=INK)
    said = [f"{row.times[0]:.1f} – {row.times[-1]:.1f} s", f"{len(row.times)} frames", *([row.note] if row.note else [])]
    if len(layout.shown) < len(row.parts):
        said.append(f"{len(layout.shown)} of {len(row.parts)} steps are shown")
    repeats = int((np.diff(row.times) == 0).sum())
    if repeats:
        said.append(f"{repeats} of them repeat the one before")
    _say_behind(axes, heading, "   ·   ".join(said), colour=GREY)
    width, height = layout.picture
    left, upper = _MARGIN, top + _ROW_HEAD
    for number, part in enumerate(layout.shown):
        begin = left
        for frame in layout.frames[number]:
            extent = (left, left + width, upper + height, upper)
            axes.imshow(row.pictures[frame], extent=extent, aspect="auto", interpolation="antialiased")
            for box in row.boxes.get(frame, ()):
                _draw_box(axes, box * width / row.pictures.shape[2], left, upper)
            left += width + _PICTURE_GAP
        left -= _PICTURE_GAP
        _draw_bracket(axes, row, part, begin, left, upper + height)
        for line, text in enumerate(layout.texts[number]):
            axes.text(begin, upper + height + _BRACKET + _LINE * (line + 0.5), text, fontsize=8, color=INK, va="center")
        if number:
            middle = begin - _PART_GAP / 2
            axes.plot([middle, middle], [upper - 0.04, upper + height + _BRACKET], color=FAINT, linewidth=1.2)
        left += _PART_GAP


def _say_behind(axes: Axes, text: Annotation, more: str, *, colour: str) -> Annotation:
    return axes.annotate(
        more, (1, 0.5), xycoords=text, xytext=(10, 0), textcoords="offset points", va="center", fontsize=9, color=colour
    )


def _draw_box(axes: Axes, box: NDArray[np.floating], left: float, upper: float) -> None:
    """A box in inches from the top left corner of its picture."""
    x1, y1, x2, y2 = box.tolist()
    axes.add_patch(Rectangle((left + x1, upper + y1), x2 - x1, y2 - y1, fill=False, edgecolor=SKY, linewidth=1.4))


def _draw_bracket(axes: Axes, row: ContactRow, part: int, begin: float, end: float, bottom: float) -> None:
    """Below the pictures of a part: its number and when it begins."""
    axes.plot(
        [begin, begin, end, end], [bottom + 0.04, bottom + 0.08, bottom + 0.08, bottom + 0.04], color=ORANGE, linewidth=1.2
    )
    start, _ = row.parts[part]
    named = f"step {part}" if len(row.parts) > 1 else "one pass"
    axes.text(begin, bottom + 0.18, f"{named}   {row.times[start]:.1f} s", fontsize=8, color=GREY, va="center")
