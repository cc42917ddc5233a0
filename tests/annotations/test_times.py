"""Every spelling of a time says the same time, and what is no time says none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.annotations.times import Time, clock_text, parse_time

MILLISECONDS = st.integers(0, 100 * 3600 * 1000)


def spellings(milliseconds: int, point: str) -> list[str]:
    """All ways in which a time is written."""
    whole, rest = divmod(milliseconds, 1000)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    decimals = f"{point}{rest:03d}"
    return [
        f"{whole}{decimals}", f"{whole}{decimals} s", f"{whole}{decimals}sec", f"{milliseconds} ms", f"{milliseconds}ms",
        f"{hours}:{minutes:02d}:{seconds:02d}{decimals}", f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimals}",
        f"{whole // 60}:{seconds:02d}{decimals}", f"{hours}h {minutes}m {seconds}{decimals}s",
        f"{whole // 60}min{seconds}{decimals}s",
        f" {whole}{decimals} ",
    ]  # fmt: skip


@given(MILLISECONDS, st.sampled_from(".,"))
def test_all_spellings_of_a_time_are_that_time(milliseconds: int, point: str) -> None:
    for text in spellings(milliseconds, point):
        found = parse_time(text)
        assert found is not None, text
        assert found.frames is None
        assert found.at(25) == pytest.approx(milliseconds / 1000, abs=1e-9), text


@given(MILLISECONDS)
def test_what_people_are_shown_can_be_read_again(milliseconds: int) -> None:
    found = parse_time(clock_text(milliseconds / 1000))
    assert found is not None
    assert found.at(25) == pytest.approx(milliseconds / 1000, abs=1e-9)


@given(st.integers(0, 10**7), st.sampled_from([24.0, 24000 / 1001, 25.0, 30000 / 1001, 30.0, 59.94]))
def test_frames_are_read_in_each_spelling_and_last_as_long_as_the_rate_says(frame: int, fps: float) -> None:
    for text in (f"{frame}f", f"#{frame}", f"frame {frame}", f"{frame} frames", f"F{frame}"):
        assert parse_time(text) == Time(0.0, frame), text
    assert parse_time(str(frame), "frame") == Time(0.0, frame)
    assert Time(0.0, frame).at(fps) == pytest.approx(frame / fps)


@given(st.integers(0, 24 * 3600 * 30 - 1))
def test_time_codes_count_frames_of_the_rate_rounded_up(frame: int) -> None:
    """At 29.97 a second, a time code without drops counts 30 frames to its second."""
    text = f"{frame // 108000:02d}:{frame // 1800 % 60:02d}:{frame // 30 % 60:02d}:{frame % 30:02d}"
    found = parse_time(text)
    assert found is not None
    assert found.at(30000 / 1001) == pytest.approx(frame * 1001 / 30000)
    assert found.at(30.0) == pytest.approx(frame / 30)


@pytest.mark.parametrize(
    ("text", "unit", "seconds"),
    [
        ("1500", "ms", 1.5), ("1,5", "min", 90.0), ("0.5", "h", 1800.0), ("-1.5", "s", -1.5), ("-0:01", "s", -1.0),
        ("1e-05", "s", 1e-5),
    ],
)  # fmt: skip
def test_bare_numbers_count_what_their_column_says(text: str, unit: str, seconds: float) -> None:
    found = parse_time(text, unit)
    assert found is not None
    assert found.at(25) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "nan", "inf", "1_000", "１２", "1.000,5", "1,000.5", "0:70", "1:60:00", "1:2:3:4:5", "12:00:61", "2026-01-02"),
        *("2026-01-02 00:01:00", "10:00 AM", "5s 1m", "1m 2m", "12 parsecs", "--1", "00:00:10;05", "1 2", "x", "9" * 400),
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = parse_time(text)
    assert found is None or abs(found.at(25.0)) >= 0


def test_half_a_frame_is_no_frame() -> None:
    assert parse_time("12.5", "frame") is None
    assert parse_time("12.0", "frame") == Time(0.0, 12)
