"""What is scored against AVA's files, by one process or several."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.commands.eval_ava import AvaScoring, score_ava
from slowfast.config import ConfigError
from slowfast.engine import checkpoint
from slowfast.engine.ava_evaluation import AvaEvaluation
from slowfast.engine.inference import evaluate
from slowfast.evaluation import ScoreError
from slowfast.structures import DetectionOutput
from tests.engine.detection_toys import (
    BoxNet,
    DetectionLoader,
    all_clips,
    detection_batch,
    detection_config,
    eval_step,
    keyframes,
    write_annotations,
)

CPU = torch.device("cpu")


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    folder = tmp_path / "annotations"
    write_annotations(folder)
    return folder


def evaluation_of(folder: Path, *, split: str = "test", **changes: object) -> AvaEvaluation:
    return AvaEvaluation.from_cfg(detection_config(folder, **changes), dataset=DetectionLoader([]).dataset, split=split)


def run(evaluation: AvaEvaluation, clips: list[tuple[int, int, int]], batch_size: int = 3):
    batches = [detection_batch(clips[first : first + batch_size]) for first in range(0, len(clips), batch_size)]
    torch.manual_seed(0)
    return evaluate(model=BoxNet(), step=eval_step(), loader=DetectionLoader(batches), device=CPU, evaluation=evaluation)


def perfect(persons) -> DetectionOutput:
    return DetectionOutput(scores=0.1 + 0.8 * persons.labels, keyframes=persons)


def everything(seconds: range = range(902, 910)):
    return keyframes([(0, (video, second, n)) for video in range(3) for second in seconds for n in range(2)])


def test_perfect_detections_score_one_in_every_class_and_group(annotations: Path) -> None:
    evaluation = evaluation_of(annotations)
    evaluation.add(detection_batch([(0, 902, 1)]), perfect(everything()))
    metrics = evaluation.result()
    assert metrics.values == pytest.approx({"mAP": 100, "mAP_pose": 100, "mAP_object": 100, "mAP_none": np.nan}, nan_ok=True)
    assert metrics.per_class_ap == (("action 1", 1.0), ("action 2", 1.0), ("action 3", 1.0))
    assert sum(metrics.support) == metrics.counts["num_truths"]
    assert metrics.counts == {"num_videos": 3, "num_boxes": 48, "num_truths": 34}  # a fourth is not scored; a second excluded


@pytest.mark.parametrize(("split", "full", "truths"), [("val", False, 10), ("val", True, 34), ("test", False, 34)])
def test_validation_scores_every_fourth_second_unless_told_otherwise(
    annotations: Path, split: str, full: bool, truths: int
) -> None:
    evaluation = evaluation_of(annotations, split=split, AVA__FULL_TEST_ON_VAL=full)
    evaluation.add(detection_batch([(0, 902, 1)]), perfect(everything()))
    metrics = evaluation.result()
    assert metrics.values["mAP"] == 100
    assert metrics.counts["num_truths"] == truths


def test_validation_with_truths_of_its_own_is_scored_against_these(annotations: Path, tmp_path: Path) -> None:
    shutil.copytree(annotations, tmp_path, dirs_exist_ok=True)
    rows = (tmp_path / "truths.csv").read_text().splitlines(keepends=True)
    (tmp_path / "own.csv").write_text("".join(row for row in rows if row.startswith('"one"')))
    num_own = sum(row.startswith('"one"') for row in rows)
    counts = []
    for split, exclusions in (("val", ""), ("val", "excluded.csv"), ("test", "")):
        own = {"AVA__VAL_GROUNDTRUTH_FILE": "own.csv", "AVA__VAL_EXCLUSION_FILE": exclusions}
        evaluation = evaluation_of(tmp_path, split=split, AVA__FULL_TEST_ON_VAL=True, **own)
        evaluation.add(detection_batch([(0, 902, 1)]), perfect(everything()))
        counts.append(evaluation.result().counts["num_truths"])
    assert 0 < counts[0] == counts[1] <= num_own < counts[2] == 34


def test_batches_and_processes_may_share_the_clips_out_in_any_way(annotations: Path) -> None:
    whole = run(evaluation_of(annotations), all_clips(), batch_size=100)
    assert 0 < whole.values["mAP"] < 100
    assert str(run(evaluation_of(annotations), all_clips(), batch_size=1)) == str(whole)
    first, second = evaluation_of(annotations), evaluation_of(annotations)
    run(first, all_clips()[:5])
    run(second, all_clips()[5:])
    second.merge(evaluation_of(annotations).collected())
    second.merge(first.collected())
    assert str(second.result()) == str(whole)


def test_an_evaluation_forgets_the_one_before(annotations: Path) -> None:
    evaluation = evaluation_of(annotations)
    first = run(evaluation, all_clips())
    assert str(run(evaluation, all_clips())) == str(first)


def test_scores_of_one_person_from_several_clips_are_averaged(annotations: Path, golden_dir: Path) -> None:
    golden = json.loads((golden_dir / "metrics.json").read_text())["pgt_ava_merge"]
    evaluation = evaluation_of(annotations)
    keys, boxes = torch.tensor(golden["keys"]), torch.tensor(golden["boxes_x1y1x2y2"], dtype=torch.float64)
    persons = keyframes([(0, tuple(key)) for key in golden["keys"]])
    persons = type(persons)(
        **{name: getattr(persons, name) for name in ("clips", "main", "boxes", "labels")},
        seconds=keys[:, 1], videos=keys[:, 0], numbers=keys[:, 2], original=boxes,
    )  # fmt: skip
    evaluation.add(detection_batch([(0, 902, 1)]), DetectionOutput(scores=torch.tensor(golden["preds"]), keyframes=persons))
    detections = evaluation.detections()
    merged = np.array(golden["merged_preds"])[:, :3]
    assert np.allclose(detections.score.reshape(-1, 3), merged, atol=1e-6)
    assert np.array_equal(detections.box[::3], golden["merged_boxes_x1y1x2y2"])
    assert np.stack([detections.video, detections.second], 1)[::3].tolist() == golden["merged_video_second"]


def test_one_number_for_two_boxes_is_a_mistake(annotations: Path) -> None:
    evaluation = evaluation_of(annotations)
    persons = keyframes([(0, (0, 902, 0)), (0, (0, 902, 0))])
    persons.original[1, 0] = 0.05
    evaluation.add(detection_batch([(0, 902, 1)]), perfect(persons))
    with pytest.raises(ScoreError, match="one box for each number"):
        evaluation.result()


def test_saved_detections_scored_again_give_the_same_figures(annotations: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of(annotations)
    metrics = run(evaluation, all_clips())
    evaluation.save(tmp_path)
    rows = (tmp_path / "detections.csv").read_text().splitlines()
    assert len(rows) == 13 * 3
    assert rows[0].startswith("one,0902,0.04,0.1,0.39,0.7,1,0.")
    score_ava(
        AvaScoring(
            detections=tmp_path / "detections.csv",
            groundtruth=annotations / "truths.csv",
            labelmap=annotations / "classes.pbtxt",
            exclusions=annotations / "excluded.csv",
            json=tmp_path / "again.json",
        )
    )
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["mAP"] == pytest.approx(metrics.values["mAP"] / 100, abs=1e-12)


def test_protocol_and_file_are_the_users_choice(annotations: Path, tmp_path: Path) -> None:
    head = run(evaluation_of(annotations, AVA__PROTOCOL="activitynet_head"), all_clips())
    assert head.counts["num_truths"] == 36, "this edition does not exclude seconds"
    evaluation = evaluation_of(annotations, TEST__SAVE_RESULTS_PATH="mine.csv")
    run(evaluation, all_clips())
    evaluation.save(tmp_path)
    assert (tmp_path / "mine.csv").exists()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"AVA__GROUNDTRUTH_FILE": "none.csv"}, ConfigError, r"AVA\.GROUNDTRUTH_FILE = 'none\.csv'"),
        ({"AVA__GROUNDTRUTH_FILE": ""}, ConfigError, r"AVA.GROUNDTRUTH_FILE = ''"),
        ({"AVA__LABEL_MAP_FILE": ""}, ConfigError, r"AVA.LABEL_MAP_FILE = ''"),
        ({"MODEL__NUM_CLASSES": 2}, ConfigError, r"MODEL.NUM_CLASSES = 2: .*class 3, action 3.*3 or more"),
    ],
)
def test_files_that_do_not_fit_are_refused_before_anything_runs(
    annotations: Path, changes: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluation_of(annotations, **changes)


def test_truths_of_videos_that_are_not_there_count_as_missed_and_this_is_said(
    annotations: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (annotations / "truths.csv").open("a") as file:
        file.write("four,0902,0.1,0.1,0.5,0.5,1,0\n")
    with caplog.at_level(logging.WARNING, logger="slowfast"):
        evaluation = evaluation_of(annotations)
    assert "1 videos of truths.csv are not in the data set" in caplog.text
    evaluation.add(detection_batch([(0, 902, 1)]), perfect(everything()))
    assert evaluation.result().values["mAP"] < 100


def test_a_process_without_persons_holds_nobody_up(annotations: Path, start_toy) -> None:
    """Update: the mean of its zero gradient and the other's; evaluation: all is scored once."""
    for processes in (1, 2):
        process = start_toy("shared_detection_job", annotations.parent, processes, module="detection_toys")
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
    one, two = (checkpoint.load(annotations.parent / f"world{world}.pyth") for world in (1, 2))
    assert one["counts"] == two["counts"]
    torch.manual_seed(0)
    first = BoxNet().state_dict()
    for name, weight in one["weights"].items():
        assert torch.allclose(two["weights"][name] - first[name], (weight - first[name]) / 2, atol=1e-6), name
