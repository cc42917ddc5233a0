"""Config files of PySlowFast load unchanged; what the library does not have is ignored loudly, or refused.

The files in pyslowfast/ have the keys and values of PySlowFast's own.
"""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from slowfast.config import ConfigError, load_config, load_projects
from slowfast.config.loading import default_config
from slowfast.config.sections.foreign import UNUSED, find_unused
from slowfast.models import build_model
from slowfast.registry import CONFIG_SECTIONS

FILES = Path(__file__).parent / "pyslowfast"

PARAMETERS = {
    "C2D_8x8_R50": 24.33,
    "I3D_8x8_R50": 28.04,
    "I3D_NLN_8x8_R50": 35.40,
    "SLOW_8x8_R50": 32.45,
    "SLOWFAST_8x8_R50": 34.57,
    "X3D_S": 3.79,
    "CHARADES_SLOWFAST_16x8_R50": 34.01,
    "AVA_SLOWFAST_32x2_R50_SHORT": 33.83,
}
"""Millions of parameters, by file."""

WARNINGS = {
    "C2D_8x8_R50": ["NONLOCAL.INSTANTIATION"],
    "I3D_8x8_R50": ["NONLOCAL.INSTANTIATION"],
    "X3D_S": ["DATA.DECODING_BACKEND"],
    "CHARADES_SLOWFAST_16x8_R50": ["BN.NUM_SYNC_DEVICES", "DATA.REVERSE_INPUT_CHANNEL", "SOLVER.LRS", "TRAIN.CHECKPOINT_TYPE"],
    "AVA_SLOWFAST_32x2_R50_SHORT": ["TRAIN.CHECKPOINT_TYPE"],
}
"""Options that are said to have no effect, by file."""


def test_every_file_is_tested() -> None:
    assert {path.stem for path in FILES.glob("*.yaml")} == {*PARAMETERS, "switched_off"}


@pytest.mark.filterwarnings("ignore:.* has no effect")
@pytest.mark.parametrize("name", PARAMETERS)
def test_file_loads_and_builds_its_network(name: str) -> None:
    cfg = load_config(FILES / f"{name}.yaml")
    with torch.device("meta"):
        model = build_model(cfg)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert round(millions, 2) == PARAMETERS[name]


@pytest.mark.parametrize("name", [*PARAMETERS, "switched_off"])
def test_file_says_of_each_option_without_effect_that_it_has_none(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_config(FILES / f"{name}.yaml")
    assert sorted(str(warning.message).split()[0] for warning in caught) == WARNINGS.get(name, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AUG.GEN_MASK_LOADER", "True"),
        ("AUG.NUM_SAMPLE", 2),
        ("MULTIGRID.LONG_CYCLE", True),
        ("BN.NORM_TYPE", "sub_batchnorm"),
        ("MODEL.FROZEN_BN", "true"),
        ("MODEL.DROPCONNECT_RATE", "0.2"),
        ("DATA.TRAIN_JITTER_MOTION_SHIFT", True),
        ("TASK", "ssl"),
        ("MODEL.MODEL_NAME", "PTVMViT"),
    ],
)
def test_what_would_change_the_results_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(load_config(overrides=[key, value]))
    assert caught.value.key == key
    assert caught.value.right


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.FP16_ALLREDUCE", True),
        ("TENSORBOARD.MODEL_VIS.GRAD_CAM.ENABLE", True),
        ("BENCHMARK.NUM_EPOCHS", 5),
        ("SOLVER.GAMMA", "0.1"),
    ],
)
def test_what_would_not_is_ignored_with_a_warning(key: str, value: Any) -> None:
    with pytest.warns(UserWarning, match=rf"{key} \(set in the command line\) has no effect: .*\.$"):
        assert load_config(overrides=[key, value]) == load_config()


def test_section_within_a_section_is_one_option_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("TENSORBOARD: {ENABLE: True, HISTOGRAM: {ENABLE: True, TOPK: 5}}")
    with pytest.warns(UserWarning, match=r"TENSORBOARD\.HISTOGRAM \(set in .*config\.yaml\) has no effect"):
        assert load_config(path).TENSORBOARD.ENABLE


def test_refusal_says_where_the_value_was_set_and_what_would_be_right(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("MASK: {ENABLE: True, PRETRAIN_DEPTH: [15]}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    why = "this library has no self-supervised training"
    expected = f"MASK.ENABLE = True: {why}; right would be: False (set in {path})"
    assert str(caught.value) == expected


def test_unused_options_are_none_of_the_librarys_own() -> None:
    load_projects()
    default_config()
    known = {section.full_key(key) for _, section in CONFIG_SECTIONS.items() for key in section.options}
    assert known.isdisjoint(UNUSED)
    assert all(find_unused(key) is None for key in known)


@pytest.mark.parametrize("key", UNUSED)
def test_values_that_ask_for_nothing_are_taken_silently(key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in UNUSED[key].off:
            assert load_config(overrides=[key, value]) == load_config()


def test_an_unknown_key_of_a_known_section_is_still_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no such option"):
        load_config(overrides=["BN.NUM_SPLIT", 2])
