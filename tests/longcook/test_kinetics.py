"""LongCook in the format of Kinetics: short clips tell which causes there are, never which came first."""

from collections import Counter
from pathlib import Path
from statistics import mean, stdev

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcook.manifest import Recipe
from longcook.plan_orders import ORDER_NAMES, ORDERS, OrderScript, draw_order, plan_orders
from longcook.rendering import render
from longcook.script import CAUSES, FILLERS
from longcook.writing import write_longcook
from slowfast.config import load_config
from slowfast.datasets import SampleKey
from slowfast.datasets.clip_sampling import RandomSpacedClip
from slowfast.registry import DATASETS

RECIPE = Recipe(format="kinetics", num_train=3, num_val=2, num_test=1, seed=5)

scripts = st.builds(
    lambda seed, number, label: draw_order("VIDEO", (seed, 0, number)).with_label(label),
    st.integers(0, 2**31),
    st.integers(0, 500),
    st.sampled_from(range(len(ORDERS))),
)


def shown(script: OrderScript, clip: np.ndarray) -> list[int]:
    """Labels of the events that a clip shows, one a frame."""
    return [[e for e in script.events if e.first_frame(24) <= frame][-1].label for frame in clip]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "longcook"
    write_longcook(folder, RECIPE, num_processes=1)
    return folder


@given(scripts)
def test_each_cause_stands_between_fillers_and_the_label_is_their_order(script: OrderScript) -> None:
    first, second = (event.label for event in script.events if event.label in CAUSES)
    assert ORDERS[script.label] == (first, second)
    assert [event.label in FILLERS for event in script.events] == [True, False, True, False, True]


@given(scripts, st.integers(0, 2**31), st.sampled_from([24, 30]))
def test_no_short_clip_shows_both_causes_or_a_cause_and_an_end_of_the_video(
    script: OrderScript, seed: int, target_fps: int
) -> None:
    rule = RandomSpacedClip(length=8, step=4, target_fps=target_fps)
    clip = rule.frames(script.num_frames, 24.0, 0, np.random.default_rng(seed))
    labels = shown(script, clip)
    assert len(set(labels) & set(CAUSES)) <= 1
    if set(labels) & set(CAUSES):
        assert clip[-1] < script.num_frames - 1
        assert clip[0] > 0


@given(scripts, st.integers(0, 2**31))
def test_every_long_clip_shows_both_causes_from_beginning_to_end(script: OrderScript, seed: int) -> None:
    rule = RandomSpacedClip(length=36, step=4, target_fps=24)
    clip = rule.frames(script.num_frames, 24.0, 0, np.random.default_rng(seed))
    assert clip[0] <= script.events[1].first_frame(24)
    assert clip[-1] >= script.events[4].first_frame(24) - 1


def test_what_surrounds_a_cause_is_drawn_alike_for_the_first_and_the_second() -> None:
    scripts = plan_orders({"train": 800}, seed=0)["train"]
    lengths = np.array([[event.end_centisec - event.start_centisec for event in script.events] for script in scripts])
    for first, second in ((0, 2), (1, 3), (2, 4)):
        difference = (lengths[:, first] - lengths[:, second]).tolist()
        assert mean(difference) == pytest.approx(0, abs=3 * stdev(difference) / len(difference) ** 0.5)
    fillers = [Counter(script.events[number].label for script in scripts) for number in (0, 2, 4)]
    for counts in fillers:
        assert all(counts[label] == pytest.approx(800 / 3, abs=50) for label in FILLERS)


@given(scripts, st.sampled_from(range(len(ORDERS))))
def test_another_label_changes_nothing_but_the_two_causes(script: OrderScript, label: int) -> None:
    other = script.with_label(label)
    assert other.label == label
    assert other.with_label(script.label) == script
    assert other.events[::2] == script.events[::2]
    assert other.picture_seed == script.picture_seed


def test_frames_are_bit_identical_outside_the_causes() -> None:
    script = draw_order("VIDEO", (0, 0, 1)).with_label(0)
    frames, others = (np.stack(list(render(s))) for s in (script, script.with_label(1)))
    differ = [number for number in range(len(frames)) if (frames[number] != others[number]).any()]
    spans = [range(script.events[i].first_frame(24), script.events[i + 1].first_frame(24)) for i in (1, 3)]
    assert differ == [*spans[0], *spans[1]]


@given(st.integers(0, 2**31), st.integers(0, 30))
def test_classes_are_balanced(seed: int, num_train: int) -> None:
    counts = Counter(script.label for script in plan_orders({"train": num_train}, seed=seed)["train"])
    assert max(counts.values(), default=0) - min(counts[label] for label in range(len(ORDERS))) <= 1


def test_lists_name_every_video_with_its_class(written: Path) -> None:
    assert (written / "classes.txt").read_text().splitlines() == list(ORDER_NAMES)
    listed = []
    for name, num_videos in RECIPE.counts.items():
        lines = (written / f"{name}.csv").read_text().splitlines()
        assert len(lines) == num_videos
        for line in lines:
            path, label = line.rsplit(" ", 1)
            assert path.split("/")[:2] == ["videos", ORDER_NAMES[int(label)]]
            assert len(path.split("/")[2]) == len("ABCDEFGHIJK_000000_000007.mp4")
            listed.append(path)
    assert sorted(listed) == sorted(path.relative_to(written).as_posix() for path in written.rglob("*.mp4"))


def test_empty_folder_is_filled_as_a_new_one_is(written: Path, tmp_path: Path) -> None:
    write_longcook(tmp_path, RECIPE, num_processes=1)
    first, second = (
        {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}
        for folder in (written, tmp_path)
    )
    assert first == second


def test_file_shows_the_script(written: Path) -> None:
    script = plan_orders(RECIPE.counts, seed=5)["test"][0]
    (path,) = written.rglob(f"{script.video_id}*.mp4")
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == script.num_frames
    for frame, drawn in zip(frames[::20], list(render(script))[::20], strict=True):
        assert np.abs(frame.astype(float) - drawn).mean() < 8


@pytest.mark.parametrize("split", RECIPE.counts)
def test_kinetics_loader_reads_the_folder(written: Path, split: str) -> None:
    config = Path(__file__).parents[2] / "configs" / "LongCook" / "KINETICS_PGT.yaml"
    recipe = {"LONGCOOK.NUM_TRAIN": 3, "LONGCOOK.NUM_VAL": 2, "LONGCOOK.NUM_TEST": 1, "LONGCOOK.SEED": 5}
    overrides = {"DATA.PATH_TO_DATA_DIR": written, **recipe}
    cfg = load_config(config, [item for pair in overrides.items() for item in pair])
    dataset = DATASETS.get("longcook_kinetics")(cfg, split)
    assert dataset.class_names == ORDER_NAMES
    labels = [record.label for record in dataset.records]
    assert labels == [script.label for script in plan_orders(RECIPE.counts, seed=5)[split]]
    clip = dataset[SampleKey(0, 0)]
    assert int(clip.label) == labels[0]
    assert clip.frames.shape[:2] == (3, 36)
