"""One video with what several networks say of it, in panels one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import Picture
from slowfast.prediction.panel import BACKGROUND, INK, MOST_ROWS, Panel, font
from slowfast.prediction.results import Prediction


class Stacked:
    """A panel for each network, under its title; all of them have the same rows, those of `shared_rows`. See
    `slowfast.prediction.annotated.Drawing`."""

    def __init__(self, titled: Sequence[tuple[str, Prediction]], *, width: int, chosen: tuple[int, ...]) -> None:
        """titled: (title, what the network says), of the same classes. chosen: numbers of the classes that may be shown. Raises
        PredictionError where classes differ."""
        rows = shared_rows([prediction for _, prediction in titled], chosen)
        self._panels = [Panel(prediction, width=width, chosen=chosen, rows=rows) for _, prediction in titled]
        self._heads = [_head(title, width) for title, _ in titled]
        self.height = sum(head.shape[0] for head in self._heads) + sum(panel.height for panel in self._panels)

    def draw(self, picture: Picture, second: float) -> Picture:
        """The picture with the titled panels below it."""
        parts = [picture]
        for head, panel in zip(self._heads, self._panels, strict=True):
            parts += [head, panel.at(second)]
        return np.concatenate(parts)


def shared_rows(predictions: Sequence[Prediction], chosen: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of the classes that are worth a row: those that are leading in any of the predictions, the first ones of each
    before the second ones; MOST_ROWS at most. Raises PredictionError where classes differ."""
    first = predictions[0]
    for other in predictions[1:]:
        if other.classes != first.classes:
            raise PredictionError(
                f"the networks know different classes ({', '.join(first.classes)}; {', '.join(other.classes)}); right would be "
                "weights that were trained on the same data"
            )
    leading = [prediction.leading(chosen, MOST_ROWS) for prediction in predictions]
    mixed = dict.fromkeys(number for place in zip(*leading, strict=True) for number in place)
    return tuple(mixed)[:MOST_ROWS]


def _head(title: str, width: int) -> Picture:
    """(height, width, 3), of even height."""
    line = max(14, round(width / 30)) // 2 * 2
    image = Image.new("RGB", (width, line), BACKGROUND)
    ImageDraw.Draw(image).text((line // 3, line / 2), title, fill=INK, font=font(round(line * 0.72)), anchor="lm")
    return np.asarray(image)
