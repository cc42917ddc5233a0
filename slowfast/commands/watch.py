"""`tools/watch.py`: what several networks say of one video, in one film."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from slowfast.prediction.annotated import write_drawn
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.files import Shown
from slowfast.prediction.inputs import find_inputs
from slowfast.prediction.loading import load_model
from slowfast.prediction.predicting import Predictor
from slowfast.prediction.stacked import Stacked, shared_rows
from slowfast.runtime.atomic_files import atomic_write, make_folder

SMALLEST = 640
"""Width below which pictures are enlarged: there are names and titles to read."""


def watch(
    titled: Sequence[tuple[str, Path]], video: str, out: Path, *, classes: Collection[str] | None = None, device: str = "auto"
) -> None:
    """Writes the film `out`. titled: (title, weights) of each network. video: a file, or a folder of pictures. classes: only
    these. Raises PredictionError, DecodeError, WriteError; the film is there whole or not at all."""
    if out.suffix != ".mp4":
        raise PredictionError(f"{out}: films are written as mp4; right would be a name that ends in .mp4")
    inputs = find_inputs([video])
    if len(inputs) != 1:
        raise PredictionError(f"{video}: holds {len(inputs)} videos; right would be one of them")
    predictions = []
    for title, weights in titled:
        loaded = load_model(weights, device=device)
        for advance in Predictor(loaded, inputs).run():
            if advance.failed:
                raise PredictionError(advance.failed[0][1])
            predictions += [(title, prediction) for _, prediction in advance.done]
    shown = Shown.of(predictions[0][1].classes, classes, None)
    shared_rows([prediction for _, prediction in predictions], shown.classes)  # says what is wrong before anything is written
    make_folder(out.parent)
    with atomic_write(out) as beside:
        write_drawn(
            beside,
            inputs[0],
            lambda width: Stacked(predictions, width=width, chosen=shown.classes),
            smallest=SMALLEST,
        )
    print(f"wrote {out}")
