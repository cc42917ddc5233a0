"""Whatever stands in a config, the answer is a config or one line about one option: never a traceback, never silence."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slowfast.config import ConfigError, Option, Section, load_config, load_projects
from slowfast.config.loading import default_config
from slowfast.registry import CONFIG_SECTIONS

HUGE = 10**30
NUMBERS = (math.nan, math.inf, -math.inf, HUGE, -HUGE, 10**400, "many", None, [], {}, "1; 2")
NO_FILE = ("nul\0", "half\ud800", "x" * 256, "数/" + "ü" * 128, "a/" * 2048)
"""Texts that no file can be called by: looking for it would already be an error."""

NOT_A_LIST = (None, 3, "", "three", {}, math.nan, True)


def all_options() -> list[tuple[str, Option]]:
    load_projects()
    default_config()
    return [
        (section.full_key(key), option) for _, section in CONFIG_SECTIONS.items() for key, option in section.options.items()
    ]


def hostile(option: Option) -> Iterator[Any]:
    """Values that no option of this type and these bounds takes."""
    default = option.default
    if isinstance(default, bool):
        yield from (0, 1, -1, math.nan, "perhaps", None, [], [True])
    elif isinstance(default, str):
        yield from (None, 3, math.nan, [], ["text"], {}, True, *NO_FILE)
        yield from ("no such choice",) if option.choices else ()
        yield from () if option.empty else ("",)
    elif isinstance(default, list):
        yield from (value for value in NOT_A_LIST if not ((option.bare and value == 3) or (option.null and value is None)))
        yield from misshapen(option)
    else:
        yield from (*NUMBERS, True, [default])
        yield from (1.5,) if isinstance(default, int) else ()
        yield from beyond(option)


def misshapen(option: Option) -> Iterator[Any]:
    """Lists of a wrong length, with a hostile value as their first leaf, or one list too deep or too flat."""
    shortest, longest = option.length or (0, 0)
    if shortest:
        yield []
    if longest:
        yield ((option.default or [first_leaf(option)]) * (longest + 1))[: longest + 1]
    yield [option.default] if option.default else [[[]]] if isinstance(option.elements, list) else [[]]
    leaf = first_leaf(option)
    if isinstance(leaf, str):
        yield from (with_leaf(option, value) for value in (3, None, [], *NO_FILE))
    else:
        yield from (with_leaf(option, value) for value in (*NUMBERS, *beyond(option)))


def beyond(option: Option) -> Iterator[float]:
    """Numbers right outside of the bounds."""
    step = 1 if isinstance(first_leaf(option), int) else 1e-6
    if option.choices:
        yield from (min(option.choices) - 1, max(option.choices) + 1)
        return
    yield option.above if option.minimum is None else option.minimum - step
    yield option.below if option.maximum is None else option.maximum + max(step, step * option.maximum)


def first_leaf(option: Option) -> Any:
    value = option.default
    while isinstance(value, list):
        value = value[0] if value else innermost(option.elements)()
    return value


def innermost(elements: type | list[type] | None) -> type:
    return elements[0] if isinstance(elements, list) else elements or int


def with_leaf(option: Option, leaf: Any) -> Any:
    def replaced(value: Any) -> Any:
        return [replaced(value[0] if value else None), *value[1:]] if isinstance(value, list) else leaf

    return replaced(option.default or ([[None]] if isinstance(option.elements, list) else []))


CASES = [(key, value) for key, option in all_options() for value in hostile(option)]


def refused(key: str, value: Any, overrides: list[Any], path: Path | None = None) -> bool:
    try:
        load_config(path, overrides)
    except ConfigError as error:
        text = str(error)
        return error.key == key and bool(error.why) and bool(error.right) and text.startswith(f"{key} = ") and "\n" not in text
    return False


def test_there_are_many_hostile_values_for_every_option() -> None:
    assert len(CASES) > 1500
    assert {key for key, _ in CASES} == {key for key, _ in all_options()}


def test_every_hostile_value_is_refused_by_its_option_as_a_python_object() -> None:
    texts = {key for key, option in all_options() if isinstance(option.default, str)}  # anything is a text there
    accepted = [(key, value) for key, value in CASES if key not in texts and not refused(key, value, [key, value])]
    assert not accepted


def test_every_hostile_value_is_refused_by_its_option_as_the_text_of_an_override() -> None:
    texts = {key for key, option in all_options() if isinstance(option.default, str)}
    accepted = [(key, value) for key, value in CASES if key not in texts and not refused(key, value, [key, str(value)])]
    assert not accepted


def test_every_hostile_value_is_refused_by_its_option_in_a_file(tmp_path: Path) -> None:
    accepted, options = [], dict(all_options())
    path = tmp_path / "config.yaml"
    for key, value in CASES[::2]:
        section, _, name = key.rpartition(".")
        if value == {} and not section:  # a mapping at the top level is a section
            continue
        if value is None and isinstance(options[key].default, str | list):  # left open, as in templates: answered by a warning
            continue
        path.write_text(yaml.safe_dump({section: {name: value}} if section else {name: value}), encoding="utf-8")
        if not refused(key, value, [], path):
            accepted.append((key, value))
    assert not accepted


@pytest.mark.parametrize("key", [key for key, _ in all_options()])
def test_misspelt_option_is_answered_with_the_right_name(key: str) -> None:
    section, _, name = key.rpartition(".")
    for misspelt in (f"{name}S", name[:-1], name.lower()):
        full_key = f"{section}.{misspelt}" if section else misspelt
        if full_key in dict(all_options()):
            continue
        with pytest.raises(ConfigError) as caught:
            load_config(overrides=[full_key, 1])
        assert caught.value.key == full_key
        assert caught.value.right.startswith("perhaps ") or "no effect" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["DATA.MEAN", [123.675, 116.28, 103.53], "DATA.STD", [58.395, 57.12, 57.375]], "DATA.MEAN"),
        (["DATA.STD", [58.395, 57.12, 57.375]], "DATA.STD"),
        (["DATA.STD", [0, 0, 0]], "DATA.STD"),
        (["DATA.INPUT_CHANNEL_NUM", [1]], "DATA.INPUT_CHANNEL_NUM"),
        (["DATA.INPUT_CHANNEL_NUM", []], "DATA.INPUT_CHANNEL_NUM"),
        (["DATA.CYCLIC_LOAD", True, "DATA.USE_OFFSET_SAMPLING", True], "DATA.USE_OFFSET_SAMPLING"),
        (["SHARD_ID", 2, "NUM_SHARDS", 2], "SHARD_ID"),
        (["DIST_BACKEND", "nccl", "NUM_GPUS", 0, "NUM_PROCS", 2], "DIST_BACKEND"),
        (["SOLVER.MOMENTUM", 0], "SOLVER.NESTEROV"),
        (["SOLVER.DAMPENING", 0.1], "SOLVER.NESTEROV"),
        (["SOLVER.COSINE_END_LR", 1.0], "SOLVER.COSINE_END_LR"),
        (["SOLVER.WARMUP_EPOCHS", 301], "SOLVER.WARMUP_EPOCHS"),
        (["SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.STEPS", [0, 5, 5], "SOLVER.LRS", [1, 1, 1]], "SOLVER.STEPS"),
        (["MODEL.SINGLE_PATHWAY_ARCH", ["slow", "slowfast"]], "MODEL.MULTI_PATHWAY_ARCH"),
        (["DATA.MULTI_LABEL", True], "MODEL.LOSS_FUNC"),
        (["MODEL.ACT_CHECKPOINT", True, "TRAIN.ACTIVATION_CHECKPOINTING", "none"], "MODEL.ACT_CHECKPOINT"),
        (["NONLOCAL.POOL", [[[1, 2]], [[1]], [[1]], [[1]]]], "NONLOCAL.POOL"),
        (["AVA.TRAIN_PCA_EIGVEC", [[1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]], "AVA.TRAIN_PCA_EIGVEC"),
        (["PGT.ENABLE", True, "PGT.STEP_LEN", [8], "PGT.OVERLAP", [8], "MODEL.ARCH", "slow"], "PGT.OVERLAP"),
        (["PGT.ENABLE", True, "PGT.STEP_LEN", [8, 32], "PGT.OVERLAP", [1], "MODEL.ARCH", "slow"], "PGT.STEP_LEN"),
        (["PGT.ENABLE", True, "MODEL.ARCH", "slow", "PGT.TBPTT_STEPS", 6], "PGT.TBPTT_STEPS"),
    ],
)
def test_values_that_contradict_each_other_are_refused_by_key(overrides: list[Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    assert caught.value.key == key
    assert caught.value.right


@pytest.mark.parametrize(
    "text",
    [
        "TRAIN: {BATCH_SIZE: 2}\nTRAIN: {EVAL_PERIOD: 3}",  # the first section would be dropped
        "TRAIN: {BATCH_SIZE: 2, BATCH_SIZE: 3}",
        "TRAIN: {BATCH_SIZE: 2001-99-99}",
        "{[1, 2]: 3}",
        "!!python/object/apply:os.getcwd []",
        "[" * 5000,
        "OUTPUT_DIR: \x00",
    ],
    ids=["section twice", "key twice", "no such date", "key is a list", "code", "deep", "nul"],
)
def test_hostile_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "{[]: 1}", "\0", "lambda: 1", "1e999", "1j", "[1, 2", "None"])
def test_hostile_override_is_refused_in_one_short_line(text: str) -> None:
    for key in ("TRAIN.BATCH_SIZE", "SOLVER.BASE_LR", "DATA.MEAN", "TRAIN.ENABLE"):
        with pytest.raises(ConfigError) as caught:
            load_config(overrides=[key, text])
        assert caught.value.key == key
        assert len(str(caught.value)) < 600


def test_list_that_holds_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("DATA: {MEAN: &mean [*mean, 1, 1]}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"DATA\.MEAN"):
        load_config(path)


def test_long_texts_that_files_and_addresses_have_are_taken() -> None:
    longest = "/".join(["x" * 255] * 15)
    query = f"https://host/weights.pyth?{'signature' * 100}"
    cfg = load_config(overrides=["OUTPUT_DIR", longest, "TRAIN.CHECKPOINT_FILE_PATH", query])
    assert (cfg.OUTPUT_DIR, cfg.TRAIN.CHECKPOINT_FILE_PATH) == (longest, query)


@pytest.mark.parametrize("path", ["", "no such file", "."])
def test_config_file_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot read this file"):
        load_config(path)


def test_option_that_takes_numbers_must_say_which() -> None:
    for option in (Option(1, "Number."), Option([0.5], "Numbers.", minimum=0), Option([], "Numbers.", elements=int, maximum=3)):
        with pytest.raises(ValueError, match=r"APE\.ARMS takes numbers but does not say which"):
            Section(name="APE", meaning="A project.", options={"ARMS": option})


@pytest.mark.parametrize("depth", [6, 40])
def test_aliases_that_repeat_each_other_are_refused_before_they_are_expanded(tmp_path: Path, depth: int) -> None:
    lines = ["L0: &l0 [1, 1]", *(f"L{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, depth))]
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match="its aliases repeat each other, and hold more than 100000 values"):
        load_config(path)


def test_bases_that_are_read_again_and_again_are_refused(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"_BASE_: [{number + 1}.yaml, {number + 1}.yaml]")
    (tmp_path / "30.yaml").write_text("NUM_GPUS: 0")
    with pytest.raises(ConfigError, match="more than 200 files are read"):
        load_config(tmp_path / "0.yaml")


def test_a_base_that_no_file_can_be_called_by_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('_BASE_: "a\\0b"')
    with pytest.raises(ConfigError, match="not a path"):
        load_config(path)
