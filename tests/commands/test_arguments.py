"""Pairs KEY VALUE on the command lines of all tools that take them."""

import importlib
import re
from pathlib import Path

import pytest

from slowfast.config import ConfigError, load_config
from slowfast_tools import run_net

CONFIGS = Path(__file__).parents[2] / "configs"

BASES = {
    "run_net": ["--cfg", "a.yaml"],
    "compare": [],
    "inspect_data": ["--cfg", "a.yaml"],
    "submit": ["--cfg", "a.yaml"],
    "eval_ava": ["--detections", "d", "--groundtruth", "g", "--labelmap", "l"],
    "prepare_data check": ["check", "folder"],
    "prepare_data ava": ["ava", "folder", "--annotations", "a", "--out", "o"],
    "detect_persons": ["folder", "--out", "o.csv"],
}


def parse(tool, words):
    return importlib.import_module(f"slowfast_tools.{tool.split()[0]}").parse(words)


@pytest.mark.parametrize("tool", BASES)
@pytest.mark.parametrize(
    "pairs",
    [
        ["SOLVER.BASE_LR", "-1e-3"],
        ["SOLVER.BASE_LR", "-5", "DATA.MEAN", "-[1, 2]"],
        ["DATA.MEAN", "-1,2", "SOLVER.BASE_LR", "-.5e3"],
        ["DATA.PATH_LABEL_SEPARATOR", "-"],
        ["RNG_SEED", "-inf"],
        ["OUTPUT_DIR", "-out"],
        ["SOLVER.BASE_LR"],
    ],
)
def test_words_behind_a_key_are_its_value_whatever_they_begin_with(tool, pairs):
    assert parse(tool, [*BASES[tool], *pairs]).overrides == pairs
    options = parse(tool, [*BASES[tool], *pairs, "--debug"])
    assert options.overrides == pairs
    assert options.debug


@pytest.mark.parametrize("tool", BASES)
def test_pairs_may_stand_apart(tool):
    options = parse(tool, [*BASES[tool], "RNG_SEED", "1", "--debug", "SOLVER.BASE_LR", "-1e-3"])
    assert options.overrides == ["RNG_SEED", "1", "SOLVER.BASE_LR", "-1e-3"]


@pytest.mark.parametrize("tool", BASES)
@pytest.mark.parametrize("words", [["--typo"], ["--typo", "RNG_SEED", "1"], ["RNG_SEED", "1", "-x", "2"], ["RNG_SEED", "--5"]])
def test_unknown_options_are_refused_by_name(tool, words, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(tool, [*BASES[tool], *words])
    assert stop.value.code == 2
    unknown = next(word for word in words if word.startswith("-"))
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"error: unrecognized arguments: {unknown}")


@pytest.mark.parametrize("folder", ["D", "DATA", "RNG_SEED", "Data.v2", "data"])
@pytest.mark.parametrize("words", [["-x"], ["-x", "3"], ["-x", "RNG_SEED", "1"], ["-x=3"], ["-9"], ["--jobs", "1", "-x"]])
@pytest.mark.parametrize("command", [["check"], ["ava", "--annotations", "a", "--out", "o"]])
def test_unknown_option_behind_a_folder_that_looks_like_a_key_is_named(command, folder, words, capsys):
    with pytest.raises(SystemExit) as stop:
        parse("prepare_data", [*command, folder, *words])
    assert stop.value.code == 2
    unknown = next(word for word in words if re.match("-[x9]", word))
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"error: unrecognized arguments: {unknown}")


@pytest.mark.parametrize(
    ("tool", "words", "named"),
    [
        ("run_net", ["--cfg", "a.yaml", "--cfg", "b.yaml"], "--cfg"),
        ("run_net", ["--cfg=a.yaml", "RNG_SEED", "1", "--cfg=a.yaml"], "--cfg"),
        ("inspect_data", ["--cfg", "a.yaml", "--num", "6", "--num", "7"], "--num"),
        ("prepare_data", ["folder", "videos", "--out", "a", "--out", "b"], "--out"),
        ("eval_ava", [*BASES["eval_ava"], "--detections", "e"], "--detections"),
        ("convert_checkpoint", ["a", "b", "--cfg", "a.yaml", "--cfg", "b.yaml"], "--cfg"),
        ("export", ["--weights", "a", "--to", "onnx", "--to", "torch"], "--to"),
        ("check_config", ["a", "--table", "a.md", "--table", "b.md"], "--table"),
    ],
)
def test_option_that_stands_twice_is_refused(tool, words, named, capsys):
    with pytest.raises(SystemExit):
        parse(tool, words)
    assert f"error: {named} stands here a second time" in capsys.readouterr().err


def test_commands_without_pairs_refuse_them(capsys):
    with pytest.raises(SystemExit):
        parse("prepare_data", ["folder", "videos", "--out", "a", "RNG_SEED", "1"])
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: RNG_SEED 1\n")


def test_options_to_set_may_have_values_with_a_dash():
    words = ["a.yaml", "--set", "SOLVER.BASE_LR", "-1e-3", "--set", "RNG_SEED", "2"]
    assert parse("check_config", words).set == ["SOLVER.BASE_LR", "-1e-3", "RNG_SEED", "2"]


def test_pairs_behind_a_list_of_numbers_are_told_where_to_stand(capsys):
    with pytest.raises(SystemExit):
        parse("eval_ava", [*BASES["eval_ava"], "--iou", "0.5", "AVA.FPS", "25"])
    assert "'AVA.FPS' is no number (pairs KEY VALUE stand before --iou" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "key", "why"),
    [
        (["SOLVER.BASE_LR"], "SOLVER.BASE_LR", "has no value"),
        (["RNG_SEED", 5, "SOLVER.BASE_LR"], "SOLVER.BASE_LR", "has no value"),
        (["SOLVER.BASE_LR", "TRAIN.ENABLE", "False"], "SOLVER.BASE_LR", "has no value"),
        (["SOLVER.BASE_LR", "TRAIN.ENABLE"], "SOLVER.BASE_LR", "has no value"),
        (["OUTPUT_DIR", "TRAIN.ENABLE", "TEST.ENABLE", "False"], "OUTPUT_DIR", "has no value"),
        (["SOLVER.BASE_LR=-5"], "SOLVER.BASE_LR", "two words"),
        (["SOLVER.BASE_LR=5", "RNG_SEED=1"], "SOLVER.BASE_LR", "two words"),
        (["SOLVER.BASE_LR", "=", "5"], "SOLVER.BASE_LR", "two words"),
        (["RNG_SEED", "1", "NO.SUCH=5"], "NO.SUCH", "two words"),
        (["SOLVER.BASE_LR", "-1e-3"], "SOLVER.BASE_LR", "must be at least 0"),
        (["DATA.MEAN", "[-1, 0, 0]"], "DATA.MEAN", "must be at least 0"),
    ],
)
def test_pair_that_is_none_is_named(words, key, why):
    with pytest.raises(ConfigError, match=why) as caught:
        load_config(overrides=words)
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_values_of_overrides_may_hold_an_equals_sign(tmp_path):
    assert load_config(overrides=["OUTPUT_DIR", f"{tmp_path}/a=b"]).OUTPUT_DIR.endswith("a=b")


def test_help_of_run_net_lists_config_files_of_every_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_net.parse(["--help"])
    listed = capsys.readouterr().out.partition("config files by task")[2].partition("each is a FILE")[0]
    named = set(re.findall(r"\b[A-Z]\w+/[A-Z]\w+", listed))
    assert [name for name in named if not (CONFIGS / f"{name}.yaml").is_file()] == []
    assert {name.partition("/")[0] for name in named} == {folder.name for folder in CONFIGS.iterdir() if folder.is_dir()}
    assert max(map(len, listed.splitlines())) <= 100
