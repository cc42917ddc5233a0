"""The four causes: each prepares what the milk is poured over. Every function paints what stands still and returns the rest."""

from __future__ import annotations

import math

from longcook.paint import Canvas, hue, mix, tone
from longcook.props import (
    PORCELAIN,
    STEEL,
    WOOD,
    Performance,
    Stage,
    hand,
    opening,
    shadow,
    steam,
    tumbler,
)

_BEAN = (84, 48, 28)
_COCOA = (92, 50, 30)
_BERRY = (206, 30, 62)


def grind_coffee(canvas: Canvas, stage: Stage) -> Performance:
    """An enamelled mill; a hand turns the crank, beans jump in the hopper."""
    x, y = stage.foot
    body = mix((158, 44, 36), (40, 92, 96), stage.tints[0])
    shadow(canvas, (x, y), (21, 5.5))
    canvas.polygon([(x - 12, y), (x + 12, y), (x + 10, y - 17), (x - 10, y - 17)], body)
    canvas.polygon([(x + 5, y), (x + 12, y), (x + 10, y - 17), (x + 5, y - 17)], tone(body, 0.78))
    canvas.box((x - 13.5, y - 1.8), (x + 13.5, y + 1), tone(body, 0.62))
    canvas.box((x - 12, y - 19), (x + 12, y - 16.5), tone(body, 1.15))
    canvas.box((x - 7, y - 9.5), (x + 4.5, y - 3), tone(body, 0.7))
    canvas.box((x - 6.2, y - 8.8), (x + 3.8, y - 3.6), tone(body, 1.08))
    canvas.disc((x - 1.2, y - 6.2), 1.4, (226, 186, 84))
    for number in range(9):
        turn = number * 2.4 + 6 * stage.phase
        bean = x + 17 * math.cos(turn) * (1 + 0.25 * math.sin(3 * turn)), y + 3.2 + 3 * math.sin(turn)
        canvas.oval(bean, (2.1, 1.4), _BEAN, angle=57 * turn)
        canvas.line([(bean[0] - 0.8, bean[1] - 0.2), (bean[0] + 0.8, bean[1] + 0.2)], 0.35, tone(_BEAN, 1.7))

    def perform(moving: Canvas, time: float) -> None:
        turn = stage.angle(time, 1.5)
        moving.oval((x, y - 19), (9.5, 7), (196, 150, 62), arc=(180, 360))
        moving.oval((x, y - 24.5), (7.4, 2.4), (120, 84, 36))
        for number in range(6):
            jump = 1.5 * abs(math.sin(1.7 * turn + 2.1 * number))
            moving.oval((x - 5 + 2 * number, y - 24.6 - jump), (1.6, 1.2), tone(_BEAN, 0.85 + 0.1 * (number % 3)))
        knob = x + 15 * math.cos(turn), y - 31 + 6 * math.sin(turn)
        moving.line([(x, y - 23), (x, y - 31)], 1.4, (90, 92, 98))
        moving.line([(x, y - 31), knob], 1.9, (112, 114, 122))
        moving.disc((x, y - 31), 1.5, STEEL)
        hand(moving, stage.arm, (knob[0], knob[1] - 2.5), elbow=(x + 56, y + 8))

    return perform


def steep_tea(canvas: Canvas, stage: Stage) -> Performance:
    """A glass of steaming water that turns amber while a bag is dipped into it."""
    x, y = stage.foot
    shadow(canvas, (x, y), (17, 5))
    canvas.oval((x, y + 0.5), (17, 5), PORCELAIN)
    canvas.oval((x, y + 0.3), (12, 3.2), tone(PORCELAIN, 0.86))
    label = hue(0.22 + 0.2 * stage.tints[0], 0.8, 0.75)
    rim, level = y - 25, y - 20

    def perform(moving: Canvas, time: float) -> None:
        strength = min(1.0, 0.25 + 0.6 * time)
        tea = mix((236, 214, 150), (190, 92, 22), strength)
        dip = 4.5 * math.sin(stage.angle(time, 1.7))
        moving.polygon([(x - 10.5, rim), (x + 10.5, rim), (x + 8, y), (x - 8, y)], (206, 222, 226))
        moving.polygon([(x - 10, level), (x + 10, level), (x + 8, y - 1), (x - 8, y - 1)], tea)
        moving.oval((x, y - 1), (8, 2.4), tone(tea, 0.9))
        moving.oval((x, level), (10, 3), tone(tea, 1.16))
        bag = x, y - 11 - dip
        moving.line([(x, y - 37 - dip), bag], 0.6, (250, 248, 240))
        moving.polygon(
            [(x - 3, bag[1] - 4), (x, bag[1] - 6), (x + 3, bag[1] - 4), (x + 3.6, bag[1] + 4), (x - 3.6, bag[1] + 4)],
            (240, 230, 204),
        )
        moving.box((x - 2.7, bag[1] - 0.5), (x + 2.7, bag[1] + 3.4), mix((120, 78, 34), tea, 0.3))
        moving.line([(x - 9, rim + 2), (x - 6.6, y - 3)], 1.0, (246, 250, 252))
        moving.ring((x, rim), (10.5, 3.2), 0.7, (240, 246, 248))
        steam(moving, stage, (x - 9, rim - 1), time)
        moving.box((x - 6.5, y - 37 - dip), (x - 1, y - 31 - dip), label)
        moving.line([(x - 5.4, y - 34 - dip), (x - 2.2, y - 34 - dip)], 0.7, PORCELAIN)
        hand(moving, stage.arm, (x + 1.5, y - 39 - dip), elbow=(x + 48, y - 16))

    return perform


def scoop_cocoa(canvas: Canvas, stage: Stage) -> Performance:
    """A spoon carries brown powder from a tin to a bowl."""
    x, y = stage.foot
    tin = mix((150, 36, 30), (34, 60, 128), stage.tints[0])
    tin_x, bowl_x = x - 14, x + 12
    shadow(canvas, (tin_x, y), (14, 4.5))
    shadow(canvas, (bowl_x, y), (14, 4.5))
    tumbler(canvas, (tin_x, y), (9.5, 9.5), 20, tin)
    canvas.box((tin_x - 9.5, y - 14), (tin_x + 9.5, y - 5), (240, 220, 176))
    canvas.oval((tin_x, y - 9.5), (3.6, 2.7), _COCOA)
    canvas.line([(tin_x - 1.6, y - 11), (tin_x + 1.6, y - 8)], 0.6, tone(_COCOA, 1.7))
    opening(canvas, (tin_x, y - 20), 9.5, (214, 206, 190), _COCOA)
    canvas.oval((tin_x - 1, y - 20.3), (6, 1.6), tone(_COCOA, 1.35))
    tumbler(canvas, (bowl_x, y), (5.5, 11), 11, PORCELAIN)
    opening(canvas, (bowl_x, y - 11), 11, tone(PORCELAIN, 0.95), tone(_COCOA, 0.95))

    def perform(moving: Canvas, time: float) -> None:
        turn = stage.angle(time, 1.15)
        share = 0.5 - 0.5 * math.cos(turn)  # 0 over the tin, 1 over the bowl
        loaded = math.sin(turn) > -0.25
        spoon = tin_x + (bowl_x - tin_x) * share, y - 22.5 - 8 * math.sin(math.pi * share) + 6 * share
        if share > 0.75:
            for number in range(5):
                fall = (4 * time + 0.23 * number) % 1.0
                moving.disc((spoon[0] - 3 + 1.5 * number, spoon[1] + 7 * fall), 1.0, tone(_COCOA, 1.2))
        grip = spoon[0] + 14, spoon[1] - 8
        moving.line([spoon, grip], 1.6, STEEL)
        moving.oval(spoon, (4.6, 2.6), STEEL)
        moving.oval((spoon[0], spoon[1] - 0.5), (3.6, 1.7), tone(STEEL, 0.75))
        if loaded:
            moving.oval((spoon[0], spoon[1] - 0.6), (4.2, 3.6), _COCOA, arc=(180, 360))
            moving.oval((spoon[0] - 0.8, spoon[1] - 1.6), (2, 1.5), tone(_COCOA, 1.4))
        hand(moving, stage.arm, grip, elbow=(grip[0] + 44, y + 26))

    return perform


def crush_berries(canvas: Canvas, stage: Stage) -> Performance:
    """A pestle pounds red berries in a stone mortar; juice flies."""
    x, y = stage.foot
    stone = mix((132, 136, 140), (176, 168, 156), stage.tints[0])
    top = y - 15
    shadow(canvas, (x, y), (19, 5.5))
    canvas.box((x - 7, y - 4), (x + 7, y), tone(stone, 0.75))
    canvas.oval((x, y), (8, 2.2), tone(stone, 0.7))
    canvas.oval((x, top), (17, 14), stone, arc=(0, 180))
    canvas.oval((x + 3, top), (14, 13), tone(stone, 0.84), arc=(0, 90))
    canvas.oval((x, top), (17, 5.6), tone(stone, 1.14))
    canvas.oval((x, top), (14.5, 4.4), tone(stone, 0.55))
    for number in range(4):  # berries that wait beside the mortar
        berry = x - 24 + 3.4 * number, y + 3.5 + 1.6 * (number % 2)
        canvas.disc(berry, 2.3, _BERRY)
        canvas.disc((berry[0] - 0.7, berry[1] - 0.8), 0.7, (250, 150, 160))

    def perform(moving: Canvas, time: float) -> None:
        lift = abs(math.sin(stage.angle(time, 1.0)))  # two blows a turn
        moving.oval((x, top + 0.5), (13, 3.6), (150, 14, 44))
        for number in range(7):
            turn = 2 * math.pi * number / 7 + stage.phase
            squeeze = 0.8 + 0.35 * lift
            berry = x + 9 * math.cos(turn), top + 2 * math.sin(turn) - 0.6
            moving.oval(berry, (3.2, 2.6 * squeeze), tone(_BERRY, 0.9 + 0.06 * (number % 4)))
            moving.disc((berry[0] - 0.9, berry[1] - 1), 0.7, (252, 150, 165))
        tip = x, top - 1 - 10 * lift
        end = x + 4, tip[1] - 20
        moving.line([tip, end], 4.4, tone(WOOD, 0.85))
        moving.line([(tip[0] - 0.8, tip[1]), (end[0] - 0.8, end[1])], 2.4, tone(WOOD, 1.18))
        moving.oval(tip, (4.6, 4), tone(WOOD, 0.9))
        moving.oval((tip[0], tip[1] + 1.6), (4, 2.2), (170, 40, 60))
        if lift < 0.6:
            for side in (-1.0, -0.55, 0.5, 1.0):
                spray = x + side * (7 + 13 * lift), top - 3 - 15 * lift * (1.3 - lift) * (1 + 0.3 * side)
                moving.disc(spray, 1.1, (226, 40, 76))
        moving.oval((x, top + 0.6), (17, 5.4), tone(stone, 1.14), arc=(20, 160))
        moving.oval((x, top - 0.6), (14.5, 4.2), (168, 20, 50), arc=(40, 140))
        hand(moving, stage.arm, (x + 3.2, tip[1] - 14), elbow=(x + 56, y + 3))

    return perform
