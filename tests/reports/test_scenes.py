"""Which persons a picture shows, and where."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.engine.ava_persons import AvaTruth, Predictions
from slowfast.evaluation.ava import Boxes
from slowfast.reports.scenes import build_scene, match_persons, shown_picture
from slowfast.structures import DetectionOutput
from tests.engine.detection_toys import VIDEOS, detection_batch, detection_config, keyframes, write_annotations

NAMES = {1: "stand", 2: "sit"}
LEFT, RIGHT = [0.0, 0.0, 0.4, 1.0], [0.5, 0.0, 0.9, 1.0]


def truths(*rows: tuple[list[float], int]) -> Boxes:
    return Boxes(
        video=np.zeros(len(rows), int),
        second=np.zeros(len(rows), int),
        box=np.array([box for box, _ in rows]).reshape(-1, 4),
        label=np.array([label for _, label in rows], dtype=int),
    )


def test_a_detected_person_does_what_the_true_one_in_the_same_place_does() -> None:
    persons = match_persons(
        np.array([RIGHT, LEFT]), np.array([[0.1, 0.2], [0.3, 0.4]]), truths((LEFT, 1), (RIGHT, 2), (LEFT, 2), (LEFT, 7)), NAMES
    )
    assert [person.true for person in persons] == [("sit",), ("stand", "sit")]
    assert [person.scores for person in persons] == [{"stand": 0.1, "sit": 0.2}, {"stand": 0.3, "sit": 0.4}]


def test_true_persons_that_nobody_found_come_last_and_false_ones_do_nothing() -> None:
    found, missed = match_persons(np.array([RIGHT]), np.array([[0.1, 0.2]]), truths((LEFT, 1)), NAMES)
    assert (found.true, found.box) == ((), tuple(RIGHT))
    assert (missed.true, missed.box, missed.scores) == (("stand",), tuple(LEFT), None)
    assert match_persons(np.zeros((0, 4)), np.zeros((0, 2)), truths(), NAMES) == []


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("bgr", [False, True])
def test_scene_shows_the_frame_of_the_clips_own_second_as_it_was_filmed(tmp_path: Path, mirrored: bool, bgr: bool) -> None:
    write_annotations(tmp_path)
    cfg = detection_config(tmp_path)
    truth = AvaTruth.from_cfg(cfg, videos=VIDEOS, split="test")
    batch = detection_batch([(1, 905, 2)])
    batch = dataclasses.replace(batch, times=torch.tensor([[3.4, 4.3, 5.1, 6.0]]))
    # The second of two persons was scored twice; a third stands at another second.
    persons = keyframes([(0, (1, 905, 0)), (0, (1, 905, 1)), (0, (1, 905, 1)), (0, (1, 904, 0))])
    scores = torch.tensor([[0.5], [0.2], [0.4], [0.9]]).expand(4, 4)
    picture = shown_picture(batch, 5, mirrored=mirrored, bgr=bgr)
    scene = build_scene((1, 905), picture, Predictions.of(DetectionOutput(scores=scores, keyframes=persons)), truth)
    assert scene.title == "two, second 905"
    expected = batch.frames[0, :, 2].permute(1, 2, 0).numpy()
    expected = expected[:, ::-1] if mirrored else expected
    assert np.array_equal(scene.picture, expected[..., ::-1] if bgr else expected)
    assert [person.scores["action 1"] for person in scene.persons] == [0.5, pytest.approx(0.3)]
    assert [person.true for person in scene.persons] == [("action 2",), ("action 3",)]
    assert np.allclose([person.box for person in scene.persons], 4 * persons.original[:2].numpy())
