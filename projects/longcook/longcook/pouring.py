"""Milk is poured. Nothing here knows what the milk makes: a composite is to be recognised by what happened earlier."""

from __future__ import annotations

import math

from longcook.paint import Canvas, Point, hue, mix, tone
from longcook.props import MILK, PORCELAIN, Performance, Stage, hand, opening, shadow, tumbler

_POUR_SEC = 0.25  # until the jug is tilted


def pour_milk(canvas: Canvas, stage: Stage) -> Performance:
    """A jug tilts, a white stream falls into a mug."""
    x, y = stage.foot
    mug_x = x - 7
    mug = hue(stage.tints[0], 0.15 + 0.55 * stage.tints[1], 0.85)
    jug = mix(PORCELAIN, (150, 186, 216), stage.tints[2])
    rim = y - 18
    shadow(canvas, (mug_x, y), (18, 5.5))
    canvas.ring((mug_x - 13, y - 9), (5, 5.5), 2.6, tone(mug, 0.78))
    tumbler(canvas, (mug_x, y), (11, 13), 18, mug)

    def perform(moving: Canvas, time: float) -> None:
        tilt = min(1.0, time / _POUR_SEC) * (1 + 0.04 * math.sin(stage.angle(time, 2.0)))
        sway = 1.2 * math.sin(stage.angle(time, 0.9))
        opening(moving, (mug_x, rim), 13, tone(mug, 1.12), tone(mug, 0.45))
        level = min(1.0, 0.45 + 0.4 * time)
        surface = mug_x, rim + 1.6 * (1 - level)
        moving.oval(surface, (12 * level, 3.5 * level), MILK)
        spout = mug_x + 1.5 + sway, rim - 13
        if tilt > 0.7:
            wave = 0.4 * math.sin(30 * time)
            moving.line([spout, (spout[0] - 1.2 + wave, rim - 6), (spout[0] - 1.6, surface[1])], 2.8, MILK)
            moving.line([(spout[0] + 0.9, spout[1] + 1), (spout[0] - 0.5, surface[1])], 0.5, tone(MILK, 0.86))
            spread = (3 * time) % 1.0
            moving.ring((spout[0] - 1.6, surface[1]), (2 + 4 * spread, 0.8 + 1.2 * spread), 0.6, tone(MILK, 0.82))
        _jug(moving, spout, 0.15 + 1.0 * tilt, jug)
        hand(moving, stage.arm, (spout[0] + 21, spout[1] - 9 + 4 * (1 - tilt)), elbow=(x + 56, y - 8))

    return perform


def _jug(canvas: Canvas, spout: Point, turn: float, colour: tuple[int, int, int]) -> None:
    """A jug that is turned by `turn` radians around its spout, towards the left."""
    cosine, sine = math.cos(turn), math.sin(turn)

    def turned(right: float, down: float) -> Point:
        return spout[0] + right * cosine + down * sine, spout[1] - right * sine + down * cosine

    handle = [turned(16, 4), turned(21, 6), turned(21, 13), turned(15, 16)]
    canvas.line(handle, 2.4, tone(colour, 0.72))
    body = [
        turned(0, 0),
        turned(4, 2),
        turned(15, 0),
        turned(15, 6),
        turned(18, 13),
        turned(16, 20),
        turned(4, 20),
        turned(1.5, 13),
        turned(3.5, 5),
    ]
    canvas.polygon(body, colour)
    canvas.polygon(
        [turned(12, 1), turned(15, 0), turned(15, 6), turned(18, 13), turned(16, 20), turned(12, 20)], tone(colour, 0.8)
    )
    canvas.line([turned(3, 12), turned(5, 18)], 1.2, tone(colour, 1.2))
    canvas.line([turned(2.4, 11), turned(17, 11)], 1.4, (84, 120, 180))
    canvas.line([turned(0.5, 0.4), turned(4, 1.6), turned(15, 0)], 1.2, MILK)
