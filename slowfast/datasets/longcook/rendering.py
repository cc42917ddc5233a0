"""From a script to frames.

What is drawn by chance comes from generators keyed by the script's picture seed and the number of the event; no generator
sees a label. Two scripts that differ in one event's label therefore have equal frames outside that event, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np

from slowfast.datasets.longcook.causes import crush_berries, grind_coffee, scoop_cocoa, steep_tea
from slowfast.datasets.longcook.fillers import chop, stir, wipe
from slowfast.datasets.longcook.paint import HEIGHT, WIDTH, Canvas
from slowfast.datasets.longcook.pouring import pour_milk
from slowfast.datasets.longcook.props import Arm, Performance, Stage
from slowfast.datasets.longcook.scenery import paint_kitchen
from slowfast.datasets.longcook.script import FPS, Script

ACTIONS: tuple[Callable[[Canvas, Stage], Performance], ...] = (
    grind_coffee, steep_tea, scoop_cocoa, crush_berries, stir, chop, wipe, pour_milk,
)  # fmt: skip
"""What paints each atomic class, in the order of CLASS_NAMES."""

_NOISE_STD = 2.0
_NOISE_MARGIN = 16  # pixels by which a frame's cut out of the noise sheet may move


def render(script: Script) -> Iterator[np.ndarray]:
    """The video's frames, uint8 (HEIGHT, WIDTH, 3), RGB."""
    rng = np.random.default_rng((*script.picture_seed, 0))
    mirrored = bool(rng.random() < 0.5)
    gain = float(rng.uniform(0.88, 1.06))
    arm = Arm.draw(rng)
    shifts = rng.integers(_NOISE_MARGIN, size=(script.num_frames, 2))
    kitchen = paint_kitchen(rng)
    moving = Canvas.blank()
    for number, event in enumerate(script.events):
        stage = Stage.draw(np.random.default_rng((*script.picture_seed, 1, number)), arm)
        still = Canvas(kitchen.pixels.copy())
        perform = ACTIONS[event.label](still, stage)
        stop = script.events[number + 1].first_frame if number + 1 < len(script.events) else script.num_frames
        for frame in range(event.first_frame, stop):
            moving.copy_from(still)
            perform(moving, frame / FPS - event.start_centisec / 100)
            yield _expose(moving.picture(), mirrored=mirrored, gain=gain, shift=shifts[frame])


def _expose(picture: np.ndarray, *, mirrored: bool, gain: float, shift: np.ndarray) -> np.ndarray:
    """Mirror, exposure and sensor noise."""
    if mirrored:
        picture = cv2.flip(picture, 1)
    top, left = shift
    noise = _noise_sheet()[top : top + HEIGHT, left : left + WIDTH]
    return cv2.addWeighted(picture, gain, noise, 1.0, -128.0)


@cache
def _noise_sheet() -> np.ndarray:
    """Noise around 128, uint8; one sheet for all videos, of which every frame uses another part."""
    shape = (HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3)
    noise = np.random.default_rng(0).normal(128.0, _NOISE_STD, shape)
    return np.clip(np.round(noise), 0, 255).astype(np.uint8)
