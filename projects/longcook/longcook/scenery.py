"""The kitchen that a video plays in: wall, window or lamp, shelf, table. It stands still, so it is painted once a video."""

from __future__ import annotations

import numpy as np

from longcook.paint import HEIGHT, WIDTH, Canvas, Colour, Point, hue, mix, tone

HORIZON = 43
"""Row at which the table meets the wall."""

CLOTHS: tuple[Colour, ...] = ((196, 60, 52), (52, 96, 190))
"""Colours of the cloths on the tables, where there are several."""

_CREAM: Colour = (246, 238, 220)
_LAMPLIGHT: Colour = (255, 226, 160)
_SHADOW: Colour = (30, 22, 18)
_TILE = 9


def paint_kitchen(canvas: Canvas, rng: np.random.Generator) -> None:
    """An empty kitchen of WIDTH x HEIGHT units, with colours and furniture drawn from `rng`."""
    _wall(canvas, rng)
    _table(canvas, rng)
    _shelf(canvas, rng)
    light = _window if rng.random() < 0.6 else _lamp
    light(canvas, rng)
    _hanging_tools(canvas, rng)
    for x in (0, WIDTH):  # darker towards the sides
        canvas.glow((x, HEIGHT / 2), (WIDTH / 3, HEIGHT), _SHADOW, 0.22)


def lay_cloth(canvas: Canvas, table: int) -> None:
    """The cloth by which one table is told from another; it covers all of the table that is seen."""
    colour = CLOTHS[table]
    canvas.box((0, HORIZON + 1), (WIDTH, HEIGHT), colour)
    for x in range(0, WIDTH, 12):
        canvas.line([(x, HORIZON + 1), (x, HEIGHT)], 0.8, tone(colour, 0.8))
    canvas.box((0, HORIZON + 1), (WIDTH, HORIZON + 2.5), tone(colour, 1.2))


def _wall(canvas: Canvas, rng: np.random.Generator) -> None:
    tiles = hue(rng.random(), rng.uniform(0.06, 0.3), rng.uniform(0.72, 0.92))
    canvas.box((0, 0), (WIDTH, HORIZON), tone(tiles, 0.84))
    left = rng.uniform(-_TILE, 0)
    for row, top in enumerate(range(HORIZON - _TILE, -_TILE, -_TILE)):
        for x in np.arange(left - _TILE / 2 * (row % 2), WIDTH, _TILE).tolist():
            colour = tone(tiles, rng.uniform(0.95, 1.04))
            canvas.box((x, top), (x + _TILE - 0.7, top + _TILE - 0.7), colour)
            canvas.line([(x + 1, top + 1), (x + _TILE - 2.5, top + 1)], 0.4, tone(colour, 1.08))


def _table(canvas: Canvas, rng: np.random.Generator) -> None:
    wood = mix((196, 148, 98), (120, 78, 50), rng.random())
    canvas.box((0, HORIZON), (WIDTH, HEIGHT), wood)
    vanishing = rng.uniform(30, 66)
    for foot in range(-90, 190, 14):  # planks run towards the wall
        edge: list[Point] = [(vanishing + (foot - vanishing) * 0.55, HORIZON), (foot, HEIGHT)]
        canvas.line(edge, 0.5, tone(wood, 0.82))
    for _ in range(26):  # grain
        x, y, length = rng.uniform(0, WIDTH), rng.uniform(HORIZON + 2, HEIGHT), rng.uniform(2, 7)
        slope = (x - vanishing) * 0.02
        canvas.line([(x, y), (x + slope, y + length * 0.5)], 0.35, tone(wood, rng.uniform(0.88, 1.1)))
    canvas.glow((rng.uniform(36, 60), 60), (46, 18), tone(wood, 1.3), 0.45)
    canvas.box((0, HORIZON - 0.8), (WIDTH, HORIZON + 0.6), tone(wood, 0.62))


def _shelf(canvas: Canvas, rng: np.random.Generator) -> None:
    board, y = mix((150, 104, 66), _CREAM, rng.random() * 0.7), rng.uniform(15, 18)
    x = 65.0
    while x < WIDTH - 2:
        width, height = rng.uniform(4.5, 7), rng.uniform(5, 10)
        colour = hue(rng.random(), rng.uniform(0.25, 0.65), rng.uniform(0.5, 0.9))
        canvas.box((x, y - height), (x + width, y), colour)
        canvas.box((x + width * 0.72, y - height), (x + width, y), tone(colour, 0.8))
        canvas.box((x - 0.3, y - height - 1.4), (x + width + 0.3, y - height), tone(colour, 0.6))
        canvas.line([(x + 1, y - height + 1), (x + 1, y - 1.5)], 0.5, tone(colour, 1.35))
        x += width + rng.uniform(0.8, 2.5)
    canvas.box((63, y), (WIDTH, y + 1.8), board)
    canvas.box((63, y + 1.8), (WIDTH, y + 3), tone(board, 0.6))


def _window(canvas: Canvas, rng: np.random.Generator) -> None:
    left, right, top, bottom = 3, 27, 4, 30
    canvas.glow((15, 20), (44, 44), (255, 250, 235), 0.35)
    sky = mix((120, 180, 235), (250, 206, 160), rng.random())
    for y in range(top, bottom):
        canvas.box((left, y), (right, y + 1), mix(sky, (240, 246, 252), (y - top) / (bottom - top)))
    hill = hue(rng.uniform(0.2, 0.4), 0.4, rng.uniform(0.5, 0.7))
    height = rng.uniform(5, 10)
    canvas.polygon(
        [(left, bottom), (left, bottom - 3), (left + 8, bottom - height), (right, bottom - 4), (right, bottom)], hill
    )
    canvas.box((right, top - 1), (right + 5, bottom), tone(_CREAM, 0.62))
    frame = _CREAM
    for x in (left, 15, right):
        canvas.line([(x, top), (x, bottom)], 1.3, frame)
    for y in (top, 17, bottom):
        canvas.line([(left, y), (right, y)], 1.3, frame)
    canvas.box((left - 2, bottom), (right + 6, bottom + 2), tone(frame, 0.88))
    curtain = hue(rng.random(), rng.uniform(0.3, 0.7), rng.uniform(0.65, 0.95))
    canvas.polygon([(left - 3, top - 2), (left + 5, top - 2), (left + 3, top + 14), (left - 3, bottom)], curtain)
    canvas.polygon([(right + 6, top - 2), (right - 3, top - 2), (right, top + 14), (right + 6, bottom)], tone(curtain, 0.9))
    canvas.box((left - 4, top - 3), (right + 7, top), tone(curtain, 0.75))


def _lamp(canvas: Canvas, rng: np.random.Generator) -> None:
    x, y = rng.uniform(14, 24), rng.uniform(15, 20)
    shade = hue(rng.random(), rng.uniform(0.5, 0.8), rng.uniform(0.5, 0.85))
    canvas.glow((x, y + 8), (34, 30), _LAMPLIGHT, 0.7)
    canvas.line([(x, 0), (x, y - 7)], 0.7, (50, 46, 44))
    canvas.disc((x, y + 0.5), 3, (255, 250, 225))
    canvas.polygon([(x - 3, y - 7), (x + 3, y - 7), (x + 10, y), (x - 10, y)], shade)
    canvas.polygon([(x - 2, y - 7), (x, y - 7), (x - 2, y), (x - 7, y)], tone(shade, 1.25))


def _hanging_tools(canvas: Canvas, rng: np.random.Generator) -> None:
    """A rail with a ladle, a sieve and the like, high in the middle where hands do not hide it."""
    rail = mix((90, 90, 96), (190, 150, 90), rng.random())
    canvas.line([(35, 5), (60, 5)], 0.8, rail)
    for x in np.linspace(38, 57, 4):
        x += rng.uniform(-1, 1)
        length, kind = rng.uniform(5, 8), rng.integers(3)
        metal = tone(mix((170, 172, 178), (184, 116, 70), float(rng.random())), rng.uniform(0.8, 1.1))
        canvas.line([(x, 5), (x, 5 + length)], 0.8, metal)
        if kind == 0:
            canvas.oval((x, 5 + length), (2.3, 2), metal, arc=(0, 180))
        elif kind == 1:
            canvas.disc((x, 6.5 + length), 2.1, metal)
            canvas.disc((x, 6.5 + length), 1.3, tone(metal, 0.7))
        else:
            canvas.box((x - 1.4, 4 + length), (x + 1.4, 8 + length), metal)
