"""All steps of a clip are mixed alike: as if the clip had been mixed before it was cut."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pgt.preprocess import StepCutter
from pgt.train_step import ProgressiveTrainStep
from slowfast.engine.mixing import Mixing
from slowfast.models import build_model
from slowfast.models.losses import soft_cross_entropy
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import select_frames
from slowfast.runtime.random_state import seed_iteration

MIXED = {
    "DATA__MULTI_LABEL": False,
    "MODEL__LOSS_FUNC": "soft_cross_entropy",
    "MODEL__HEAD_ACT": "softmax",
    "MIXUP__ENABLE": True,
}


def one_label(batch: Any) -> Any:
    return dataclasses.replace(batch, labels=torch.arange(len(batch)), frame_labels=None)


@pytest.mark.parametrize("switch_prob", [0.0, 1.0])
@pytest.mark.parametrize("changes", [{}, {"PGT__GRADIENT": "exact"}, {"slowfast": True}])
def test_steps_of_a_mixed_clip_are_those_of_a_clip_that_was_mixed_before_it_was_cut(
    changes: dict[str, Any],
    switch_prob: float,
    tiny_cfg: Callable[..., Any],
    make_batch: Callable[..., Any],
    updater: Any,
) -> None:
    cfg = tiny_cfg(**MIXED, **changes, MIXUP__SWITCH_PROB=switch_prob)
    batch = one_label(make_batch(cfg.DATA.NUM_FRAMES, size=3))
    torch.manual_seed(1)
    model = build_model(cfg).train()
    by_hand = build_model(cfg).train()
    by_hand.load_state_dict(model.state_dict())
    seed_iteration(0, 1)
    ProgressiveTrainStep.from_cfg(cfg)(model, batch, updater)

    seed_iteration(0, 1)
    rule: Any = Mixing.from_cfg(cfg)
    decided = rule.draw(batch)
    assert (decided.box is not None) == bool(switch_prob)
    whole = decided.inputs([Normalizer.from_cfg(cfg)(batch.frames)])[0]
    schedule = StepCutter.from_cfg(cfg).schedule
    total: Any = 0
    by_hand.truncate_memory(cfg.PGT.TBPTT_STEPS == 1)
    for step in range(schedule.steps):
        inputs = [select_frames(whole, tuple(schedule.frames(path, step))) for path in range(schedule.num_pathways)]
        total = total + soft_cross_entropy(by_hand.step(inputs), decided.labels(batch.labels))
    total.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    wanted = {name: parameter.grad for name, parameter in by_hand.named_parameters() if parameter.grad is not None}
    assert found.keys() == wanted.keys() and found
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-4, atol=1e-6)
