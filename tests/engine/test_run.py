"""A whole run on real videos: train, resume, test; with and without other processes at work."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.commands.convert_checkpoint import contract_of
from slowfast.commands.run_net import train_and_test
from slowfast.config import CfgNode, load_config
from slowfast.engine import checkpoint
from slowfast.engine.contract import read_contract
from slowfast.engine.examined import EXAMINED, LOSS, read_examined
from slowfast.engine.hooks.best import Validation, best_path
from slowfast.engine.score_statistics import STATISTICS, read_statistics
from slowfast.engine.testing import load_for_test
from slowfast.engine.training import train
from slowfast.models.weights import WeightsError, read_weights
from slowfast.runtime.device import Place
from slowfast.runtime.errors import CheckpointError
from slowfast.runtime.launch import launch
from slowfast.runtime.logging import read_stats

CONFIG = Path(__file__).parents[2] / "configs" / "LongCook" / "SLOWONLY_CLIP.yaml"
CPU = Place(torch.device("cpu"), loader_workers=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("longcook")


def tiny(data: Path, output_dir: Path, *overrides: object) -> CfgNode:
    return load_config(
        CONFIG,
        [
            *("NUM_GPUS", 0, "DATA_LOADER.NUM_WORKERS", 0, "OUTPUT_DIR", str(output_dir), "DATA.PATH_TO_DATA_DIR", str(data)),
            *(
                "LONGCOOK.NUM_TRAIN",
                4,
                "LONGCOOK.NUM_VAL",
                3,
                "LONGCOOK.NUM_TEST",
                3,
                "TRAIN.BATCH_SIZE",
                2,
                "TRAIN.EVAL_PERIOD",
                1,
            ),
            *("SOLVER.MAX_EPOCH", 2, "SOLVER.WARMUP_EPOCHS", 0, "TEST.NUM_ENSEMBLE_VIEWS", 2, "LOG_PERIOD", 1),
            *("RESNET.WIDTH_PER_GROUP", 2, "REPORT.NUM_TIMELINES", 1),
            *overrides,
        ],
    )


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output_dir = tmp_path_factory.mktemp("run")
    threads = torch.get_num_threads()
    saved = ("TRAIN.CHECKPOINT_BEST_METRIC", "mAP", "TRAIN.CHECKPOINT_PERIOD", 1, "TRAIN.CHECKPOINT_KEEP", 1)
    cfg = tiny(data, output_dir, "TEST.SAVE_RESULTS_PATH", "scores.npz", "BN.USE_PRECISE_STATS", True, *saved)
    launch(cfg, train_and_test)
    torch.set_num_threads(threads)
    return output_dir


def test_run_leaves_its_files_and_no_scraps(finished: Path) -> None:
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    expected = {"stdout.log", "results.json", "curves.png", "scores.npz", "model.safetensors", "checkpoints/last.pyth"}
    assert expected | {"checkpoints/checkpoint_epoch_00002.pyth"} <= names
    assert sum(name.startswith("timelines/") for name in names) == 1
    assert not [name for name in names if Path(name).name.startswith(".")]


def test_weights_of_a_run_say_how_they_are_used(data: Path, finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    tested, last = (read_contract(finished / name) for name in ("model.safetensors", "checkpoints/last.pyth"))
    assert tested is not None and last is not None
    assert tested.figures == {name: pytest.approx(value, abs=1e-3) for name, value in results["metrics"].items()}
    assert not last.figures
    assert tested.event_rule["classes"].keys() == set(tested.classes)
    assert dataclasses.replace(tested, figures={}, event_rule={}) == last
    assert tested.classes == tuple(entry["class"] for entry in results["per_class_ap"])
    weights = read_weights(finished / "model.safetensors")
    state = checkpoint.load(finished / "checkpoints" / "last.pyth")["model_state"]
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[name], state[name]) for name in state)
    assert contract_of(finished / "checkpoints" / "last.pyth") == tested
    assert str(finished) not in tested.text() and str(data) not in tested.text()


def test_best_weights_of_a_run_can_be_tested(data: Path, finished: Path) -> None:
    assert [path.name for path in checkpoint.folder(finished).glob("checkpoint_*")] == ["checkpoint_epoch_00002.pyth"]
    validations = [entry["mAP"] for entry in read_stats(finished / "stdout.log") if entry["_type"] == "val_epoch"]
    best = Validation.of_file(best_path(finished))
    assert best is not None
    assert best.value == pytest.approx(max(validations), rel=1e-4)
    assert best.figures["mAP"] == best.value
    weights = load_for_test(tiny(data, finished), str(best_path(finished))).state_dict()
    if best.epoch == 2:
        last = checkpoint.load(checkpoint.last_path(finished))["model_state"]
        assert all(torch.equal(weights[name], value) for name, value in last.items())
    assert "the best mAP of this training" in (finished / "stdout.log").read_text()


def test_weights_are_not_written_where_they_are_not_wanted(data: Path, finished: Path, tmp_path: Path) -> None:
    options = [
        "TRAIN.ENABLE",
        False,
        "TEST.CHECKPOINT_FILE_PATH",
        str(finished),
        "TEST.SAVE_MODEL",
        False,
        "REPORT.ENABLE",
        False,
    ]
    train_and_test(tiny(data, tmp_path, *options), CPU)
    assert (tmp_path / "results.json").is_file()
    assert not (tmp_path / "model.safetensors").exists()


def test_page_of_the_run_lies_beside_its_results(data: Path, finished: Path) -> None:
    html = (finished / "report.html").read_text(encoding="utf-8")
    assert "<h1>" in html
    assert html.count('<article class="card"') == 3
    players = re.findall(r'data-src="([^"]+)"', html)
    assert sorted((finished / player).resolve().name for player in players) == sorted(
        Path(video.files[0]).name for video in read_examined(finished / EXAMINED).videos
    )
    assert all((finished / player).resolve().is_file() for player in players)


def test_examined_videos_have_their_scores_also_in_time(finished: Path) -> None:
    examined = read_examined(finished / EXAMINED)
    scores = dict(zip(*(np.load(finished / "scores.npz")[name].tolist() for name in ("video_ids", "scores")), strict=True))
    assert (examined.measure, examined.num_videos, len(examined.videos)) == (LOSS, 3, 3)
    measured = [video.measured for video in examined.videos]
    assert measured == sorted(measured, reverse=True)
    for video in examined.videos:
        assert all(scores[video.video_id][label] == pytest.approx(score, abs=1e-3) for label, score in video.scores.items())
        assert {label for label, *_ in video.truths} == set(video.true)
        assert video.along is not None
        assert video.along.scores.keys() == video.scores.keys()
        assert len(video.along.seconds) > 1


def test_statistics_are_of_the_scores_of_the_test(finished: Path) -> None:
    found = read_statistics(finished / STATISTICS)
    archive = np.load(finished / "scores.npz")
    true = archive["labels"] > 0
    assert (sum(found.of_true), sum(found.of_others)) == (true.sum(), (~true).sum())
    assert sum(found.hits) == true.sum()
    assert found.together is not None
    assert found.together.true == tuple(map(tuple, (true.T.astype(int) @ true).tolist()))


def test_results_tell_what_was_measured(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    assert (results["num_videos"], results["num_views"]) == (3, 6)
    assert len(results["per_class_ap"]) == 12
    known = [entry["ap"] for entry in results["per_class_ap"] if entry["ap"] is not None]
    assert results["metrics"]["mAP"] == pytest.approx(100 * np.mean(known), abs=1e-3)
    assert all(entry["support"] == 0 for entry in results["per_class_ap"] if entry["ap"] is None)
    assert all(1 <= entry["support"] <= 3 for entry in results["per_class_ap"] if entry["ap"] is not None)
    assert results["config"]["RESNET.WIDTH_PER_GROUP"] == 2
    assert "DATA.STD" not in results["config"]


def test_last_validation_agrees_with_a_test_of_the_same_weights_on_its_videos(
    finished: Path, data: Path, tmp_path: Path
) -> None:
    """LongCook validates on the views of the test."""
    validations = [entry["mAP"] for entry in read_stats(finished / "stdout.log") if entry["_type"] == "val_epoch"]
    assert len(validations) == 2
    for name, origin in {"test.csv": "val.csv", "classes.txt": "classes.txt"}.items():
        shutil.copy(data / f"Charades_v1_{origin}", tmp_path / f"Charades_v1_{name}")
    (tmp_path / "videos").symlink_to(data / "videos")
    weights = checkpoint.last_path(finished)
    train_and_test(
        tiny(
            *(tmp_path, tmp_path / "run", "TRAIN.ENABLE", False, "REPORT.ENABLE", False),
            *("TEST.DATASET", "charades", "TEST.CHECKPOINT_FILE_PATH", str(weights)),
        ),
        CPU,
    )
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["metrics"]["mAP"] == pytest.approx(validations[-1], abs=1e-3)


def test_saved_scores_are_those_of_every_video(finished: Path) -> None:
    saved = np.load(finished / "scores.npz", allow_pickle=False)
    assert saved["scores"].shape == saved["labels"].shape == (3, 12)
    assert saved["view_counts"].tolist() == [2, 2, 2]
    assert len(set(saved["video_ids"].tolist())) == 3


def test_finished_run_is_only_tested_again(finished: Path, data: Path) -> None:
    before = checkpoint.last_path(finished).read_bytes()
    train_and_test(tiny(data, finished), CPU)
    assert checkpoint.last_path(finished).read_bytes() == before


def test_run_that_is_finished_says_so_and_what_counts_now(finished: Path, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="slowfast")
    before = checkpoint.last_path(finished).read_bytes()
    train(tiny(data, finished, "SOLVER.WEIGHT_DECAY", 0.5, "TRAIN.CHECKPOINT_FILE_PATH", "weights.pyth"), CPU)
    assert checkpoint.last_path(finished).read_bytes() == before
    assert "this training is finished: 2 epochs are done, and SOLVER.MAX_EPOCH is 2" in caplog.text
    assert "those of this run count" in caplog.text
    assert re.search(r"SOLVER\.WEIGHT_DECAY was [\d.e-]+ and is 0\.5", caplog.text)
    assert "TRAIN.CHECKPOINT_FILE_PATH (weights.pyth) is not loaded" in caplog.text


def test_run_goes_on_with_the_options_of_the_config(finished: Path, data: Path, tmp_path: Path) -> None:
    checkpoint.folder(tmp_path).mkdir()
    checkpoint.last_path(tmp_path).write_bytes(checkpoint.last_path(finished).read_bytes())
    options = ("SOLVER.WEIGHT_DECAY", 0.5, "SOLVER.BETAS", [0.5, 0.6], "SOLVER.MAX_EPOCH", 3)
    train(tiny(data, tmp_path, *options), CPU)
    state = checkpoint.load(checkpoint.last_path(tmp_path))
    assert state["epoch"] == 3
    group = state["optimizer_state"]["param_groups"][-1]
    assert (group["weight_decay"], group["betas"]) == (0.5, (0.5, 0.6))


def test_damaged_rolling_checkpoint_is_passed_over(
    finished: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = checkpoint.kept_path(tmp_path, 2)
    checkpoint.folder(tmp_path).mkdir()
    kept.write_bytes(checkpoint.last_path(finished).read_bytes())
    checkpoint.last_path(tmp_path).write_bytes(kept.read_bytes()[:-5000])
    train_and_test(tiny(data, tmp_path, "SOLVER.MAX_EPOCH", 2, "REPORT.ENABLE", False), CPU)
    assert f"{kept} takes its place" in caplog.text
    assert json.loads((tmp_path / "results.json").read_text())["checkpoint"] == str(kept)


@pytest.mark.parametrize(
    ("key", "value"),
    [("MODEL.NUM_CLASSES", 13), ("RESNET.INPLACE_RELU", False), ("NONLOCAL.USE_BN", False), ("PGT.ENABLE", True)],
)
def test_options_that_make_another_network_are_refused_by_name(finished: Path, data: Path, key: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=rf"belongs to another model \(.*{key} was .* and is {value}"):
        train(tiny(data, finished, key, value, "DATA.NUM_FRAMES", 0 if key == "PGT.ENABLE" else 8), CPU)


def test_options_of_what_is_not_enabled_make_no_other_network(finished: Path, data: Path) -> None:
    train(tiny(data, finished, "PGT.CACHE", "avg", "DETECTION.ALIGNED", False), CPU)


def test_training_can_start_from_given_weights(
    finished: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="slowfast")
    path = checkpoint.last_path(finished)
    train(tiny(data, tmp_path, "TRAIN.CHECKPOINT_FILE_PATH", str(path), "SOLVER.BASE_LR", 1e-20, "SOLVER.MAX_EPOCH", 1), CPU)
    assert f"{path}: " in caplog.text
    assert "weights loaded" in caplog.text
    given, kept = (checkpoint.load(p)["model_state"] for p in (path, checkpoint.last_path(tmp_path)))
    assert torch.equal(given["s1.pathway0_stem.conv.weight"], kept["s1.pathway0_stem.conv.weight"])


def test_training_can_start_from_weights_of_pictures(finished: Path, data: Path, tmp_path: Path) -> None:
    state = checkpoint.load(checkpoint.last_path(finished))["model_state"]
    flat = {name: value.sum(2) if value.ndim == 5 else value for name, value in state.items()}
    checkpoint.save(tmp_path / "flat.pyth", flat)
    settings = ("TRAIN.CHECKPOINT_FILE_PATH", str(tmp_path / "flat.pyth"), "SOLVER.BASE_LR", 1e-20, "SOLVER.MAX_EPOCH", 1)
    with pytest.raises(WeightsError, match=r"flat\.pyth: .*TRAIN\.CHECKPOINT_INFLATE True"):
        train(tiny(data, tmp_path / "refused", *settings), CPU)
    train(tiny(data, tmp_path, *settings, "TRAIN.CHECKPOINT_INFLATE", True), CPU)
    kept = checkpoint.load(checkpoint.last_path(tmp_path))["model_state"]
    (name, kernel), *_ = ((name, value) for name, value in kept.items() if value.ndim == 5 and value.shape[2] > 1)
    torch.testing.assert_close(kernel, flat[name].unsqueeze(2).expand_as(kernel) / kernel.shape[2])


def test_another_network_in_the_same_folder_is_refused(finished: Path, data: Path) -> None:
    with pytest.raises(CheckpointError, match=r"last\.pyth: belongs to another model"):
        train(tiny(data, finished, "RESNET.WIDTH_PER_GROUP", 4), CPU)


def test_weights_that_lack_a_classifier_are_not_tested(finished: Path, data: Path, tmp_path: Path) -> None:
    state = checkpoint.load(checkpoint.last_path(finished))["model_state"]
    checkpoint.save(tmp_path / "headless.pyth", {name: value for name, value in state.items() if "projection" not in name})
    with pytest.raises(CheckpointError, match=r"headless\.pyth: does not hold all weights"):
        train_and_test(
            tiny(data, tmp_path, "TRAIN.ENABLE", False, "TEST.CHECKPOINT_FILE_PATH", str(tmp_path / "headless.pyth")), CPU
        )
