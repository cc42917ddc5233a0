"""The three fillers: work that has no consequence."""

from __future__ import annotations

import math

from longcook.paint import Canvas, hue, mix, tone
from longcook.props import STEEL, WOOD, Performance, Stage, hand, shadow


def stir(canvas: Canvas, stage: Stage) -> Performance:
    """A wooden spoon goes round in a pot of soup."""
    x, y = stage.foot
    enamel = hue(stage.tints[0], 0.55, 0.7)
    soup = hue(0.10 + 0.17 * stage.tints[1], 0.75, 0.85)
    top = y - 15
    shadow(canvas, (x, y), (24, 6))
    for side in (-1, 1):
        canvas.ring((x + side * 19, y - 10), (4, 2.4), 1.6, (50, 48, 50))
    canvas.oval((x, y - 2), (19, 5), tone(enamel, 0.75))
    canvas.box((x - 19, top), (x + 19, y - 2), enamel)
    canvas.box((x + 9, top), (x + 19, y - 2), tone(enamel, 0.8))
    canvas.box((x - 15, top), (x - 12, y - 1), tone(enamel, 1.35))
    canvas.oval((x, top), (19, 7), tone(enamel, 1.2))

    def perform(moving: Canvas, time: float) -> None:
        turn = stage.angle(time, 1.3)
        moving.oval((x, top), (17, 5.8), soup)
        for step in range(3):
            start = math.degrees(turn) + 115 * step
            moving.ring((x, top), (13.5 - 4 * step, 4.5 - 1.3 * step), 0.9, tone(soup, 1.25), arc=(start, start + 100))
        for number in range(4):
            drift = turn * 0.6 + 1.6 * number
            piece = x + 11 * math.cos(drift), top + 3.5 * math.sin(drift)
            moving.oval(piece, (1.7, 1.0), (96, 160, 60) if number % 2 else (236, 110, 40))
        tip = x + 10 * math.cos(turn), top + 3.4 * math.sin(turn)
        end = x + 5 + 5 * math.cos(turn), top - 23 + 2 * math.sin(turn)
        moving.oval(tip, (3.6, 1.8), tone(WOOD, 0.8))
        moving.line([tip, end], 2.2, WOOD)
        moving.line([(tip[0] - 0.5, tip[1]), (end[0] - 0.5, end[1])], 0.8, tone(WOOD, 1.25))
        hand(moving, stage.arm, (end[0], end[1] + 3), elbow=(x + 56, y))

    return perform


def chop(canvas: Canvas, stage: Stage) -> Performance:
    """A knife cuts a carrot on a board."""
    x, y = stage.foot
    board = mix((222, 186, 132), (176, 128, 82), stage.tints[0])
    carrot = mix((244, 130, 32), (228, 92, 30), stage.tints[1])
    shadow(canvas, (x, y), (33, 9))
    canvas.polygon([(x - 25, y - 9), (x + 25, y - 9), (x + 29, y + 5), (x - 29, y + 5)], board)
    canvas.polygon([(x - 29, y + 5), (x + 29, y + 5), (x + 29, y + 7.5), (x - 29, y + 7.5)], tone(board, 0.68))
    for number in range(3):
        canvas.line([(x - 24 + number, y - 5 + 4 * number), (x + 22, y - 5 + 4 * number)], 0.4, tone(board, 0.88))
    for leaf in (-3, -1, 1, 3):
        canvas.line([(x + 15, y - 3), (x + 25 - abs(leaf), y - 3 + 1.7 * leaf)], 1.5, (70, 150 + 10 * leaf, 54))
    canvas.polygon([(x - 4, y - 5), (x + 15, y - 7), (x + 17, y - 3), (x + 15, y + 1), (x - 4, y)], carrot)
    canvas.line([(x - 2, y - 4.4), (x + 14, y - 5.6)], 0.9, tone(carrot, 1.25))
    for number in range(5):
        canvas.line([(x + 3.4 * number, y - 5.5), (x + 3.4 * number + 0.4, y - 3.4)], 0.5, tone(carrot, 0.75))

    def perform(moving: Canvas, time: float) -> None:
        turn = stage.angle(time, 1.3)
        lift = abs(math.sin(turn))  # two cuts a turn
        for number in range(4 + int(4 * stage.tempo * time)):
            slice_x, slice_y = x - 8 - 3.1 * (number % 5), y - 3 + 4 * (number // 5) + 0.8 * (number % 2)
            moving.oval((slice_x, slice_y), (2.6, 2.3), tone(carrot, 0.8))
            moving.oval((slice_x, slice_y - 0.5), (2.4, 2.0), tone(carrot, 1.12))
            moving.disc((slice_x, slice_y - 0.5), 0.8, (250, 190, 90))
        blade = x - 4.5, y + 2 - 14 * lift
        heel = blade[0] + 9, blade[1] - 15
        moving.polygon(
            [blade, (blade[0] - 2.6, blade[1] - 6), (heel[0] - 7, heel[1] - 2), heel, (heel[0] + 1, heel[1] + 4)], STEEL
        )
        moving.line([(blade[0], blade[1]), (heel[0] + 1, heel[1] + 4)], 0.8, (238, 242, 246))
        moving.line([(heel[0] - 3, heel[1] + 0.5), (heel[0] + 7, heel[1] - 8)], 3.0, (46, 40, 40))
        hand(moving, stage.arm, (heel[0] + 4, heel[1] - 4), elbow=(x + 56, y - 3))

    return perform


def wipe(canvas: Canvas, stage: Stage) -> Performance:
    """A cloth slides to and fro over the wet table."""
    x, y = stage.foot
    cloth = hue(0.45 + 0.25 * stage.tints[0], 0.5 + 0.3 * stage.tints[1], 0.9)
    canvas.glow((x, y), (34, 10), (236, 240, 244), 0.5)
    for number in range(7):
        bubble = x - 26 + 8.5 * number, y + 5 * math.sin(2.3 * number + 6 * stage.phase)
        canvas.disc(bubble, 1.7, (250, 252, 255))
        canvas.disc((bubble[0] + 0.3, bubble[1] + 0.3), 1.0, (196, 216, 230))

    def perform(moving: Canvas, time: float) -> None:
        swing = math.sin(stage.angle(time, 1.35))
        centre, lean = (x + 17 * swing, y - 1), 3 * math.cos(stage.angle(time, 1.35))
        for number in range(3):
            row = centre[1] - 4 + 4 * number
            moving.line([(x - 22, row), (centre[0], row)], 0.7, (248, 250, 252))
        left, right, top, bottom = centre[0] - 12, centre[0] + 12, centre[1] - 8, centre[1] + 7
        outline = [
            (left + lean, top), (centre[0], top - 1.5), (right + lean, top + 0.8), (right + 1, centre[1]),
            (right - lean, bottom), (centre[0] + 2, bottom - 1.4), (left - lean, bottom), (left - 1, centre[1]),
        ]  # fmt: skip
        moving.polygon([(px + 0.8, py + 1.8) for px, py in outline], (70, 56, 46))
        moving.polygon(outline, cloth)
        for number in range(3):
            stripe = left + 4 + 7 * number
            moving.line([(stripe + lean, top + 1), (stripe - lean, bottom - 1)], 1.5, tone(cloth, 1.4))
        moving.line([(left + 2, top + 6), (centre[0] - 3, centre[1] + 1), (left + 3, bottom - 3)], 0.8, tone(cloth, 0.7))
        hand(moving, stage.arm, (centre[0] + 1, centre[1] - 2), elbow=(centre[0] * 0.4 + 62, y + 24))

    return perform
