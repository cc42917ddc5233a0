"""Persons in a picture: who is there, what they do, and what the network says they do."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from slowfast.visualization.canvas import BLUE, GREEN, GREY, INK, ORANGE, SKY, DrawingError, bare, figure

CLEAR_SCORE = 0.5
_COLOURS = (BLUE, ORANGE, GREEN, SKY)
_WIDTH, _MARGIN, _HEAD, _LINE = 7.0, 0.25, 0.4, 0.19
_LETTERS_A_LINE = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedPerson:
    """box: x1 y1 x2 y2 in pixels of the picture. true: what the person does. scores: of classes, by name; empty where the
    network was not asked, as nobody had found the person."""

    box: tuple[float, float, float, float]
    true: tuple[str, ...] = ()
    scores: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One moment. picture: uint8 (H, W, 3), RGB."""

    title: str
    picture: NDArray[np.uint8]
    persons: tuple[BoxedPerson, ...]

    def __post_init__(self) -> None:
        if self.picture.ndim != 3 or self.picture.shape[2] != 3 or self.picture.dtype != np.uint8:
            shape = f"{self.picture.dtype} {self.picture.shape}"
            raise DrawingError(f"{self.title}: the picture is {shape}; right would be uint8 (height, width, 3)")


def draw_scene(scene: Scene, path: str | Path) -> None:
    """Draws the scene into the PNG file `path`: the picture with numbered boxes, and below it a line or two for each person.

    A line tells what is true and which classes have a score of CLEAR_SCORE or more (or the best class, if none has). Persons
    that the network was not asked about have a dashed box.
    """
    lines = [line for number, person in enumerate(scene.persons, start=1) for line in describe(number, person)]
    height, width = scene.picture.shape[:2]
    picture_width = _WIDTH - 2 * _MARGIN
    picture_height = picture_width * height / width
    total = _HEAD + picture_height + _MARGIN + _LINE * len(lines) + _MARGIN
    with figure(path, width=_WIDTH, height=total) as canvas:
        canvas.text(_MARGIN / _WIDTH, 1 - 0.25 / total, scene.title, fontsize=11, fontweight="bold")
        bottom = total - _HEAD - picture_height
        axes = canvas.add_axes((_MARGIN / _WIDTH, bottom / total, picture_width / _WIDTH, picture_height / total))
        axes.imshow(scene.picture)
        axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        bare(axes)
        for number, person in enumerate(scene.persons, start=1):
            _draw_box(axes, number, person)
        for place, (text, colour) in enumerate(lines):
            canvas.text(_MARGIN / _WIDTH, (bottom - _MARGIN - _LINE * place) / total, text, fontsize=8, color=colour)


def describe(number: int, person: BoxedPerson) -> list[tuple[str, str]]:
    """Lines of text about a person, with their colours."""
    true = ", ".join(person.true) or "nothing known"
    if person.scores is None:
        said = "not found by the detector"
    else:
        ranked = sorted(person.scores.items(), key=lambda item: -item[1])
        clear = [item for item in ranked if item[1] >= CLEAR_SCORE] or ranked[:1]
        said = "network: " + ", ".join(f"{name} {score:.2f}" for name, score in clear)
    first, *rest = textwrap.wrap(f"{number}  true: {true}; {said}", _LETTERS_A_LINE, subsequent_indent="    ")
    return [(first, INK), *((line, GREY) for line in rest)]


def _draw_box(axes: Axes, number: int, person: BoxedPerson) -> None:
    x1, y1, x2, y2 = person.box
    colour = _COLOURS[(number - 1) % len(_COLOURS)]
    style = "--" if person.scores is None else "-"
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=1.8, linestyle=style))
    label = {"boxstyle": "square,pad=0.2", "facecolor": colour, "edgecolor": "none"}
    axes.text(x1, y1, str(number), color="white", fontsize=8, fontweight="bold", va="top", ha="left", bbox=label)
