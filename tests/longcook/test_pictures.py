"""LongCook: the pixels of a pouring do not depend on what came before it, neither drawn nor decoded."""

from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from longcook.film import write_film
from longcook.paint import HEIGHT, SCALE, WIDTH, Canvas, hue
from longcook.plan_milk import MilkScript, draw_milk
from longcook.rendering import film_of, render
from longcook.script import CAUSES, Event, Script

NUMBERS = (0, 1, 2)


def script_of(number: int, cause: int) -> MilkScript:
    return draw_milk(f"V{number}C{cause}", (0, 0, number)).with_cause(cause)


@cache
def drawn(number: int, cause: int) -> np.ndarray:
    return np.stack(list(render(script_of(number, cause))))


def decoded(folder: Path, script: MilkScript) -> np.ndarray:
    write_film(folder, film_of(script, f"{script.video_id}.mp4"))
    with av.open(str(folder / f"{script.video_id}.mp4")) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def frames_of_cause(script: MilkScript) -> range:
    following = script.events[script.events.index(script.cause) + 1]
    return range(script.cause.first_frame(24), following.first_frame(24))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("cause", CAUSES[1:])
def test_drawn_frames_are_bit_identical_outside_the_cause(number: int, cause: int) -> None:
    first, other = drawn(number, 0), drawn(number, cause)
    inside = frames_of_cause(script_of(number, cause))
    differ = [frame for frame in range(len(first)) if (first[frame] != other[frame]).any()]
    assert differ == list(inside)


@pytest.mark.parametrize("number", NUMBERS[:2])
@pytest.mark.parametrize("cause", CAUSES[1:])
def test_decoded_frames_are_bit_identical_outside_the_cause(tmp_path: Path, number: int, cause: int) -> None:
    first, other = (decoded(tmp_path, script_of(number, label)) for label in (0, cause))
    inside = frames_of_cause(script_of(number, cause))
    differ = [frame for frame in range(len(first)) if (first[frame] != other[frame]).any()]
    assert differ
    assert set(differ) <= set(inside)


def test_every_event_starts_with_a_key_frame_and_no_other_frame_is_one(tmp_path: Path) -> None:
    script = script_of(0, 2)
    write_film(tmp_path, film_of(script, f"{script.video_id}.mp4"))
    with av.open(str(tmp_path / f"{script.video_id}.mp4")) as container:
        keys = [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [event.first_frame(24) for event in script.events]


def test_file_has_the_scripts_frames_at_24_a_second_and_looks_like_the_drawing(tmp_path: Path) -> None:
    script = script_of(1, 3)
    frames = decoded(tmp_path, script)
    assert frames.shape == (script.num_frames, 72, 96, 3)
    assert np.abs(frames.astype(float) - drawn(1, 3)).mean() < 8
    with av.open(str(tmp_path / f"{script.video_id}.mp4")) as container:
        assert container.streams.video[0].average_rate == 24


def test_same_script_gives_same_frames_and_another_seed_others() -> None:
    assert np.array_equal(np.stack(list(render(script_of(0, 1)))), drawn(0, 1))
    other_seed = draw_milk("OTHER", (1, 0, 0)).with_cause(1)
    assert not np.array_equal(next(render(other_seed)), drawn(0, 1)[0])


@pytest.mark.parametrize("label", range(8))
def test_every_action_moves_in_the_middle_of_the_picture(label: int) -> None:
    frames = np.stack(list(render(Script("VIDEO", (Event(label, 0, 100),), (5, label)))))
    middle = frames[:, 4:68, 16:80].astype(float)
    still = middle.std(axis=0).mean(axis=-1) < 6  # noise alone has a deviation of about 2
    assert 0.05 < 1 - still.mean() < 0.6


def test_actions_look_different_in_the_same_kitchen() -> None:
    def looks(label: int) -> np.ndarray:
        frames = np.stack(list(render(Script("VIDEO", (Event(label, 0, 100),), (5,)))))
        return frames.mean(axis=0)[4:68, 16:80]

    pictures = [looks(label) for label in range(8)]
    for number, picture in enumerate(pictures):
        for other in pictures[:number]:
            assert (np.abs(picture - other).max(axis=-1) > 25).mean() > 0.1


@pytest.mark.parametrize(
    ("turn", "expected"), [(0.0, (255, 0, 0)), (1 / 6, (255, 255, 0)), (1 / 3, (0, 255, 0)), (2 / 3, (0, 0, 255))]
)
def test_hue_goes_round_the_colour_circle(turn: float, expected: tuple[int, int, int]) -> None:
    assert hue(turn, 1.0, 1.0) == expected


def test_edges_are_smooth_and_fall_on_fractions_of_pixels() -> None:
    canvas = Canvas.blank()
    canvas.disc((48.5, 36.5), 10, (240, 240, 240))
    picture = canvas.picture()
    assert picture[36, 48].tolist() == [240, 240, 240]
    assert picture.sum() / 3 / 240 == pytest.approx(np.pi * 100, rel=0.08)
    assert len(np.unique(picture)) > 4


def test_a_picture_is_the_mean_of_what_is_painted() -> None:
    canvas = Canvas.blank()
    canvas.pixels[:] = np.random.default_rng(0).integers(0, 256, canvas.pixels.shape, np.uint8)
    sums = canvas.pixels.reshape(HEIGHT, SCALE, WIDTH, SCALE, 3).sum(axis=(1, 3), dtype=np.int64)
    assert np.array_equal(canvas.picture(), np.round(sums / SCALE**2))
