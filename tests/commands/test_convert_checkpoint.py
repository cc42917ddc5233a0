"""The command that converts weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from slowfast.config import CfgNode
from slowfast.engine.contract import Contract, Frames, read_contract
from slowfast.engine.weight_files import write_weights
from slowfast.models import build_model
from slowfast.models.weights import read_weights
from slowfast_tools.convert_checkpoint import main
from tests.models.tiny_networks import TINY, VARIANTS, tiny_config


@pytest.fixture
def cfg() -> CfgNode:
    return tiny_config("i3d")


def write_config(path: Path, num_classes: int = 5) -> Path:
    """The config of `cfg` as a file, but for the number of classes."""
    sections: dict[str, Any] = {}
    for key, value in (TINY | VARIANTS["i3d"] | {"MODEL.NUM_CLASSES": num_classes}).items():
        section, _, option = key.rpartition(".")
        (sections.setdefault(section, {}) if section else sections)[option] = value
    path.write_text(yaml.safe_dump(sections))
    return path


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return write_config(tmp_path / "tiny.yaml")


@pytest.fixture
def pictures(cfg: CfgNode, tmp_path: Path) -> dict[str, Tensor]:
    """Weights of a network of pictures with as many layers, which lie in pictures.pth under torchvision's names."""
    ours = {name: value.sum(2) if value.ndim == 5 else value for name, value in build_model(cfg).state_dict().items()}
    layers = {"branch1": "downsample.0", "branch1_bn": "downsample.1"}
    layers |= {f"branch2.{x}": f"conv{n}" for n, x in enumerate("abc", 1)}
    layers |= {f"branch2.{x}_bn": f"bn{n}" for n, x in enumerate("abc", 1)}
    layers |= {"s1.pathway0_stem.conv": "conv1", "s1.pathway0_stem.bn": "bn1", "head.projection": "fc"}
    theirs = {}
    for name, value in ours.items():
        path, _, kind = name.rpartition(".")
        if "_res" in path:
            stage, rest = path.split(".pathway0_res")
            block, layer = rest.split(".", 1)
            theirs[f"layer{int(stage[1:]) - 1}.{block}.{layers[layer]}.{kind}"] = value
        else:
            theirs[f"{layers[path]}.{kind}"] = value
    torch.save(theirs, tmp_path / "pictures.pth")
    return ours


@pytest.mark.parametrize("suffix", [".pyth", ".safetensors"])
def test_without_a_config_only_names_and_format_change(
    pictures: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    target = tmp_path / f"ours{suffix}"
    assert main([str(tmp_path / "pictures.pth"), str(target)]) == 0
    found = read_weights(target)
    assert found.keys() == pictures.keys()
    assert all(torch.equal(found[name], value) for name, value in pictures.items())
    assert f"{target}: {len(pictures)} weights written" in capsys.readouterr().out


def test_inflated_weights_fill_the_network_of_the_config(
    pictures: dict[str, Tensor], config_file: Path, cfg: CfgNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ours.pyth"
    assert main([str(tmp_path / "pictures.pth"), str(target), "--cfg", str(config_file), "--inflate"]) == 0
    told = capsys.readouterr().out
    assert "weights loaded" in told
    assert "missing" not in told
    found, shapes = read_weights(target), {name: value.shape for name, value in build_model(cfg).state_dict().items()}
    assert {name: value.shape for name, value in found.items()} == {name: shapes[name] for name in found}
    kernel = "s2.pathway0_res0.branch2.a.weight"
    assert found[kernel].shape[2] == 3
    torch.testing.assert_close(found[kernel].sum(2), pictures[kernel])


def test_a_classifier_of_other_classes_is_left_out_of_the_file(
    pictures: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(tmp_path / "seven.yaml", num_classes=7)
    arguments = [
        str(tmp_path / "pictures.pth"),
        str(tmp_path / "ours.pyth"),
        "--cfg",
        str(tmp_path / "seven.yaml"),
        "--inflate",
    ]
    assert main(arguments) == 0
    assert "another number of classes: head.projection.weight, head.projection.bias" in capsys.readouterr().out
    assert not [name for name in read_weights(tmp_path / "ours.pyth") if "projection" in name]


def test_weights_of_pictures_are_not_inflated_unasked(
    pictures: dict[str, Tensor], config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "pictures.pth"), str(tmp_path / "ours.pyth"), "--cfg", str(config_file)]) == 2
    assert "--inflate" in capsys.readouterr().err
    assert not (tmp_path / "ours.pyth").exists()


def test_inflation_without_a_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["in.pth", "out.pyth", "--inflate"])
    assert "--inflate needs --cfg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        ("pictures.pth", "ours.pkl", "ours.pkl: files of weights end in"),
        ("none.pth", "ours.pyth", "none.pth: there is no such file"),
    ],
)
def test_errors_of_the_user_are_one_line(
    pictures: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, why: str
) -> None:
    assert main([str(tmp_path / source), str(tmp_path / target)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert why in error
    assert error.count("\n") == 1


def test_what_a_file_says_of_its_use_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = Frames(seconds_apart=0.25, grid_fps=24, short_side=64, crop=56, mean=(0.45,) * 3, std=(0.225,) * 3)
    rule = {"classes": {"jump": {"threshold": 0.4, "max_gap": 0.0, "min_length": 2.5}}}
    contract = Contract(
        task="classification", classes=("jump", "run"), several=True, frames=frames, options={"PGT.ENABLE": True},
        trained_on="charades", figures={"mAP": 81.5}, event_rule=rule,
    )  # fmt: skip
    write_weights(tmp_path / "in.pyth", {"a": torch.ones(2)}, contract)
    assert main([str(tmp_path / "in.pyth"), str(tmp_path / "out.safetensors")]) == 0
    assert read_contract(tmp_path / "out.safetensors") == contract
    capsys.readouterr()
    assert main([str(tmp_path / "out.safetensors"), "--show"]) == 0
    shown = capsys.readouterr().out
    for text in (
        "jump, run",
        "every 0.25 s",
        "56 x 56 in the middle",
        "81.50 %",
        "score from 0.4, at least 2.5 s",
        "PGT.ENABLE",
    ):
        assert text in shown


def test_a_file_that_says_nothing_is_told_what_would_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "bare.pth")
    assert main([str(tmp_path / "bare.pth"), "--show"]) == 2
    assert "says nothing of its use" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["IN"], ["IN", "OUT", "--show"], ["IN", "--show", "--cfg", "x.yaml"]])
def test_either_a_file_is_written_or_one_is_shown(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
