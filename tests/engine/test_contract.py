"""What weights say of their use: written by runs, read without them."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.config.comparing import flat_options, of_network
from slowfast.datasets import VideoDataset
from slowfast.datasets.charades import sampling_rules as charades_rules
from slowfast.datasets.kinetics import sampling_rules as kinetics_rules
from slowfast.datasets.labels import ClassLabel
from slowfast.datasets.sources import FileSource, GridSource
from slowfast.datasets.ssv2 import _sampling_rules as ssv2_rules
from slowfast.datasets.video_files import VideoFiles
from slowfast.engine import checkpoint
from slowfast.engine.contract import KEY, Contract, read_contract
from slowfast.engine.weight_files import write_weights
from slowfast.models import build_model
from slowfast.models.weights import read_weights
from slowfast.runtime.errors import CheckpointError

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))
KINETICS = FileSource(VideoFiles())


def dataset(cfg: CfgNode, split: str = "test") -> VideoDataset:
    name = cfg.TEST.DATASET
    several = cfg.DATA.MULTI_LABEL
    rules, source = (charades_rules, GridSource(24)) if several else (kinetics_rules, KINETICS)
    if name == "ssv2":
        rules, source = ssv2_rules, KINETICS
    return VideoDataset(
        records=(), class_names=tuple(f"class {n}" for n in range(cfg.MODEL.NUM_CLASSES)), source=source,
        clips=rules(cfg, split)[0], crops=rules(cfg, split)[1], labels=ClassLabel(), seed=0, replaces=False,
    )  # fmt: skip


def config(name: str, *overrides: object) -> CfgNode:
    classes = ["MODEL.NUM_CLASSES", 3] if name.startswith("Folder") else []
    return load_config(CONFIGS / name, [*classes, *overrides])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_every_shipped_config_comes_back_as_a_network_that_computes_the_same(name: str) -> None:
    cfg = config(name)
    contract = Contract.read(Contract.of(cfg, dataset(cfg)).text(), "here")
    again = flat_options(contract.config())
    there = flat_options(cfg)
    assert {key: again[key] for key in there if of_network(key, cfg)} == {
        key: there[key] for key in there if of_network(key, cfg)
    }
    rates = ("MVIT.DROPPATH_RATE", "TIMESFORMER.DROPPATH_RATE", "VIT.DROPPATH_RATE")
    others = [key for key in contract.options if key not in rates]
    assert not [key for key in others if "PATH" in key or key.startswith(("SOLVER", "LONGCOOK", "TRAIN"))]
    assert not [key for key in contract.options if key.startswith("AVA") and key.endswith(("DIR", "FILE", "LISTS"))]
    for key in ("DATA.NUM_FRAMES", "DATA.LANE_PIECES", "DATA.MULTI_LABEL", "DATA.MEAN", "MODEL.HEAD_ACT", "BN.NORM_TYPE"):
        assert again[key] == there[key]


@pytest.mark.filterwarnings("ignore")
def test_an_option_that_is_said_to_be_as_by_default_is_not_derived_otherwise() -> None:
    """PGT.HEAD is False for whole videos with several labels, unless somebody says True."""
    for head in (True, False):
        cfg = config("LongCook/HOUR_PGT.yaml", "PGT.HEAD", head)
        assert Contract.of(cfg, dataset(cfg)).config().PGT.HEAD is head


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize(
    ("name", "options", "apart", "short_side"),
    [
        ("Kinetics/SLOWONLY.yaml", [], 8 / 30, 256),
        ("Kinetics/SLOWONLY.yaml", ["TEST.NUM_SPATIAL_CROPS", 1, "DATA.TEST_CROP_SIZE", 224], 8 / 30, 256),
        ("Kinetics/X3D_S.yaml", ["TEST.NUM_SPATIAL_CROPS", 1, "DATA.TEST_CROP_SIZE", 160], 6 / 30, 182),
        ("Charades/SLOWONLY.yaml", [], 8 / 24, 256),
        ("SSv2/SLOWONLY.yaml", [], None, 256),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_frames_are_those_of_a_test_whatever_split_it_is_read_from(
    split: str, name: str, options: list[object], apart: float | None, short_side: int
) -> None:
    cfg = config(name, *options)
    frames = Contract.of(cfg, dataset(cfg, split)).frames
    assert frames.seconds_apart == pytest.approx(apart)
    assert frames.grid_fps == (24 if name.startswith("Charades") else None)
    tested = dataset(cfg).crops
    assert (frames.short_side, frames.crop) == (tested.short_side or tested.size, tested.size)
    assert cfg.TEST.NUM_SPATIAL_CROPS > 1 or frames.short_side == max(short_side, frames.crop)


@pytest.fixture
def cfg() -> CfgNode:
    tiny = ["RESNET.DEPTH", 18, "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", 2]
    return config("LongCook/SLOWONLY_PGT.yaml", *tiny, "MODEL.NUM_CLASSES", 4)


@pytest.mark.parametrize("suffix", [".pyth", ".safetensors"])
def test_files_of_weights_keep_it_beside_the_weights(cfg: CfgNode, tmp_path: Path, suffix: str) -> None:
    model = build_model(cfg)
    rule = {"weights": "", "classes": {"class 0": {"threshold": 0.25, "max_gap": 0.0, "min_length": 1.5}}}
    contract = Contract.of(cfg, dataset(cfg)).tested({"mAP": 91.23456, "mAP_none": float("nan")}, rule)
    path = tmp_path / f"weights{suffix}"
    write_weights(path, model.state_dict(), contract)
    assert read_contract(path) == contract
    assert contract.figures == {"mAP": 91.2346, "mAP_none": None}
    for name, value in read_weights(path).items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=0)


def test_files_of_others_say_nothing(tmp_path: Path) -> None:
    weights = {"a": torch.ones(2)}
    torch.save(weights, tmp_path / "bare.pth")
    write_weights(tmp_path / "bare.safetensors", weights)
    checkpoint.save(tmp_path / "old.pyth", {"model_state": weights, "cfg": "A: 1"})
    (tmp_path / "text.pkl").write_text("nothing of the kind")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("bare.pth", "bare.safetensors", "old.pyth", "text.pkl", "empty"):
        assert read_contract(tmp_path / name) is None


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{}", '{"format": "1"}', "{broken", '{"format": 1, "task": "x"}'])
def test_a_damaged_one_is_told_with_its_file(text: str, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "last.pyth", {"model_state": {"a": torch.ones(2)}, KEY: text})
    with pytest.raises(CheckpointError, match=r"last\.pyth: what it says of its use is damaged"):
        read_contract(tmp_path / "last.pyth")


def test_a_later_format_names_the_version_that_reads_it(cfg: CfgNode, tmp_path: Path) -> None:
    content = json.loads(dataclasses.replace(Contract.of(cfg, dataset(cfg)), library="9.1").text()) | {"format": 2}
    checkpoint.save(tmp_path / "new.pyth", {"model_state": {"a": torch.ones(2)}, KEY: json.dumps(content)})
    with pytest.raises(CheckpointError, match=r"new\.pyth: .*format 2.*right would be version 9\.1 or later"):
        read_contract(tmp_path / "new.pyth")


def test_no_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file"):
        read_contract(tmp_path / "none.pyth")
    with pytest.raises(CheckpointError, match="this is a folder"):
        read_contract(tmp_path)


def test_figures_of_a_rule_that_are_undefined_are_null(cfg: CfgNode) -> None:
    rule = {"classes": {"run": {"threshold": 0.5, "min_seconds": 0.0, "f1": float("nan")}}}
    text = Contract.of(cfg, dataset(cfg)).tested({}, rule).text()
    assert Contract.read(text, "here").event_rule["classes"]["run"] == {"threshold": 0.5, "min_seconds": 0.0, "f1": None}
