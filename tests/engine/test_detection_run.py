"""A whole run on persons at annotated seconds: train, validate, test; plain and step by step."""

import json
from pathlib import Path

import pytest
import torch

from slowfast.commands.eval_ava import AvaScoring, score_ava
from slowfast.commands.run_net import train_and_test
from slowfast.config import load_config
from slowfast.engine.examined import EXAMINED, MEAN_AP, read_examined
from slowfast.runtime.launch import launch
from slowfast.runtime.logging import read_stats

CONFIGS = Path(__file__).parents[2] / "configs" / "AVA"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("longcook_ava")


def run(name: str, data: Path, output_dir: Path, *overrides: object) -> dict:
    cfg = load_config(
        CONFIGS / f"{name}.yaml",
        [
            *("NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "OUTPUT_DIR", str(output_dir), "DATA.PATH_TO_DATA_DIR", str(data)),
            *("TRAIN.DATASET", "longcook_ava", "TEST.DATASET", "longcook_ava", "LONGCOOK.NUM_TRAIN", 1),
            *("LONGCOOK.NUM_VAL", 1, "LONGCOOK.NUM_TEST", 1, "AVA.TEST_PREDICT_BOX_LISTS", ["ava_test_predicted_boxes.csv"]),
            *("TRAIN.BATCH_SIZE", 8, "TRAIN.EVAL_PERIOD", 1, "TEST.BATCH_SIZE", 8, "AVA.FULL_TEST_ON_VAL", True),
            *("SOLVER.MAX_EPOCH", 1, "SOLVER.WARMUP_EPOCHS", 0, "SOLVER.STEPS", [0], "SOLVER.LRS", [1], "LOG_PERIOD", 1),
            *("RESNET.DEPTH", 18, "RESNET.WIDTH_PER_GROUP", 2),
            *("RESNET.NUM_BLOCK_TEMP_KERNEL", [[2], [2], [2], [2]], "MODEL.NUM_CLASSES", 12, "REPORT.NUM_TIMELINES", 2),
            *("DATA.TRAIN_JITTER_SCALES", [64, 64], "DATA.TRAIN_CROP_SIZE", 64, "DATA.TEST_CROP_SIZE", 64),
            *overrides,
        ],
    )
    threads = torch.get_num_threads()
    launch(cfg, train_and_test)
    torch.set_num_threads(threads)
    return json.loads((output_dir / "results.json").read_text())


WHOLE = ("PGT.STEPS", "all", "PGT.UPDATE_EVERY", 3, "PGT.GRADIENT", "exact", "TRAIN.BATCH_SIZE", 1)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [("SLOWONLY", ()), ("SLOWONLY_PGT", ("PGT.ALL_STEP_TEST", True, "TEST.PRECISION", "bf16")), ("SLOWONLY_PGT", WHOLE)],
    ids=["plain", "steps, bf16", "whole videos"],
)
def test_run_leaves_results_that_another_evaluation_of_its_file_finds_too(
    name: str, overrides: tuple[object, ...], data: Path, tmp_path: Path
) -> None:
    results = run(name, data, tmp_path, *overrides)
    assert set(results["metrics"]) == {"mAP", "mAP_atomic", "mAP_composite"}
    assert results["num_videos"] == 1
    assert len(list((tmp_path / "scenes").glob("*.png"))) == 2
    assert [entry["class"] for entry in results["per_class_ap"]]
    assert [entry["_type"] for entry in read_stats(tmp_path / "stdout.log") if "mAP" in entry] == ["val_epoch", "test_final"]
    score_ava(
        AvaScoring(
            detections=tmp_path / "detections.csv",
            groundtruth=data / "annotations" / "ava_test_v2.2.csv",
            labelmap=data / "annotations" / "ava_action_list_v2.2_for_activitynet_2019.pbtxt",
            exclusions=data / "annotations" / "ava_test_excluded_timestamps_v2.2.csv",
            json=tmp_path / "again.json",
        )
    )
    again = json.loads((tmp_path / "again.json").read_text())
    assert 100 * again["mAP"] == pytest.approx(results["metrics"]["mAP"], abs=1e-5)
    examined = read_examined(tmp_path / EXAMINED)
    [video] = examined.videos
    assert examined.measure == MEAN_AP
    assert 100 * video.measured == pytest.approx(results["metrics"]["mAP"], abs=0.01), "it is the only video"
    asked = sum(person.said is not None for moment in video.moments or () for person in moment.persons)
    rows = {tuple(row.split(",")[:6]) for row in (tmp_path / "detections.csv").read_text().splitlines()}
    excluded = (data / "annotations" / "ava_test_excluded_timestamps_v2.2.csv").read_text().splitlines()
    assert asked == sum(f"{name},{second}" not in excluded for name, second, *_ in rows)
    assert "by the mean average precision of their boxes" in (tmp_path / "report.html").read_text(encoding="utf-8")
