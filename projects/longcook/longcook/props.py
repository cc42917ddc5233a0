"""What the actions share: the place they happen at, arms and hands, spoons, shadows, steam."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longcook.paint import HEIGHT, Canvas, Colour, Point, hue, mix, tone

Performance = Callable[[Canvas, float], None]
"""Paints the moving things of an action at a time in seconds from its start."""

STEEL: Colour = (176, 182, 190)
WOOD: Colour = (186, 132, 82)
PORCELAIN: Colour = (244, 243, 238)
MILK: Colour = (253, 252, 246)

SKIN: tuple[Colour, ...] = ((241, 200, 170), (222, 172, 134), (186, 128, 92), (130, 84, 58), (92, 60, 44))


@dataclass(frozen=True, slots=True)
class Arm:
    """The cook's arm, the same in the whole video.

    shoulder: where it begins, for a cook who is in the picture; None: it reaches in from outside.
    """

    sleeve: Colour
    skin: Colour
    shoulder: Point | None = None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Arm:
        """Random sleeve and skin."""
        sleeve = hue(rng.random(), rng.uniform(0.2, 0.85), rng.uniform(0.35, 0.95))
        return cls(sleeve=sleeve, skin=SKIN[rng.integers(len(SKIN))])


@dataclass(frozen=True, slots=True)
class Stage:
    """Chances of one event, the same numbers whatever the action: they are drawn before anybody asks which one it is.

    foot: where the things stand on the table, in the middle of the picture. tempo: factor of every speed. phase: where
    movements begin, in turns. tints: free choices of the action's colours, each in [0, 1].
    """

    foot: Point
    tempo: float
    phase: float
    tints: tuple[float, float, float]
    arm: Arm

    @classmethod
    def draw(cls, rng: np.random.Generator, arm: Arm) -> Stage:
        x, y, tempo, phase, *tints = rng.random(7).tolist()
        return cls(
            foot=(44 + 8 * x, 56.5 + 3.5 * y),
            tempo=0.85 + 0.4 * tempo,
            phase=phase,
            tints=(tints[0], tints[1], tints[2]),
            arm=arm,
        )

    def at(self, x: float, y: float) -> Point:
        """The point x to the right of and y above the foot."""
        return self.foot[0] + x, self.foot[1] - y

    def angle(self, time: float, hertz: float) -> float:
        """Radians of a movement that repeats about `hertz` times a second."""
        return 2 * math.pi * (hertz * self.tempo * time + self.phase)


def shadow(canvas: Canvas, centre: Point, radii: Point) -> None:
    """A soft shadow on the table, a little to the right of what casts it."""
    canvas.glow((centre[0] + radii[0] * 0.12, centre[1]), radii, (25, 15, 10), 0.6)


def hand(canvas: Canvas, arm: Arm, grip: Point, *, elbow: Point | None = None) -> None:
    """A fist around `grip`; the arm of a cook outside the picture comes from the elbow, by default from below on the right."""
    elbow_x, elbow_y = arm.shoulder or elbow or (grip[0] + 30, HEIGHT + 8)
    wrist = grip[0] + 0.13 * (elbow_x - grip[0]), grip[1] + 0.13 * (elbow_y - grip[1])
    cuff = grip[0] + 0.3 * (elbow_x - grip[0]), grip[1] + 0.3 * (elbow_y - grip[1])
    canvas.line([wrist, cuff], 5.4, tone(arm.skin, 0.92))
    canvas.line([cuff, (elbow_x, elbow_y)], 9.0, tone(arm.sleeve, 0.72))
    canvas.line([(cuff[0] - 0.7, cuff[1] - 0.7), (elbow_x - 1, elbow_y - 1)], 7.0, arm.sleeve)
    canvas.disc(grip, 4.0, arm.skin)
    for finger in (-2.1, 0.0, 2.1):
        canvas.line([(grip[0] - 2.6, grip[1] + finger), (grip[0] - 0.2, grip[1] + finger)], 1.9, tone(arm.skin, 1.07))
        canvas.line([(grip[0] - 2.8, grip[1] + finger + 1), (grip[0], grip[1] + finger + 1)], 0.4, tone(arm.skin, 0.72))


def steam(canvas: Canvas, stage: Stage, foot: Point, time: float) -> None:
    """Wisps that rise from the foot."""
    for number in range(3):
        rise = (time * 0.9 + stage.phase + number / 3) % 1.0
        x, y = foot[0] + 3.4 * (number - 1), foot[1] - 14 * rise
        points = [(x + 1.3 * math.sin(0.9 * step + 5 * rise + number), y - 1.8 * step) for step in range(4)]
        canvas.line(points, 1.3 * (1 - 0.6 * rise), mix((250, 250, 250), (214, 214, 212), rise))


def tumbler(canvas: Canvas, foot: Point, half_widths: Point, height: float, colour: Colour) -> None:
    """A round body, lit from the left; half_widths[0] at the foot, half_widths[1] at the rim."""
    (x, y), (low, high), top = foot, half_widths, foot[1] - height
    canvas.oval((x, y), (low, low * 0.32), tone(colour, 0.8))
    canvas.polygon([(x - high, top), (x + high, top), (x + low, y), (x - low, y)], colour)
    canvas.polygon([(x + high * 0.45, top), (x + high, top), (x + low, y), (x + low * 0.45, y + 0.3 * low)], tone(colour, 0.82))
    canvas.polygon([(x - high * 0.75, top), (x - high * 0.5, top), (x - low * 0.5, y), (x - low * 0.75, y)], tone(colour, 1.18))


def opening(canvas: Canvas, centre: Point, radius: float, rim: Colour, inside: Colour) -> None:
    """The rim of a round vessel and what one sees in it."""
    canvas.oval(centre, (radius, radius * 0.34), rim)
    canvas.oval(centre, (radius - 1.0, radius * 0.34 - 0.7), inside)
