"""From a video with two cooks to frames and boxes.

As with one cook, no generator sees a label: another cause of one cook changes the frames during that event, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from longcook.film import Film
from longcook.paint import SCALE, WIDTH, Canvas, Point
from longcook.people import Box, Cook
from longcook.plan_duet import DUET_FPS, Duet, Part
from longcook.props import Performance, Stage
from longcook.rendering import ACTIONS, Camera
from longcook.scenery import paint_kitchen

PICTURE = (128, 96)
"""Width and height in pixels."""

_UNITS = (160.0, 120.0)
"""Width and height in the units of the cooks: two of their kitchens side by side, and more height for their heads."""

_SCALE = SCALE * PICTURE[0] / _UNITS[0]
_CORNERS = ((-8.0, 46.0), (72.0, 46.0))  # where the coordinates of each cook begin
_CORNER_JITTER = (2.5, 1.5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cook stands; corner: the origin of his coordinates in those of the scene."""

    cook: Cook
    corner: Point

    def on(self, canvas: Canvas) -> Canvas:
        return canvas.seen(scale=_SCALE, origin=self.corner)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is drawn by chance for a whole video, apart from the kitchen."""

    camera: Camera
    places: tuple[Place, Place]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Setting:
        camera = Camera.draw(rng)
        first, second = Cook.draw_two(rng)
        corners = np.array(_CORNERS) + rng.uniform(-1, 1, (2, 2)) * _CORNER_JITTER
        (left, top), (other_left, other_top) = corners.tolist()
        return cls(camera, (Place(first, (left, top)), Place(second, (other_left, other_top))))

    def box(self, number: int, time: float) -> Box:
        """Box of a cook at a time in seconds, in fractions of the picture as it is shown."""
        place = self.places[number]
        left, top, right, bottom = place.cook.box(time)
        left, right = ((x + place.corner[0]) / _UNITS[0] for x in (left, right))
        top, bottom = ((y + place.corner[1]) / _UNITS[1] for y in (top, bottom))
        if self.camera.mirrored:
            left, right = 1 - right, 1 - left
        return max(left, 0.0), max(top, 0.0), min(right, 1.0), min(bottom, 1.0)


def setting_of(duet: Duet) -> Setting:
    return Setting.draw(_generator(duet))


def film_of_duet(duet: Duet, path: str, stills: str) -> Film:
    """The film of a video with two cooks, to be written to `path`; stills as in `Film`."""
    key_frames = frozenset(duet.first_frames)
    return Film(path=path, draw=partial(render_duet, duet), fps=DUET_FPS, key_frames=key_frames, stills=stills)


def render_duet(duet: Duet) -> Iterator[np.ndarray]:
    """The video's frames, uint8 (96, 128, 3), RGB."""
    rng = _generator(duet)
    setting = Setting.draw(rng)
    shifts = setting.camera.draw_shifts(duet.num_frames, rng)
    kitchen, still, moving = (Canvas.blank(*PICTURE) for _ in range(3))
    paint_kitchen(kitchen.seen(scale=SCALE * PICTURE[0] / WIDTH), rng)
    in_front = [place.on(moving) for place in setting.places]
    for start, stop in zip(duet.first_frames, [*duet.first_frames[1:], duet.num_frames], strict=True):
        still.copy_from(kitchen)
        deeds = [_prepare(duet, number, place, place.on(still), start) for number, place in enumerate(setting.places)]
        for frame in range(start, stop):
            moving.copy_from(still)
            for place, canvas, (perform, begun_sec) in zip(setting.places, in_front, deeds, strict=True):
                place.cook.paint_head(canvas, frame / DUET_FPS)
                perform(canvas, frame / DUET_FPS - begun_sec)
            yield setting.camera.expose(moving.picture(), shifts[frame])


def _prepare(duet: Duet, number: int, place: Place, canvas: Canvas, frame: int) -> tuple[Performance, float]:
    """Paints what stands still of a cook and his action at a frame; what moves, and the second at which it begins."""
    event_number = _event_at(duet.parts[number], frame)
    event = duet.parts[number].events[event_number]
    stage = Stage.draw(np.random.default_rng((*duet.picture_seed, 1 + number, event_number)), place.cook.arm)
    place.cook.paint_body(canvas)
    return ACTIONS[event.label](canvas, stage), event.start_centisec / 100


def _event_at(part: Part, frame: int) -> int:
    return sum(event.first_frame(DUET_FPS) <= frame for event in part.events) - 1


def _generator(duet: Duet) -> np.random.Generator:
    return np.random.default_rng((*duet.picture_seed, 0))
