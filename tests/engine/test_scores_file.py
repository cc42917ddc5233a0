"""Scores are written in the format that a file's ending says, and mean one thing in each."""

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.engine.scores_file import ScoredVideos, write_scores
from slowfast.evaluation import VideoScores, ViewEnsemble

NAMES, CLASSES = ("a", "b, c", "d"), ("sit", 'say "no"')


def joined(labels: np.ndarray, method: str = "sum") -> VideoScores:
    """Two views of the first video, one of the second, none of the third."""
    ensemble = ViewEnsemble(num_videos=3, num_views=2, num_classes=2, method=method)
    scores = np.array([[0.25, 0.75], [0.75, 0.25], [1.0, 0.0]])
    ensemble.add(np.array([0, 0, 1]), np.array([0, 1, 0]), scores, labels[[0, 0, 1]])
    return ensemble.result()


def written(folder: Path, ending: str, labels: np.ndarray, method: str = "sum") -> Path:
    path = folder / f"scores{ending}"
    write_scores(path, ScoredVideos(video_ids=NAMES, class_names=CLASSES, joined=joined(labels, method), method=method))
    return path


SINGLE, SEVERAL = np.array([1, 0]), np.array([[1, 1], [0, 1]], np.float32)


def test_pickle_is_that_of_pyslowfast(tmp_path: Path) -> None:
    content = pickle.loads(written(tmp_path, ".pkl", SINGLE).read_bytes())
    assert type(content) is list
    scores, labels = content
    assert torch.equal(scores, torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))
    assert scores.dtype == torch.float32
    assert torch.equal(labels, torch.tensor([1, 0, 0]))
    assert labels.dtype == torch.int64


def test_pickle_of_several_labels_holds_them_as_numbers(tmp_path: Path) -> None:
    _, labels = pickle.loads(written(tmp_path, ".pkl", SEVERAL).read_bytes())
    assert torch.equal(labels, torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))


def test_archive_holds_means_over_the_views_that_came(tmp_path: Path) -> None:
    with np.load(written(tmp_path, ".NPZ", SINGLE)) as content:
        assert np.allclose(content["scores"], [[0.5, 0.5], [1.0, 0.0], [np.nan, np.nan]], equal_nan=True)
        assert content["scores"].dtype == np.float32
        assert content["video_ids"].tolist() == list(NAMES)
        assert content["class_names"].tolist() == list(CLASSES)
        assert content["labels"].tolist() == [1, 0, 0]
        assert content["view_counts"].tolist() == [2, 1, 0]


def test_maxima_stay_maxima_in_every_format(tmp_path: Path) -> None:
    with np.load(written(tmp_path, ".npz", SINGLE, "max")) as content:
        assert np.allclose(content["scores"][:2], [[0.75, 0.75], [1.0, 0.0]])
    scores, _ = pickle.loads(written(tmp_path, ".pkl", SINGLE, "max").read_bytes())
    assert scores.tolist() == [[0.75, 0.75], [1.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(("labels", "cells"), [(SINGLE, ["1", "0", "0"]), (SEVERAL, ["0 1", "1", ""])])
def test_table_has_a_row_a_video_and_a_column_a_class(tmp_path: Path, labels: np.ndarray, cells: list[str]) -> None:
    with written(tmp_path, ".csv", labels).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["video", "labels", "views", *CLASSES]
    assert [row[0] for row in rows] == list(NAMES)
    assert [row[1] for row in rows] == cells
    assert [row[2:] for row in rows] == [["2", "0.5", "0.5"], ["1", "1", "0"], ["0", "", ""]]


@pytest.mark.parametrize("path", ["scores", "scores.json", "scores.pkl.gz", "npz", ".csv"])
def test_ending_of_no_known_format_is_refused_when_the_config_is_read(path: str) -> None:
    with pytest.raises(ConfigError, match=r"right would be: a name that ends with \.pkl or \.npz or \.csv"):
        load_config(overrides=["TEST.SAVE_RESULTS_PATH", path])


def test_detections_are_a_table_alone() -> None:
    detection = ["DETECTION.ENABLE", True, "TEST.SAVE_RESULTS_PATH"]
    assert load_config(overrides=[*detection, "mine.csv"]).TEST.SAVE_RESULTS_PATH == "mine.csv"
    with pytest.raises(ConfigError, match=r"detections are written in; right would be: a name that ends with \.csv"):
        load_config(overrides=[*detection, "mine.pkl"])
