"""Learning rates agree with published ones and with what one works out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from slowfast.config import load_config
from slowfast.engine.lr_schedule import build_schedule, cosine, relative_steps, warm_up

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden" / "lr_schedule.json").read_text())["schedules"]


def schedule_of(solver: dict[str, Any], **others: Any) -> Any:
    pairs = [item for key, value in solver.items() for item in (f"SOLVER.{key}", value)]
    return build_schedule(load_config(None, [*pairs, *[item for pair in others.items() for item in pair]]))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: Path(case["config"]).stem)
def test_schedule_agrees_with_golden_numbers(case: dict[str, Any]) -> None:
    schedule = schedule_of(case["solver"])
    for epoch, rate in case["epoch_lr"]:
        assert schedule(epoch) == pytest.approx(rate, rel=1e-9), epoch


def test_cosine_passes_through_its_three_known_points() -> None:
    rates = [cosine(epoch, base=1.0, end=0.2, start_epoch=2, max_epoch=10) for epoch in (2, 6, 10)]
    assert rates == pytest.approx([1.0, 0.6, 0.2])


def test_step_takes_effect_at_its_epoch_and_not_before() -> None:
    rates = [relative_steps(epoch, base=2.0, start_epochs=(0, 3, 5), factors=(1, 0.1, 0.01)) for epoch in (0, 2.99, 3, 5, 99)]
    assert rates == pytest.approx([2.0, 2.0, 0.2, 0.02, 0.02])


def test_warm_up_meets_the_schedule_where_it_ends() -> None:
    rates = [warm_up(epoch, after=lambda e: 10 - e, start=0.0, num_epochs=2) for epoch in (0, 1, 1.999999, 2, 3)]
    assert rates == pytest.approx([0, 4, 8, 8, 7], abs=1e-4)


def test_no_warm_up_starts_with_the_schedule_itself() -> None:
    assert warm_up(0.0, after=lambda e: 0.5, start=0.1, num_epochs=0.0) == 0.5


def test_cosine_after_warm_up_is_whole_at_its_start() -> None:
    schedule = schedule_of({"COSINE_AFTER_WARMUP": True, "WARMUP_EPOCHS": 4.0, "MAX_EPOCH": 20, "BASE_LR": 0.3})
    assert schedule(4.0) == pytest.approx(0.3)


def test_rates_grow_with_machines_on_request() -> None:
    solver = {"WARMUP_EPOCHS": 2.0, "WARMUP_START_LR": 0.01, "MAX_EPOCH": 10, "COSINE_END_LR": 0.001}
    plain = schedule_of(solver, NUM_SHARDS=4)
    scaled = schedule_of({**solver, "BASE_LR_SCALE_NUM_SHARDS": True}, NUM_SHARDS=4)
    for epoch in (0, 1, 2, 7.5, 10):
        assert scaled(epoch) == pytest.approx(4 * plain(epoch))
