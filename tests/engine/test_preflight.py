"""What a run will need is looked at before its first iteration."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.commands import run_net
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.datasets.errors import DatasetError
from slowfast.engine import preflight
from slowfast.engine.preflight import check_evaluation, check_network, check_run
from slowfast.errors import UserError
from slowfast.runtime.atomic_files import WriteError
from slowfast.runtime.device import Place
from slowfast.structures import ClipBatch

CPU = Place(torch.device("cpu"), loader_workers=0)
TINY: tuple[Any, ...] = (
    *("NUM_GPUS", 0, "MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "MODEL.NUM_CLASSES", 2, "RESNET.DEPTH", 18),
    *("RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", 4),
    *("RESNET.NUM_BLOCK_TEMP_KERNEL", [[2], [2], [2], [2]], "DATA.NUM_FRAMES", 4, "TRAIN.BATCH_SIZE", 2),
    *("DATA.TRAIN_JITTER_SCALES", [48, 56], "DATA.TRAIN_CROP_SIZE", 48, "DATA.TEST_CROP_SIZE", 48),
)
BLOCK = ("NONLOCAL.LOCATION", [[[0]], [[]], [[]], [[]]])
PROGRESSIVE = ("PGT.ENABLE", True, "PGT.STEPS", 3, "PGT.STEP_LEN", [4], "PGT.OVERLAP", [1], "DATA.NUM_FRAMES", 0)
ONE_PASS = ("PGT.PG_EVAL", False)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., CfgNode]:
    """Configs of a run on a folder in Kinetics' format, whose videos only have to be there."""
    for split, labels in (("train", (0, 1, 0)), ("val", (0, 1)), ("test", (1, 0))):
        names = [f"{split}{number}.mp4" for number in range(len(labels))]
        for name in names:
            (tmp_path / name).write_bytes(b"a video")
        rows = [f"{name} {label}\n" for name, label in zip(names, labels, strict=True)]
        (tmp_path / f"{split}.csv").write_text("".join(rows))

    def config(*overrides: Any) -> CfgNode:
        where = ("OUTPUT_DIR", str(tmp_path / "run"), "DATA.PATH_TO_DATA_DIR", str(tmp_path), "TRAIN.EVAL_PERIOD", 1)
        return load_config(overrides=[*TINY, *where, *overrides])

    return config


def test_what_is_complete_passes_and_leaves_nothing(make: Callable[..., CfgNode], tmp_path: Path) -> None:
    check_run(make(), CPU)
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file()]


def test_run_is_looked_at_before_its_training(make: Callable[..., CfgNode], tmp_path: Path, monkeypatch) -> None:
    def train(cfg: CfgNode, place: Place) -> None:
        raise AssertionError("the training has begun")

    monkeypatch.setattr(run_net, "train", train)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(DatasetError, match=r"test\.csv"):
        run_net.train_and_test(make(), CPU)


@pytest.mark.parametrize(
    "overrides",
    [
        ("DATA.NUM_FRAMES", 0),
        ("MODEL.MODEL_NAME", "ResNett"),
        ("MODEL.ARCH", "sloww"),
        ("MODEL.ARCH", "i3d", "DATA.NUM_FRAMES", 1),
        (*BLOCK, "NONLOCAL.GROUP", [[3], [1], [1], [1]]),
        (*BLOCK, "NONLOCAL.POOL", [[[9, 2, 2]], [[1, 2, 2]], [[1, 2, 2]], [[1, 2, 2]]]),
        ("RESNET.SPATIAL_STRIDES", [[1, 2], [2], [2], [2]]),
        ("MODEL.LOSS_FUNC", "bce"),
        ("MODEL.MODEL_NAME", "RegNet3D", "MODEL.ARCH", "regnet3d", "REGNET.DEPTH", "900G"),
        ("TRAIN.DATASET", "kinetic"),
        ("TEST.DATASET", "kinetic"),
        ("TRAIN.ENABLE", False, "TEST.ENABLE", False),
        ("TRAIN.BATCH_SIZE", 2**16, "DATA.NUM_FRAMES", 2**16),
        ("TEST.BATCH_SIZE", 2**16, "DATA.TEST_CROP_SIZE", 2**13),
        ("RESNET.WIDTH_PER_GROUP", 4096, "RESNET.TRANS_FUNC", "bottleneck_transform", "RESNET.NUM_GROUPS", 1024),
        ("SOLVER.OPTIMIZING_METHOD", "adamw", "MODEL.NUM_CLASSES", 1, "DATA.PATH_PREFIX", "nowhere"),
    ],
)
def test_what_the_run_would_end_with_is_said_at_once(make: Callable[..., CfgNode], overrides: tuple[Any, ...]) -> None:
    with pytest.raises(UserError) as caught:
        check_run(make(*overrides), CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("overrides", [(), ("MODEL.ARCH", "c2d"), PROGRESSIVE, (*PROGRESSIVE, "PGT.PG_EVAL", False)])
def test_networks_that_run_pass(make: Callable[..., CfgNode], overrides: tuple[Any, ...]) -> None:
    assert check_network(make(*overrides)) > 1000


LONG = ("PGT.STEPS", 1000, "PGT.STEP_LEN", [8])


@pytest.mark.parametrize("overrides", [("DATA.NUM_FRAMES", 2**16), (*PROGRESSIVE, *LONG), (*PROGRESSIVE, *LONG, *ONE_PASS)])
def test_clips_of_any_length_are_run_on_shapes_in_few_parts(
    make: Callable[..., CfgNode], overrides: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = preflight.shape_of_batch

    def shape(cfg: CfgNode, **sizes: int) -> ClipBatch:
        seen.append(cfg.DATA.NUM_FRAMES)
        return real(cfg, **sizes)

    monkeypatch.setattr(preflight, "shape_of_batch", shape)
    check_network(make(*overrides))
    short, several_at_once, whole = 8 + 2 * 7, 8 + 4 * 7, 8 + 999 * 7
    if overrides[-2:] == ONE_PASS:
        assert seen == [short, whole]
    else:
        assert seen == ([short, several_at_once] if "PGT.ENABLE" in overrides else [2**16, 2**16])
    too_wide = (*BLOCK, "NONLOCAL.POOL", [[[1, 99, 99]], [[1, 2, 2]], [[1, 2, 2]], [[1, 2, 2]]])
    frames = make(*overrides).DATA.NUM_FRAMES
    with pytest.raises(ConfigError, match=rf"DATA\.TRAIN_CROP_SIZE = 48: clips of {frames} x 48 x 48"):
        check_network(make(*overrides, *too_wide))


@pytest.mark.parametrize("name", ["val0.mp4", "test1.mp4"])
def test_missing_video_of_an_evaluation_is_named(make: Callable[..., CfgNode], tmp_path: Path, name: str) -> None:
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match=rf"{name} does not exist.*TEST\.SKIP_UNREADABLE"):
        check_run(make(), CPU)
    check_run(make("TEST.SKIP_UNREADABLE", True), CPU)


@pytest.mark.parametrize("place", ["run", "run/checkpoints", "run/scores"])
def test_file_where_a_folder_must_be_is_named(make: Callable[..., CfgNode], tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file")
    with pytest.raises(WriteError, match=f"{place} is a file"):
        check_run(make("TEST.SAVE_RESULTS_PATH", "scores/of.csv"), CPU)


def test_folder_in_the_place_of_scores_is_named(make: Callable[..., CfgNode], tmp_path: Path) -> None:
    (tmp_path / "run" / "scores.csv").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"TEST\.SAVE_RESULTS_PATH.*there is a folder of that name"):
        check_run(make("TEST.SAVE_RESULTS_PATH", "scores.csv"), CPU)


def test_room_for_two_checkpoints_must_be_there(make: Callable[..., CfgNode], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs("/")
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result((*real[:4], 10, *real[5:])))
    with pytest.raises(WriteError, match=r"checkpoints: checkpoints have .* two must fit beside each other"):
        check_run(make(), CPU)
    check_run(make("TRAIN.ENABLE", False), CPU)


@pytest.mark.parametrize(("options", "kept"), [((), 20), (("TRAIN.CHECKPOINT_KEEP", 3), 4)])
def test_room_for_the_checkpoints_that_stay_should_be_there(
    make: Callable[..., CfgNode], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, options: Any, kept: int
) -> None:
    cfg = make("SOLVER.MAX_EPOCH", 20, "TRAIN.CHECKPOINT_PERIOD", 1, *options)
    real, blocks = os.statvfs("/"), 3 * 8 * check_network(cfg) // os.statvfs("/").f_frsize
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result((*real[:4], blocks, *real[5:])))
    check_run(cfg, CPU)
    assert f"{kept} checkpoints will be kept" in caplog.text


def test_a_copy_of_the_state_must_fit_where_checkpoints_are_written_in_the_background(
    make: Callable[..., CfgNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = check_network(make())
    monkeypatch.setattr(preflight, "_memory_bytes", lambda: 4 * 4 * numbers)  # weights, gradients, moments, and one more
    options = ("DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32)
    with pytest.raises(ConfigError, match=r"TRAIN\.CHECKPOINT_ASYNC = True: .*right would be: False"):
        preflight._check_memory(make(*options), numbers)
    preflight._check_memory(make(*options, "TRAIN.CHECKPOINT_ASYNC", False), numbers)


def test_a_figure_that_validations_do_not_have_is_told_before_the_training(make: Callable[..., CfgNode]) -> None:
    best = "TRAIN.CHECKPOINT_BEST_METRIC"
    check_run(make(best, "top1_acc"), CPU)
    check_run(make(best, "mAP", "TRAIN.EVAL_PERIOD", 0), CPU)
    with pytest.raises(ConfigError, match=r"'top1_err': .*no figure of that name; right would be: 'top1_acc' or 'top5_acc'"):
        check_run(make(best, "top1_err"), CPU)


@pytest.mark.parametrize(
    ("options", "copies"),
    [
        (["SOLVER.MOMENTUM", "0.9"], 2),
        (["SOLVER.MOMENTUM", "0.0", "SOLVER.NESTEROV", "False"], 1),
        (["SOLVER.OPTIMIZING_METHOD", "adamw"], 3),
        (["SOLVER.OPTIMIZING_METHOD", "adamw", "TRAIN.EMA_DECAY", "0.9"], 4),
    ],
)
def test_checkpoints_are_as_large_as_what_they_hold(make: Callable[..., CfgNode], options: list[str], copies: int) -> None:
    assert preflight._copies_in_checkpoint(make(*options)) == copies


def test_weights_that_only_the_test_reads_are_read_before(make: Callable[..., CfgNode], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.pyth"):
        check_run(make("TEST.CHECKPOINT_FILE_PATH", str(tmp_path / "gone.pyth")), CPU)


@pytest.mark.parametrize("key", ["EXCLUSION_FILE", "LABEL_MAP_FILE", "GROUNDTRUTH_FILE"])
def test_file_that_detections_are_scored_by_is_named_by_its_option(tmp_path: Path, key: str) -> None:
    cfg = longcook_ava(tmp_path, f"AVA.{key}", "gone.txt")
    with pytest.raises(ConfigError, match=rf"AVA\.{key} = 'gone\.txt': there is no such file") as caught:
        check_evaluation(cfg, "test")
    assert ("empty" in caught.value.right) == (key == "EXCLUSION_FILE")


def longcook_ava(folder: Path, *overrides: Any) -> CfgNode:
    """Persons in videos that only have to be listed."""
    lists, annotations = folder / "frame_lists", folder / "annotations"
    lists.mkdir()
    annotations.mkdir()
    (folder / "frames" / "v").mkdir(parents=True)
    (folder / "frames" / "v" / "0.jpg").write_bytes(b"a picture")
    rows = "".join(f'v 0 {number} v/{number}.jpg ""\n' for number in range(200))
    (lists / "val.csv").write_text(f"original_vido_id video_id frame_id path labels\n{rows}")
    (annotations / "boxes.csv").write_text("v,0903,0.1,0.1,0.5,0.5,,0.99\n")
    (annotations / "truths.csv").write_text("v,0903,0.1,0.1,0.5,0.5,1,0\n")
    (annotations / "map.pbtxt").write_text('item {\n  name: "sit"\n  id: 1\n}\n')
    (annotations / "excluded.csv").write_text("v,0904\n")
    names = ("LABEL_MAP_FILE", "map.pbtxt", "GROUNDTRUTH_FILE", "truths.csv", "EXCLUSION_FILE", "excluded.csv")
    files = [text if "." in text else f"AVA.{text}" for text in names]
    settings = ("TEST.DATASET", "ava", "TRAIN.DATASET", "ava", "DETECTION.ENABLE", True, "DATA.PATH_TO_DATA_DIR", str(folder))
    return load_config(overrides=[*TINY, *settings, *files, "AVA.TEST_PREDICT_BOX_LISTS", ["boxes.csv"], *overrides])


def test_a_network_without_layers_is_refused_before_anything_starts(make: Callable[..., CfgNode]) -> None:
    with pytest.raises(ConfigError, match=r"SOLVER\.LAYER_DECAY"):
        check_run(make("SOLVER.LAYER_DECAY", 0.75), CPU)
    check_run(make("SOLVER.LAYER_DECAY", 0.75, "TRAIN.ENABLE", False), CPU)
