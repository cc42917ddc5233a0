"""Cooks that are seen: they stand behind the table, one hand at work, the other resting beside it.

A cook has coordinates of his own, those of the kitchen with one cook, so that all actions can be painted in front of him.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from longcook.paint import Canvas, Colour, Point, hue, mix, tone
from longcook.props import PORCELAIN, SKIN, Arm, shadow

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

TABLE_EDGE = 25.7
"""Row at which the table hides the rest of a cook."""

_X = 48.0
_HEAD_Y = -13.0
_REACH = (-33.0, 30.0)  # from the resting hand to where the working one gets at most
_RESTING_HAND: Point = (_X - 28, 55)
_HAIR: tuple[Colour, ...] = ((38, 28, 24), (92, 58, 34), (176, 122, 60), (214, 178, 110), (150, 150, 154), (150, 66, 34))
_INK: Colour = (44, 32, 30)


class Headgear(Enum):
    """What a cook has on the head."""

    HAT = 0
    LONG_HAIR = 1
    SHORT_HAIR = 2


@dataclass(frozen=True, slots=True)
class Cook:
    """How a cook looks and sways; nothing of it depends on what he does."""

    arm: Arm
    hair: Colour
    apron: Colour
    headgear: Headgear
    phase: float

    @classmethod
    def draw_two(cls, rng: np.random.Generator) -> tuple[Cook, Cook]:
        """Two cooks whose shirts are easily told apart."""
        turn = rng.random()
        return cls._draw(turn, rng), cls._draw(turn + rng.uniform(0.3, 0.7), rng)

    @classmethod
    def _draw(cls, shirt_turn: float, rng: np.random.Generator) -> Cook:
        sleeve = hue(shirt_turn % 1.0, rng.uniform(0.45, 0.85), rng.uniform(0.5, 0.95))
        skin = SKIN[rng.integers(len(SKIN))]
        return cls(
            arm=Arm(sleeve=sleeve, skin=skin, shoulder=(_X + 14, 7.0)),
            hair=_HAIR[rng.integers(len(_HAIR))],
            apron=mix(PORCELAIN, tone(sleeve, 0.4), rng.random() * 0.8),
            headgear=Headgear(int(rng.integers(len(Headgear)))),
            phase=rng.random(),
        )

    def box(self, time: float) -> Box:
        """What of the cook is to be seen at a time in seconds: from the head to the hands, as far as these reach."""
        top = self._head(time)[1] - (21 if self.headgear is Headgear.HAT else 12)
        return _X + _REACH[0], top, _X + _REACH[1], _RESTING_HAND[1] + 4.5

    def paint_body(self, canvas: Canvas) -> None:
        """All that stands still: torso, apron, and the arm that rests."""
        shirt, skin = self.arm.sleeve, self.arm.skin
        canvas.polygon([(_X - 4, -6), (_X + 4, -6), (_X + 5, 3), (_X - 5, 3)], tone(skin, 0.85))
        canvas.polygon(
            [
                (_X - 6, 1), (_X + 6, 1), (_X + 15, 4), (_X + 18, 9), (_X + 15, TABLE_EDGE),
                (_X - 15, TABLE_EDGE), (_X - 18, 9), (_X - 15, 4),
            ],
            shirt,
        )  # fmt: skip
        canvas.polygon(
            [(_X + 7, 3), (_X + 15, 4), (_X + 18, 9), (_X + 15, TABLE_EDGE), (_X + 9, TABLE_EDGE)], tone(shirt, 0.84)
        )
        canvas.polygon([(_X - 5, 1), (_X + 5, 1), (_X, 6)], tone(skin, 0.95))
        for side in (-1, 1):
            canvas.line([(_X + 7 * side, 11), (_X + 9 * side, 3)], 1.6, tone(self.apron, 0.85))
        canvas.polygon(
            [(_X - 8, 10), (_X + 8, 10), (_X + 12, TABLE_EDGE), (_X - 12, TABLE_EDGE)], self.apron
        )  # fmt: skip
        canvas.line([(_X - 8, 10.4), (_X + 8, 10.4)], 0.9, tone(self.apron, 0.8))
        self._resting_arm(canvas)

    def paint_head(self, canvas: Canvas, time: float) -> None:
        """The head, which sways a little."""
        x, y = self._head(time)
        for side in (-1, 1):
            if self.headgear is Headgear.LONG_HAIR:
                canvas.line([(x + 8.4 * side, y - 3), (x + 9.2 * side, y + 9)], 4.6, tone(self.hair, 0.82))
            else:
                canvas.disc((x + 8.4 * side, y + 1), 2.0, tone(self.arm.skin, 0.9))
        self._face(canvas, (x, y))
        if self.headgear is Headgear.HAT:
            _hat(canvas, (x, y - 6))

    def _face(self, canvas: Canvas, centre: Point) -> None:
        (x, y), skin, hair = centre, self.arm.skin, self.hair
        canvas.oval((x, y), (8.6, 10), skin)
        canvas.oval((x, y - 1.5), (9.2, 9.4), hair, arc=(188, 352))
        canvas.oval((x, y - 1.6), (8.0, 3.6), hair)
        canvas.oval((x + 0.5, y - 0.2), (7.4, 3.2), skin)
        for side in (-1, 1):
            canvas.oval((x + 3.2 * side, y + 0.8), (2.0, 1.5), PORCELAIN)
            canvas.disc((x + 3.2 * side, y + 0.9), 1.15, _INK)
            canvas.line([(x + 2 * side, y - 1.9), (x + 4.6 * side, y - 1.6)], 0.7, tone(hair, 0.7))
        canvas.line([(x, y + 1.5), (x - 0.7, y + 3.6), (x + 0.6, y + 3.8)], 0.6, tone(skin, 0.75))
        canvas.ring((x, y + 4.6), (2.8, 1.8), 0.8, tone(skin, 0.55), arc=(20, 160))

    def _head(self, time: float) -> Point:
        turn = 2 * math.pi * (0.4 * time + self.phase)
        return _X + 0.9 * math.sin(turn), _HEAD_Y + 0.6 * math.sin(2 * turn)

    def _resting_arm(self, canvas: Canvas) -> None:
        (x, y), sleeve, skin = _RESTING_HAND, self.arm.sleeve, self.arm.skin
        shoulder, elbow = (_X - 14, 8.0), (_X - 24, 29.0)
        shadow(canvas, (x + 1, y + 2), (7, 3.5))
        canvas.line([elbow, (x, y)], 5.2, tone(skin, 0.92))
        canvas.line([shoulder, elbow, (elbow[0] - 0.8, elbow[1] + 5)], 9.0, tone(sleeve, 0.72))
        canvas.line([shoulder, elbow, (elbow[0] - 0.8, elbow[1] + 5)], 7.2, sleeve)
        canvas.disc((x, y), 4.0, skin)
        for finger in (-2.4, 0.0, 2.4):
            canvas.line([(x + finger, y + 1), (x + finger * 1.2, y + 3.6)], 1.8, tone(skin, 1.07))


def _hat(canvas: Canvas, brim: Point) -> None:
    x, y = brim
    for side in (-1, 0, 1):
        canvas.disc((x + 5 * side, y - 8 - 1.5 * (side == 0)), 5.0, tone(PORCELAIN, 0.95 if side else 1.0))
    canvas.box((x - 8, y - 6), (x + 8, y + 0.5), PORCELAIN)
    canvas.line([(x - 8, y - 0.2), (x + 8, y - 0.2)], 1.0, tone(PORCELAIN, 0.82))
