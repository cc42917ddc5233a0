"""LongCook-Hour: what the scripts promise, whatever the seed and the length, and that pictures keep the secret."""

import csv
import io
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcook.formats import charades
from longcook.manifest import Recipe
from longcook.plan_shift import (
    EVENT_SEC,
    LENGTHS,
    MOST_TABLES,
    ROUND_SEC,
    SHIFT_FPS,
    ShiftScript,
    draw_shift,
    menus,
    plan_shifts,
    tables,
)
from longcook.rendering import render
from longcook.script import CAUSES, CLASS_NAMES, POUR, composite_of
from slowfast.annotations.events import read_truth_csv

seeds = st.integers(0, 2**31)
lengths = st.sampled_from([1, 2, 3, 5, 7, 10, 11, 13, 20, 59, 60])
table_counts = st.integers(1, MOST_TABLES)

FRAME_SEC = 0.5
CLIP_SEC = 8 * FRAME_SEC
"""Of the configs: 8 frames, two a second."""


@st.composite
def scripts(draw: st.DrawFn, minutes: st.SearchStrategy[int] = lengths) -> ShiftScript:
    key = (draw(seeds), 0, draw(st.integers(0, 500)))
    script = draw_shift("VIDEO", key, minutes=draw(minutes), num_tables=draw(table_counts))
    numbers = st.integers(0, len(menus(script.tables)) - 1)
    return script.with_menus(draw(st.lists(numbers, min_size=script.rounds, max_size=script.rounds)))


@given(st.data(), lengths)
def test_events_fill_the_video_which_is_about_as_long_as_asked(data: st.DataObject, minutes: int) -> None:
    script = data.draw(scripts(st.just(minutes)))
    shortest, longest = (6000 * minutes * part for part in LENGTHS)
    assert script.events[0].start_centisec == 0
    assert max(6000, shortest - 1) <= script.length_centisec <= longest + 1
    assert script.num_frames == -(-script.length_centisec * SHIFT_FPS // 100)
    for event, following in itertools.pairwise(script.events):
        assert event.end_centisec == following.start_centisec
    shortest, longest = (100 * bound for bound in EVENT_SEC)
    assert all(0.75 * shortest <= event.end_centisec - event.start_centisec <= 1.35 * longest for event in script.events)


@given(scripts())
def test_neighbours_differ_except_where_something_is_prepared_twice(script: ShiftScript) -> None:
    for event, following in itertools.pairwise(script.events):
        if (event.label, event.table) == (following.label, following.table):
            assert event.label in CAUSES


@given(scripts())
def test_the_drink_is_what_was_prepared_last_at_that_table(script: ShiftScript) -> None:
    pourings = [event for event in script.events if event.label == POUR]
    assert {event.table for event in pourings} == set(tables(script.tables))
    for pouring, drink in zip(pourings, script.drinks, strict=True):
        before = [e for e in script.events if e.table == pouring.table and e.end_centisec <= pouring.start_centisec]
        cause = [event.label for event in before if event.label in CAUSES][-1]
        assert (drink.label, drink.start_centisec, drink.end_centisec) == (
            composite_of(cause), pouring.start_centisec, pouring.end_centisec
        )  # fmt: skip


@given(scripts())
def test_causes_lie_up_to_ten_minutes_before_their_effects_and_no_clip_sees_both(script: ShiftScript) -> None:
    for wait in script.waits_centisec:
        assert 100 * CLIP_SEC < wait + 100 * FRAME_SEC
        assert wait < 100 * ROUND_SEC


def test_causes_lie_up_to_ten_minutes_before_their_effects_at_the_longest() -> None:
    waits = [
        wait for video in plan_shifts({"train": 20}, seed=0, minutes=60, num_tables=2)["train"] for wait in video.waits_centisec
    ]
    assert 400 < max(waits) / 100 < ROUND_SEC


@given(scripts())
def test_the_tables_of_a_round_get_different_things_and_each_the_same_whenever_it_is_its_turn(script: ShiftScript) -> None:
    for number in range(script.rounds):
        prepared = {(e.table, e.label) for e in script.events if e.label in CAUSES and script.round_of(e) == number}
        assert len(prepared) == len({table for table, _ in prepared}) == len({label for _, label in prepared})
        assert len(prepared) == script.tables


@given(scripts())
def test_other_causes_change_nothing_but_their_labels(script: ShiftScript) -> None:
    other = script.with_menus([0] * script.rounds)
    assert other.picture_seed == script.picture_seed
    for event, changed in zip(script.events, other.events, strict=True):
        assert (event.start_centisec, event.end_centisec, event.table) == (
            changed.start_centisec, changed.end_centisec, changed.table
        )  # fmt: skip
        assert event.label == changed.label or event.label in CAUSES


@given(seeds, st.integers(1, 40), st.sampled_from([1, 25]), table_counts)
def test_menus_of_first_rounds_are_balanced_and_splits_differ(seed: int, count: int, minutes: int, num_tables: int) -> None:
    counts = {"train": count, "val": count, "test": count}
    splits = plan_shifts(counts, seed=seed, minutes=minutes, num_tables=num_tables)
    for split in splits.values():
        first = Counter(
            tuple(next(e.label for e in script.events if e.label in CAUSES and e.table == t) for t in tables(num_tables))
            for script in split
        )
        assert max(first.values()) - min(first[menu] for menu in menus(num_tables)) <= 1
    events = [tuple(script.events for script in split) for split in splits.values()]
    assert len(set(events)) == 3
    assert splits == plan_shifts(counts, seed=seed, minutes=minutes, num_tables=num_tables)


@pytest.mark.parametrize("num_tables", [1, 2])
def test_drawn_frames_are_bit_identical_outside_the_causes(num_tables: int) -> None:
    script = draw_shift("VIDEO", (0, 0, 0), minutes=1, num_tables=num_tables)
    first, other = (np.stack(list(render(script.with_menus([menu])))) for menu in (0, len(menus(num_tables)) - 1))
    assert len(first) == script.num_frames
    inside = np.zeros(len(first), bool)
    for event in script.events:
        if event.label in CAUSES:
            inside[np.ceil(event.start_centisec * SHIFT_FPS / 100).astype(int) : event.end_centisec * SHIFT_FPS // 100 + 1] = (
                True
            )
    differ = (first != other).any(axis=(1, 2, 3))
    assert differ.any()
    assert not (differ & ~inside).any()


def test_tables_can_be_told_apart_in_every_frame() -> None:
    script = draw_shift("VIDEO", (0, 0, 1), minutes=1, num_tables=2)
    frames = np.stack(list(render(script))).astype(float)
    redness = (frames[:, 60:, :, 0] - frames[:, 60:, :, 2]).mean(axis=(1, 2))
    for number, value in enumerate(redness):
        now = next(event for event in script.events if number * 100 < event.end_centisec * SHIFT_FPS)
        assert (value > 0) == (now.table == 0), number


@pytest.mark.parametrize(("minutes", "num_tables"), [(1, 1), (25, 2)])
def test_lists_state_the_script(minutes: int, num_tables: int, tmp_path) -> None:
    recipe = Recipe(format="hour", num_train=2, num_val=1, num_test=1, seed=3, minutes=minutes, tables=num_tables)
    texts = charades.hour_contents(recipe).texts
    planned = plan_shifts(recipe.counts, seed=3, minutes=minutes, num_tables=num_tables)
    for split, videos in planned.items():
        rows = list(csv.DictReader(io.StringIO(texts[f"Charades_v1_{split}.csv"])))
        assert [row["id"] for row in rows] == [video.video_id for video in videos]
        assert [float(row["length"]) for row in rows] == [video.length_centisec / 100 for video in videos]
        listed = tmp_path / "events.csv"
        listed.write_text(texts[f"events_{split}.csv"])
        truths = read_truth_csv(listed)
        for row, video in zip(rows, videos, strict=True):
            wanted = sorted(
                (event.start_centisec / 100, event.end_centisec / 100, CLASS_NAMES[event.label])
                for event in (*video.events, *video.drinks)
            )
            actions = [action.split() for action in row["actions"].split(";")]
            assert sorted((float(b), float(e), CLASS_NAMES[int(c[1:])]) for c, b, e in actions) == wanted
            number = truths.videos.index(video.video_id)
            mine = truths.events.video == number
            events = zip(
                truths.events.start[mine], truths.events.end[mine], truths.events.label[mine].tolist(), strict=True
            )  # fmt: skip
            assert sorted((float(b), float(e), truths.classes[k]) for b, e, k in events) == wanted
