"""Whether a network knows what milk becomes: counted by hand on one small test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longcook.drinks import Answers, answers, main
from longcook.script import CLASS_NAMES
from slowfast.annotations.events import format_truths
from slowfast.annotations.events.listed import list_events

COFFEE, TEA, COCOA, LATTE, MILK_TEA, CHOCOLATE = (CLASS_NAMES[k] for k in (0, 1, 2, 8, 9, 10))
Write = Callable[[list[str]], Path]


@pytest.fixture
def write_test(tmp_path: Path) -> Write:
    """Writes what a test leaves: stretches of 2 s of two videos of 10 s, in each of which a drink has the highest score."""

    def write(named: list[str]) -> Path:
        scores = np.zeros((len(named), len(CLASS_NAMES)), np.float32)
        scores[:, 0] = 9  # what is done is another question
        scores[np.arange(len(named)), [CLASS_NAMES.index(name) for name in named]] = 0.1
        start = np.resize(2.0 * np.arange(5), len(named))
        np.savez(
            tmp_path / "scores_in_time.npz", video_ids=["A", "B"], class_names=CLASS_NAMES, scores=scores,
            video=np.repeat([0, 1], 5), view=np.zeros(10, int), start_sec=start, end_sec=start + 2, duration_sec=[10.0, 10.0],
        )  # fmt: skip
        rows = [
            ("B", COFFEE, 0.0, 4.0, 0.0), ("B", LATTE, 4.0, 6.5, 0.0),
            ("A", TEA, 0.0, 2.0, 0.0), ("A", COCOA, 2.0, 4.0, 0.0),
            ("A", MILK_TEA, 4.0, 6.0, 0.0), ("A", CHOCOLATE, 8.0, 10.0, 0.0),
        ]  # fmt: skip
        truths = list_events(["B", "A"], rows, scored=False, duration={"A": 10.0, "B": 10.0}, subset={"A": "x", "B": "x"})
        (tmp_path / "truths.json").write_text(format_truths(truths))
        return tmp_path

    return write


def test_a_drink_is_asked_for_where_one_is_made_and_right_when_it_has_the_highest_score_of_the_four(write_test: Write) -> None:
    others = [LATTE] * 2
    assert answers(write_test([*others, MILK_TEA, LATTE, CHOCOLATE, *others, LATTE, *others])) == Answers(3, 3, 3)
    assert answers(write_test([*others, CHOCOLATE, LATTE, MILK_TEA, *others, LATTE, *others])) == Answers(3, 1, 3)
    assert answers(write_test([*others, LATTE, LATTE, LATTE, *others, MILK_TEA, *others])) == Answers(3, 0, 0)


def test_shares_are_printed_run_by_run(write_test: Write, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_test([LATTE] * 10)
    assert main([str(folder)]) == 0
    assert "named in 33.3 % of 3 stretches (chance 25), one that was prepared for in 33.3 %" in capsys.readouterr().out


def test_folders_of_something_else_are_refused(write_test: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert "no such file; expected the OUTPUT_DIR" in capsys.readouterr().err
    folder = write_test([LATTE] * 10)
    with np.load(folder / "scores_in_time.npz") as kept:
        content = dict(kept)
    np.savez(folder / "scores_in_time.npz", **{**content, "class_names": np.array(["goal"])})
    assert main([str(folder)]) == 2
    assert "classes are others" in capsys.readouterr().err
