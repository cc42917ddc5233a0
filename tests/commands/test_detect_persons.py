"""Boxes of persons at every second: with any detector, and what is said without one."""

import csv
import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from slowfast.commands.detect_persons import PersonDetection, detect_persons, settings_of
from slowfast.config import ConfigError
from slowfast.preparation.persons import Picture
from slowfast_tools import detect_persons as command
from tests.datasets.videos import write_video

HEIGHT, WIDTH = 24, 32


def find_bright_box(picture: Picture) -> np.ndarray:
    """The bright rectangle as a person with score 0.9, and something faint everywhere."""
    rows, columns = np.nonzero(picture.min(axis=2) > 128)
    persons = [[0.0, 0.0, WIDTH, HEIGHT, 0.2]]
    if len(rows):
        persons.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.9])
    return np.array(persons, dtype=np.float64)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Two seconds of pictures: a person at the left in the first, none in the second."""
    folder = tmp_path / "frames" / "-video00001"
    folder.mkdir(parents=True)
    for number in range(1, 61):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        if number == 1:
            picture[6:18, 0:8] = 255
        cv2.imwrite(str(folder / f"-video00001_{number:06d}.png"), picture)
    return folder.parent


def test_boxes_are_fractions_at_whole_seconds_above_the_threshold(media: Path, tmp_path: Path) -> None:
    out = tmp_path / "boxes.csv"
    assert detect_persons(PersonDetection(media=media, out=out), find_bright_box) == 1
    assert list(csv.reader(out.open())) == [["-video00001", "0900", "0.000", "0.250", "0.250", "0.750", "", "0.900000"]]


def test_a_lower_threshold_lets_more_through(media: Path, tmp_path: Path) -> None:
    wanted = PersonDetection(media=media, out=tmp_path / "boxes.csv", threshold=0.1)
    assert detect_persons(wanted, find_bright_box) == 3


def test_videos_are_looked_at_once_a_second(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "kitchen.mp4", 70)
    wanted = PersonDetection(media=tmp_path / "videos", out=tmp_path / "boxes.csv", threshold=0.1)
    detect_persons(wanted, lambda picture: np.array([[0.0, 0.0, picture.shape[1] / 2, picture.shape[0], 0.5]]))
    rows = list(csv.reader(wanted.out.open()))
    assert [row[:2] for row in rows] == [["kitchen", "0900"], ["kitchen", "0901"], ["kitchen", "0902"]]
    assert rows[0][2:6] == ["0.000", "0.000", "0.500", "1.000"]


def test_without_a_detector_one_line_says_what_it_is_for_and_how_to_do_without(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "detectron2", None)
    monkeypatch.setitem(sys.modules, "detectron2.config", None)
    words = [str(media), "--out", str(tmp_path / "boxes.csv"), "--detector", "detectron2", "NUM_GPUS", "0"]
    assert command.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "finds the persons" in line and "install it" in line and "AVA.TEST_PREDICT_BOX_LISTS" in line
    assert not (tmp_path / "boxes.csv").exists()


def test_persons_are_looked_for_where_networks_compute() -> None:
    times, device = settings_of(["AVA.START_SECOND", "0", "AVA.FPS", "25", "NUM_GPUS", "0"])
    assert (times.start, times.fps, device) == (0, 25, torch.device("cpu"))
    assert settings_of([])[1].type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ConfigError, match="usable GPUs"):
        settings_of(["NUM_GPUS", "99"])


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision, the extra of that name, is not installed"
)
def test_torchvisions_detector_is_run_by_the_command(media: Path, tmp_path: Path) -> None:
    from torchvision.models import detection

    model = "fasterrcnn_mobilenet_v3_large_fpn"
    made = getattr(detection, model)(weights=None, weights_backbone=None)
    torch.nn.init.zeros_(made.roi_heads.box_predictor.cls_score.weight)
    with torch.no_grad():
        made.roi_heads.box_predictor.cls_score.bias.zero_()[1] = 6.0  # all is a person
    torch.save(made.state_dict(), tmp_path / "all.pth")
    words = [str(media), "--out", str(tmp_path / "boxes.csv"), "--model", model, "--weights", str(tmp_path / "all.pth")]
    assert command.main([*words, "NUM_GPUS", "0"]) == 0
    with (tmp_path / "boxes.csv").open() as file:
        rows = list(csv.reader(file))
    assert {row[1] for row in rows} == {"0900", "0901"}
    assert all(float(row[7]) >= 0.5 for row in rows)
