"""Draws the figures of "How it works": python docs/hooks/figures.py

They are files of the repository, so that its pages show them too; a test sees that they are those of this script.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parents[1] / "how" / "images"
INK, GREY, FRAME, MEMORY, GRADIENT, OUT = "#263238", "#90a4ae", "#bbdefb", "#ffcc80", "#c62828", "#c8e6c9"


class Figure:
    """Shapes in the order in which they are drawn. Sizes and places are in pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(title)}" font-family="Helvetica, Arial, sans-serif">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def box(self, x: float, y: float, w: float, h: float, fill: str, text: str = "", *, dashed: bool = False) -> None:
        line = f'stroke="{INK}" stroke-width="1"' + (' stroke-dasharray="4 3"' if dashed else "")
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="3" fill="{fill}" {line}/>')
        if text:
            self.text(x + w / 2, y + h / 2 + 5, text)

    def text(self, x: float, y: float, text: str, *, size: int = 14, colour: str = INK, anchor: str = "middle") -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def arrow(self, *points: tuple[float, float], colour: str = INK, dashed: bool = False) -> None:
        """Along the points, with a head at the last one."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        (before_x, before_y), (x, y) = points[-2], points[-1]
        long = max(abs(x - before_x), abs(y - before_y))
        dx, dy = (x - before_x) / long, (y - before_y) / long
        corners = [(x, y), (x - 9 * dx - 5 * dy, y - 9 * dy + 5 * dx), (x - 9 * dx + 5 * dy, y - 9 * dy - 5 * dx)]
        self.parts.append(f'<polygon points="{" ".join(f"{a:g},{b:g}" for a, b in corners)}" fill="{colour}"/>')

    def bar(self, x: float, top: float, bottom: float) -> None:
        self.parts.append(f'<line x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom:g}" stroke="{INK}" stroke-width="3"/>')

    def frames(self, x: float, y: float, count: int, fill: str, *, first: int | None = None, width: float = 26) -> float:
        """A row of frames, numbered from `first`. Returns where it ends."""
        for number in range(count):
            self.box(x + number * width, y, width - 3, 26, fill, "" if first is None else str(first + number))
        return x + count * width

    def svg(self) -> str:
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def operator() -> Figure:
    """A convolution over three frames at the border of two steps."""
    figure = Figure(720, 250, "A convolution at the border of two steps: without and with a memory")
    for top, name, left in ((20, "a plain network: zeros stand for what was before", "0"), (140, "a Markov operator", "m")):
        figure.text(20, top + 10, name, anchor="start")
        end = figure.frames(60, top + 25, 8, FRAME, first=0)
        figure.box(
            end + 60, top + 25, 23, 26, MEMORY if left == "m" else "white", "7" if left == "m" else "0", dashed=left == "0"
        )
        figure.frames(end + 86, top + 25, 7, FRAME, first=8)
        figure.box(end + 57, top + 68, 81, 24, OUT, "kernel")
        figure.arrow((end + 97, top + 54), (end + 97, top + 66))
        if left == "m":
            figure.arrow((end - 16, top + 53), (end - 16, top + 80), (end + 54, top + 80), colour="#ef6c00")
            figure.text(end - 20, top + 98, "the last frame is kept", size=12, anchor="end")
    figure.text(164, 82, "step 0", size=12, colour="#546e7a")
    figure.text(520, 82, "step 1", size=12, colour="#546e7a")
    return figure


def steps() -> Figure:
    """36 frames in five steps of eight that share one."""
    figure = Figure(760, 290, "36 frames are read in five steps of eight frames that share one")
    width = 19.0
    figure.frames(60, 20, 36, FRAME, width=width)
    figure.text(55, 38, "video", anchor="end", size=12)
    start = 0
    for step in range(5):
        top, new = 70 + step * 42, 8 if step == 0 else 7
        left = 60 + start * width
        figure.text(55, top + 18, f"step {step}", anchor="end", size=12)
        if step:
            figure.box(left - width, top, width - 3, 26, MEMORY)
            figure.arrow((left - width / 2 - 1, top - 16), (left - width / 2 - 1, top - 2), colour="#ef6c00")
        figure.frames(left, top, new, FRAME, width=width)
        figure.text(left + new * width + 6, top + 18, f"reads {new} new frames", size=12, anchor="start") if step < 3 else (
            figure.text(left - width - 6, top + 18, f"reads {new} new frames", size=12, anchor="end")
        )
        start += new
    return figure


def memory() -> Figure:
    """What reaches a step under each CACHE."""
    figure = Figure(720, 270, "What of the past reaches a step: none, last, max and avg")
    rows = (
        ("none", [0, 0, 0, 0, 0], "every step is a short clip by itself"),
        ("last", [0, 0, 0, 0.35, 1], "as far as the stacked kernels reach"),
        ("max", [1, 1, 1, 1, 1], "the largest value so far, from every step before"),
        ("avg", [0.5, 0.6, 0.7, 0.85, 1], "a mean of all that was, older steps weigh less"),
    )
    figure.text(330, 24, "steps before", size=12, colour="#546e7a")
    figure.text(455, 24, "now", size=12, colour="#546e7a")
    for row, (name, shares, meaning) in enumerate(rows):
        top = 38 + row * 57
        figure.text(110, top + 24, f"PGT.CACHE {name}", anchor="end", size=13)
        for number, share in enumerate(shares):
            left = 130 + number * 62
            figure.box(left, top, 54, 36, "white")
            if share:
                figure.parts.append(
                    f'<rect x="{left:g}" y="{top:g}" width="54" height="36" rx="3" fill="{MEMORY}" fill-opacity="{share:g}" '
                    f'stroke="{INK}" stroke-width="1"/>'
                )
        figure.box(440, top, 30, 36, FRAME)
        figure.text(482, top + 23, meaning, anchor="start", size=11)
    return figure


def _row_of_steps(figure: Figure, top: float) -> list[float]:
    lefts = [40 + 165 * number for number in range(4)]
    for number, left in enumerate(lefts):
        figure.box(left, top, 105, 44, FRAME, f"step {number}")
        if number:
            figure.arrow((left - 58, top + 14), (left - 2, top + 14), colour="#ef6c00")
        figure.box(left + 30, top - 46, 45, 24, OUT, "loss")
        figure.arrow((left + 42, top - 2), (left + 42, top - 20))
        figure.arrow((left + 64, top - 20), (left + 64, top - 2), colour=GRADIENT)
    return lefts


def gradient_cut() -> Figure:
    """Gradients end at borders."""
    figure = Figure(720, 190, "Truncated gradients: each stays in its step; memory goes on")
    lefts = _row_of_steps(figure, 70)
    for left in lefts[1:]:
        figure.arrow((left - 2, 104), (left - 28, 104), colour=GRADIENT, dashed=True)
        figure.bar(left - 31, 88, 120)
    figure.text(360, 150, "memory goes to the next step; gradients stop at the border", size=13)
    figure.text(360, 172, "kept for going back: the activations of one step", size=13)
    return figure


def gradient_exact() -> Figure:
    """Forward without a graph, then step by step back."""
    figure = Figure(720, 250, "Exact gradients: steps run forward without a graph, then again from the last to the first")
    figure.text(40, 24, "1. forward, without a graph; the small memory before each step is kept", anchor="start", size=13)
    lefts = [40 + 165 * number for number in range(4)]
    for number, left in enumerate(lefts):
        figure.box(left, 38, 105, 40, "white", f"step {number}", dashed=True)
        if number:
            figure.arrow((left - 58, 58), (left - 2, 58), colour="#ef6c00")
            figure.box(left - 42, 64, 22, 22, MEMORY)
    figure.text(40, 122, "2. again, from the last to the first, with a graph of one step at a time", anchor="start", size=13)
    for number, left in enumerate(lefts):
        figure.box(left, 136, 105, 40, FRAME, f"step {number}")
        if number:
            figure.box(left - 42, 128, 22, 22, MEMORY)
            figure.arrow((left - 18, 140), (left - 2, 140), colour="#ef6c00")
            figure.arrow((left - 2, 166), (left - 58, 166), colour=GRADIENT)
    figure.text(360, 204, "each step hands the gradient for the memory it read to the step before", size=13, colour=GRADIENT)
    figure.text(360, 228, "kept: the activations of one step, and one small memory a step", size=13)
    return figure


def lanes() -> Figure:
    """Batches of whole videos."""
    figure = Figure(740, 230, "Lanes of whole videos: every lane goes through one video, then through the next")
    videos = ((("A", 7), ("D", 5)), (("B", 4), ("E", 8)), (("C", 10), ("F", 2)))
    fills = dict(zip("ABCDEF", ("#bbdefb", "#c5cae9", "#b2dfdb", "#ffe0b2", "#f8bbd0", "#dcedc8"), strict=True))
    for number, lane in enumerate(videos):
        top, left = 30 + number * 50, 80.0
        figure.text(70, top + 20, f"lane {number}", anchor="end", size=13)
        for name, count in lane:
            for piece in range(count):
                figure.box(left, top, 47, 30, fills[name], f"{name}{piece}")
                left += 50
            figure.bar(left - 1.5, top - 6, top + 36)
    figure.parts.append(f'<rect x="227" y="18" width="152" height="154" fill="none" stroke="{GRADIENT}" stroke-width="2"/>')
    figure.text(303, 192, "one batch: three steps of each lane", size=13, colour=GRADIENT)
    figure.text(380, 216, "where a video ends (bar) its row of the memory begins anew; the other rows go on", size=13)
    return figure


def evaluation() -> Figure:
    """Several steps at once."""
    figure = Figure(720, 250, "Evaluation: several steps of a clip run at once, one operator after the other")
    figure.text(60, 24, "first operator", anchor="start", size=13)
    figure.text(130, 134, "next operator", anchor="start", size=13)
    for top, name in ((40, "input"), (150, "input")):
        for number in range(4):
            left = 60 + 160 * number
            figure.box(left, top, 110, 34, FRAME, f"{name} of step {number + 1}")
            if number:
                figure.arrow((left - 48, top + 10), (left - 2, top + 10), colour="#ef6c00")
                figure.box(left - 36, top + 18, 22, 20, MEMORY)
    for number in range(4):
        figure.arrow((115 + 160 * number, 76), (115 + 160 * number, 148))
    figure.text(360, 212, "all inputs of an operator are there, so all its memories are too:", size=13)
    figure.text(360, 232, "the steps are rows of one batch", size=13)
    return figure


FIGURES = {
    "operator": operator, "steps": steps, "memory": memory, "gradient_cut": gradient_cut, "gradient_exact": gradient_exact,
    "lanes": lanes, "evaluation": evaluation,
}  # fmt: skip

if __name__ == "__main__":
    for name, draw in FIGURES.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
