"""From a script to frames.

What is drawn by chance comes from generators keyed by the script's picture seed and the number of the event; no generator
sees a label. Two scripts that differ in one event's label therefore have equal frames outside that event, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import cv2
import numpy as np

from longcook.causes import crush_berries, grind_coffee, scoop_cocoa, steep_tea
from longcook.fillers import chop, stir, wipe
from longcook.film import Film
from longcook.paint import Canvas
from longcook.pouring import pour_milk
from longcook.props import Arm, Performance, Stage
from longcook.scenery import lay_cloth, paint_kitchen
from longcook.script import Script

ACTIONS: tuple[Callable[[Canvas, Stage], Performance], ...] = (
    grind_coffee, steep_tea, scoop_cocoa, crush_berries, stir, chop, wipe, pour_milk,
)  # fmt: skip
"""What paints each atomic class, in the order of CLASS_NAMES."""

_NOISE_STD = 2.0
_NOISE_MARGIN = 16  # pixels by which a frame's cut out of the noise sheet may move


def film_of(script: Script, path: str) -> Film:
    """The film of a video with one cook, to be written to `path`."""
    key_frames = frozenset(event.first_frame(script.fps) for event in script.events)
    return Film(path=path, draw=partial(render, script), fps=script.fps, key_frames=key_frames)


def render(script: Script) -> Iterator[np.ndarray]:
    """The video's frames, uint8 (HEIGHT, WIDTH, 3), RGB."""
    rng = np.random.default_rng((*script.picture_seed, 0))
    camera = Camera.draw(rng)
    arm = Arm.draw(rng)
    shifts = camera.draw_shifts(script.num_frames, rng)
    kitchen, moving = Canvas.blank(), Canvas.blank()
    paint_kitchen(kitchen, rng)
    fps = script.fps
    for number, event in enumerate(script.events):
        stage = Stage.draw(np.random.default_rng((*script.picture_seed, 1, number)), arm)
        still = Canvas(kitchen.pixels.copy())
        if event.table is not None:
            lay_cloth(still, event.table)
        perform = ACTIONS[event.label](still, stage)
        stop = script.events[number + 1].first_frame(fps) if number + 1 < len(script.events) else script.num_frames
        for frame in range(event.first_frame(fps), stop):
            moving.copy_from(still)
            perform(moving, frame / fps - event.start_centisec / 100)
            yield camera.expose(moving.picture(), shifts[frame])


@dataclass(frozen=True, slots=True)
class Camera:
    """How the pictures of a video are taken: mirrored or not, brighter or darker, with the noise of a sensor."""

    mirrored: bool
    gain: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        return cls(mirrored=bool(rng.random() < 0.5), gain=float(rng.uniform(0.88, 1.06)))

    @staticmethod
    def draw_shifts(num_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Where each frame's noise is cut out of the sheet: int64 (num_frames, 2), rows and columns."""
        return rng.integers(_NOISE_MARGIN, size=(num_frames, 2))

    def expose(self, picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
        if self.mirrored:
            picture = cv2.flip(picture, 1)
        (height, width, _), (top, left) = picture.shape, shift
        noise = _noise_sheet(height, width)[top : top + height, left : left + width]
        return cv2.addWeighted(picture, self.gain, noise, 1.0, -128.0)


@cache
def _noise_sheet(height: int, width: int) -> np.ndarray:
    """Noise around 128, uint8; one sheet for all videos of a size, of which every frame uses another part."""
    shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3)
    noise = np.random.default_rng(0).normal(128.0, _NOISE_STD, shape)
    return np.clip(np.round(noise), 0, 255).astype(np.uint8)
