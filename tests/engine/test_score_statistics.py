"""What scores of a test are like as a whole, counted by hand, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from slowfast.annotations.events import Events
from slowfast.engine import testing
from slowfast.engine.score_statistics import (
    ALL_SCORES,
    BEST_SCORES,
    SCORES_IN_TIME,
    STATISTICS,
    Durations,
    read_statistics,
    statistics_in_time,
    statistics_of_videos,
)
from slowfast.evaluation import ScoreError
from slowfast.evaluation.timed import TimedScores

CLASSES = ("pour", "stir", "chop")
SCORES = np.array([[0.72, 0.23, 0.05], [0.72, 0.23, 0.05]], np.float32)
SEVERAL = np.array([[1, 0, 1], [0, 1, 0]], np.float32)


def test_of_videos_with_one_class_the_best_score_is_calibrated() -> None:
    found = statistics_of_videos(SCORES, np.array([0, 1]), CLASSES)
    assert found.calibrated == BEST_SCORES
    assert (found.counts[7], found.hits[7], sum(found.counts)) == (2, 1, 2)
    assert found.means[7] == pytest.approx(0.72)
    assert found.means[0] is None
    assert found.error == pytest.approx(0.22)
    assert (found.of_true[14], found.of_true[4], sum(found.of_true)) == (1, 1, 2)
    assert (found.of_others[14], found.of_others[4], found.of_others[1]) == (1, 1, 2)
    assert found.together is None


def test_of_videos_with_several_classes_all_scores_are() -> None:
    found = statistics_of_videos(SCORES, SEVERAL, CLASSES)
    assert found.calibrated == ALL_SCORES
    assert sum(found.counts) == 6
    assert sum(found.of_true) == 3
    assert found.together is not None
    assert found.together.true == ((1, 0, 1), (0, 1, 0), (1, 0, 1))
    assert found.together.said == ((1, 1, 0), (1, 0, 0), (1, 1, 0)), "two are said of the first video, one of the second"


def test_of_labels_in_time_every_moment_counts() -> None:
    seconds = np.array([[0.0, 2.0], [2.0, 4.0]])
    along = [TimedScores(seconds=seconds, scores=np.array([[0.9, 0.1, 0.1], [0.1, 0.1, 0.1]]), duration=4.0)]
    truths = Events(video=np.array([0]), label=np.array([0]), start=np.array([0.0]), end=np.array([1.5]), score=None)
    found_events = Events(
        video=np.array([0, 0]), label=np.array([0, 1]), start=np.zeros(2), end=np.array([0.1, 8.0]), score=np.ones(2)
    )
    found = statistics_in_time(along, truths, found_events, rate=2.0, class_names=CLASSES)
    assert found.calibrated == SCORES_IN_TIME
    assert sum(found.counts) == 8 * 3
    assert (found.counts[9], found.hits[9]) == (4, 4), "seconds 0, 0.5, 1 and 1.5"
    assert found.of_true == tuple(4 if number == 18 else 0 for number in range(20))
    assert found.durations is not None
    assert found.durations.edges == (0, 0.25, 0.5, 1, 2, 4, 8, 16)
    assert found.durations.true == (0, 0, 0, 1, 0, 0, 0)
    assert found.durations.found == (1, 0, 0, 0, 0, 0, 1)
    assert statistics_in_time(along, truths, None, rate=2.0, class_names=CLASSES).durations is None


@pytest.mark.parametrize("seconds", [[], [0.0], [0.25, 1e5]])
def test_every_event_is_counted_however_long(seconds: list[float]) -> None:
    found = Durations.of(np.array(seconds), np.zeros(0))
    assert sum(found.true) == len(seconds)
    assert sum(found.found) == 0


@pytest.mark.parametrize("labels", [np.array([0, 1]), SEVERAL])
def test_file_says_what_was_counted(tmp_path: Path, labels: Any) -> None:
    found = statistics_of_videos(SCORES, labels, CLASSES)
    found.write(tmp_path)
    assert read_statistics(tmp_path / STATISTICS) == found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("calibrated", "nothing"),
        ("counts", [1]),
        ("means", [0.5]),
        ("hits", None),
        ("of_true", ["many"] * 20),
        ("together", {"true": [[1]], "said": [[1]]}),
        ("together", {"true": [], "said": []}),
        ("durations", {"edges": [0, 1], "true": [1], "found": []}),
        ("class_names", 3),
    ],
)
def test_damaged_files_are_not_taken(tmp_path: Path, key: str, value: Any) -> None:
    statistics_of_videos(SCORES, SEVERAL, CLASSES).write(tmp_path)
    content = json.loads((tmp_path / STATISTICS).read_text())
    (tmp_path / STATISTICS).write_text(json.dumps({**content, key: value}))
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        read_statistics(tmp_path / STATISTICS)


def test_scores_that_are_no_probabilities_cost_no_results(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / STATISTICS).touch()

    def refuse() -> None:
        raise ScoreError("scores are from 0 to 5; right would be 0 to 1")

    testing._write_statistics(tmp_path, SimpleNamespace(statistics=refuse))  # type: ignore[arg-type]
    assert "score_statistics.json is not written: scores are from 0 to 5" in caplog.text
    assert not (tmp_path / STATISTICS).exists(), "that of an earlier test is not of this one"
