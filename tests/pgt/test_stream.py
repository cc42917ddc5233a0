import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from pgt import stream
from pgt.eval_step import ProgressiveEvalStep
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer


@pytest.mark.parametrize("slowfast", [False, True])
def test_a_stream_gives_the_scores_of_progressive_evaluation(
    slowfast: bool, tiny_cfg: Callable[..., Any], make_batch: Callable[..., Any]
) -> None:
    cfg = tiny_cfg(slowfast=slowfast)
    model, batch = build_model(cfg).eval(), make_batch(cfg.DATA.NUM_FRAMES, size=1)
    expected = ProgressiveEvalStep.from_cfg(cfg)(model, batch)
    frames = Normalizer.from_cfg(cfg)(batch.frames)[0].unbind(1)
    predictions = list(stream(model, frames))
    assert tuple((prediction.start, prediction.stop) for prediction in predictions) == expected.segments
    torch.testing.assert_close(torch.stack([prediction.scores for prediction in predictions]), expected.segment_scores[0])


def test_a_stream_without_end_runs_at_constant_memory(tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg())

    def camera() -> Iterator[torch.Tensor]:
        while True:
            yield torch.rand(3, 32, 32)

    sizes = {model.memory_bytes for _ in itertools.islice(stream(model, camera()), 8)}
    assert len(sizes) == 1 and sizes.pop() > 0
