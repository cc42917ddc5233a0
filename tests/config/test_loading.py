from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slowfast.config import CfgNode, ConfigError, Option, Section, load_config
from slowfast.registry import CONFIG_SECTIONS

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str, name: str = "config.yaml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return to_file


@pytest.fixture
def add_sections(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Registers sections that are gone after the test."""
    monkeypatch.setattr(CONFIG_SECTIONS, "_entries", dict(CONFIG_SECTIONS._entries))

    def add(*sections: Section) -> None:
        for section in sections:
            CONFIG_SECTIONS.register(section.name)(section)

    return add


def test_defaults_need_no_file() -> None:
    assert load_config().DATA.TRAIN_CROP_SIZE == 224


def test_config_is_frozen_in_all_sections() -> None:
    cfg = load_config()
    for node in (cfg, cfg.TRAIN):
        with pytest.raises(AttributeError):
            node.BATCH_SIZE = 1


def test_one_config_leaves_no_trace_in_the_next() -> None:
    load_config(overrides=["SOLVER.STEPS", []]).SOLVER.STEPS.append(9)
    load_config().SOLVER.STEPS.append(9)
    assert load_config().SOLVER.STEPS == []


def test_command_line_wins_over_file_and_file_over_bases_in_their_order(write: Write) -> None:
    write("TRAIN: {BATCH_SIZE: 2, EVAL_PERIOD: 2, CHECKPOINT_PERIOD: 2}\nRNG_SEED: 1", "bases/first.yaml")
    write("_BASE_: first.yaml\nTRAIN: {BATCH_SIZE: 3, EVAL_PERIOD: 3}", "bases/second.yaml")
    write("RNG_SEED: 4", "third.yaml")
    path = write("_BASE_: [bases/second.yaml, third.yaml]\nTRAIN: {BATCH_SIZE: 5}")
    cfg = load_config(path, ["TRAIN.BATCH_SIZE", "6"])
    assert (cfg.TRAIN.CHECKPOINT_PERIOD, cfg.TRAIN.EVAL_PERIOD, cfg.RNG_SEED, cfg.TRAIN.BATCH_SIZE) == (2, 3, 4, 6)


@pytest.mark.parametrize("spelling", ["config.yaml", "./config.yaml", "other/../config.yaml", "{folder}/config.yaml"])
def test_bases_that_lead_back_to_their_file_are_refused(write: Write, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "other").mkdir()
    path = write(f"_BASE_: {spelling.format(folder=tmp_path)}")
    with pytest.raises(ConfigError, match="name each other as base"):
        load_config(path)


@pytest.mark.parametrize("value", ["", "7", "[1]", "{a: b}"])
def test_base_that_is_no_path_is_refused(write: Write, value: str) -> None:
    with pytest.raises(ConfigError, match="not a path; right would be: a path, or a list of paths"):
        load_config(write(f"_BASE_: {value}"))


def test_missing_base_is_reported_with_the_file_that_names_it(write: Write) -> None:
    path = write("_BASE_: gone.yaml")
    with pytest.raises(ConfigError, match=r"gone\.yaml.*cannot read.*set in .*config\.yaml"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [("TRAIN: [", "not YAML"), ("- 1", "holds no options"), ("TRAIN: 3", "a section, not an option")],
)
def test_file_of_another_shape_is_refused(write: Write, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_config(write(text))


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pyth").write_bytes(b"\x80\x02}q\x00\xff")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(tmp_path / "model.pyth")


def test_empty_file_and_empty_section_change_nothing(write: Write) -> None:
    assert load_config(write("")) == load_config(write("TRAIN:")) == load_config()


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("TRAIN.BATCHSIZE", "perhaps TRAIN.BATCH_SIZE"),
        ("train.batch_size", "perhaps TRAIN.BATCH_SIZE"),
        ("TRIAN.BATCH_SIZE", "perhaps TRAIN.BATCH_SIZE"),
        ("OUTPUT_DIRECTORY", "perhaps OUTPUT_DIR"),
        ("SOLVR.BASE_LR", "perhaps SOLVER.BASE_LR"),
    ],
)
def test_unknown_key_is_answered_with_the_nearest_one(key: str, right: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=[key, "1"])
    assert caught.value.right == right
    assert caught.value.where == "the command line"


@pytest.mark.parametrize("text", ["JUGGLE: {ENABLE: True}", "JUGGLE.ENABLE: True"])
def test_unknown_section_says_which_project_may_be_missing(write: Write, text: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.key == "JUGGLE.ENABLE"
    assert "there is no section JUGGLE; if it belongs to a project (such as 'juggle')" in caught.value.why
    assert "pip install -e ." in caught.value.why
    assert caught.value.where == path


@pytest.mark.parametrize("text", ["7: 1", "TRAIN: {7: 1}", "off: 1"])
def test_key_that_yaml_reads_as_something_else_is_an_unknown_key(write: Write, text: str) -> None:
    with pytest.raises(ConfigError, match="there is no such option"):
        load_config(write(text))


def test_wrong_value_is_reported_with_key_value_reason_and_place(write: Write) -> None:
    path = write("TRAIN: {BATCH_SIZE: many}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    error = caught.value
    assert (error.key, error.value, error.why, error.where) == ("TRAIN.BATCH_SIZE", "many", "must be a whole number", path)
    assert str(error) == (
        "TRAIN.BATCH_SIZE = 'many': must be a whole number; right would be: a whole number from 1 to 65536, such as the "
        f"default, 64 (set in {path})"
    )  # fmt: skip


def test_number_with_bare_exponent_is_a_number_in_yaml_too(write: Write) -> None:
    assert load_config(write("SOLVER: {BASE_LR: 1e-4}")).SOLVER.BASE_LR == 1e-4


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("TRAIN.ENABLE", "false", False),
        ("TRAIN.ENABLE", "True", True),
        ("SOLVER.BASE_LR", "1e-4", 1e-4),
        ("DATA.MEAN", "[0, 0.5, 1]", [0.0, 0.5, 1.0]),
        ("DATA.MEAN", (0, 0, 0), [0.0, 0.0, 0.0]),
        ("OUTPUT_DIR", "runs/1.50", "runs/1.50"),
        ("OUTPUT_DIR", "1.50", "1.50"),
        ("OUTPUT_DIR", "true", "true"),
        ("OUTPUT_DIR", "[a]", "[a]"),
        ("OUTPUT_DIR", "'quoted'", "quoted"),
        ("OUTPUT_DIR", Path("runs/a"), "runs/a"),
        ("DATA.PATH_PREFIX", "", ""),
    ],
)
def test_override_means_what_its_option_takes(key: str, value: Any, expected: Any) -> None:
    section, _, name = key.rpartition(".")
    cfg = load_config(overrides=[key, value])
    assert (cfg[section] if section else cfg)[name] == expected


def test_override_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"TRAIN\.ENABLE .* has no value; right would be: KEY VALUE"):
        load_config(overrides=["NUM_GPUS", "0", "TRAIN.ENABLE"])


def test_option_without_effect_is_accepted_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"DATA\.REVERSE_INPUT_CHANNEL \(set in the command line\) has no effect: frames"):
        load_config(overrides=["DATA.REVERSE_INPUT_CHANNEL", "True"])


BLOCKS = [[[]], [[1]], [[]], [[]]]


@pytest.mark.parametrize(
    ("overrides", "key", "why"),
    [
        (["SOLVER.STEPS", [0, 5]], "SOLVER.STEPS", "SOLVER.LR_POLICY cosine does not read it"),
        (["SOLVER.BETAS", [0.5, 0.9]], "SOLVER.BETAS", "SOLVER.OPTIMIZING_METHOD sgd does not read it"),
        (["SOLVER.OPTIMIZING_METHOD", "adam", "SOLVER.MOMENTUM", 0.5], "SOLVER.MOMENTUM", "adam does not read it"),
        (["SOLVER.WARMUP_START_LR", 0.5], "SOLVER.WARMUP_START_LR", "SOLVER.WARMUP_EPOCHS is 0"),
        (["BN.NUM_BATCHES_PRECISE", 3], "BN.NUM_BATCHES_PRECISE", "BN.USE_PRECISE_STATS is False"),
        (["BN.NORM_TYPE", "frozen_batchnorm", "BN.MOMENTUM", 0.5], "BN.MOMENTUM", "frozen norms"),
        (["MODEL.ARCH", "slow", "SLOWFAST.ALPHA", 4], "SLOWFAST.ALPHA", "MODEL.ARCH slow has one pathway"),
        (["X3D.DIM_C5", 100, "X3D.DIM_C1", 10], "X3D.DIM_C5, X3D.DIM_C1", "MODEL.ARCH is slowfast, not x3d"),
        (["REGNET.DEPTH", "Y-400M"], "REGNET.DEPTH", "MODEL.ARCH is slowfast, not regnet3d"),
        (["NONLOCAL.INSTANTIATION", "softmax"], "NONLOCAL.INSTANTIATION", "NONLOCAL.LOCATION names no block"),
        (["DETECTION.ROI_XFORM_RESOLUTION", 3], "DETECTION.ROI_XFORM_RESOLUTION", "DETECTION.ENABLE is False"),
        (["AVA.BGR", True], "AVA.BGR", "DETECTION.ENABLE is False"),
        (["NUM_PROCS", 2, "NUM_GPUS", 3], "NUM_PROCS", "each of NUM_GPUS = 3 has one process"),
        (["INIT_METHOD", "tcp://here:1"], "INIT_METHOD", "NUM_SHARDS is 1"),
        (["REPORT.ENABLE", False, "REPORT.NUM_TIMELINES", 7], "REPORT.NUM_TIMELINES", "REPORT.ENABLE is False"),
        (["PGT.STEPS", 7], "PGT.STEPS", "PGT.ENABLE is False"),
        (["LONGCOOK.SEED", 3, "LONGCOOK.NUM_VAL", 9], "LONGCOOK.SEED, LONGCOOK.NUM_VAL", "is LongCook (kinetics)"),
        (["LONGCOOK.SEED", 3, "TEST.DATASET", "ava"], "LONGCOOK.SEED", "is LongCook (kinetics, ava)"),
        (["TRAIN.CHECKPOINT_INFLATE", True], "TRAIN.CHECKPOINT_INFLATE", "TRAIN.CHECKPOINT_FILE_PATH names no weights"),
        (
            ["TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN", ["backbone."], "TEST.CHECKPOINT_FILE_PATH", "here.pyth"],
            "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN",
            "TRAIN.CHECKPOINT_FILE_PATH names no weights",
        ),
        (
            ["NONLOCAL.USE_BN", False, "NONLOCAL.PROGRESS", True, "NONLOCAL.POOL", [[[1, 1, 1]]] * 4],
            "NONLOCAL.USE_BN, NONLOCAL.PROGRESS, NONLOCAL.POOL",
            "NONLOCAL.LOCATION names no block",
        ),
        (["NONLOCAL.LOCATION", BLOCKS, "NONLOCAL.PROGRESS", True], "NONLOCAL.PROGRESS", "PGT.ENABLE is False"),
        (["DETECTION.ENABLE", True, "AVA.EMPTY_STEP", "skip"], "AVA.EMPTY_STEP", "PGT.ENABLE is False"),
    ],
)
def test_option_that_this_config_does_not_read_is_answered_with_a_warning(overrides: list[Any], key: str, why: str) -> None:
    with pytest.warns(UserWarning, match="has no effect") as caught:
        load_config(overrides=overrides)
    (warning,) = caught
    assert str(warning.message).startswith(f"{key} (set in the command line) has no effect: ")
    assert why in str(warning.message)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "overrides",
    [
        ["PGT.ENABLE", False, "PGT.STEPS", 7],  # a baseline beside the progressive run
        ["SOLVER.BETAS", [0.9, 0.999]],  # the default
        ["NONLOCAL.GROUP", [[1, 1], [1, 1], [1, 1], [1, 1]]],
        ["PGT.ENABLE", False, "NONLOCAL.LOCATION", BLOCKS, "NONLOCAL.PROGRESS", True],
        ["PGT.ENABLE", False, "DETECTION.ENABLE", True, "AVA.EMPTY_STEP", "skip"],
        ["TRAIN.CHECKPOINT_FILE_PATH", "here.pyth", "TRAIN.CHECKPOINT_INFLATE", True],
        *(["LONGCOOK.SEED", 3, "TEST.DATASET", name] for name in ("longcook", "longcook_kinetics", "longcook_ava")),
    ],
)
def test_nobody_is_warned_of_what_was_switched_off_by_name_or_left_as_it_is(overrides: list[Any]) -> None:
    load_config(overrides=overrides)


def test_sections_finish_by_order_and_see_what_was_given(add_sections: Callable[..., None]) -> None:
    seen: list[tuple[str, int, bool]] = []

    def core(cfg: CfgNode, given: frozenset[str]) -> None:
        cfg.ZEBRA.STRIPES = 7
        seen.append(("core", cfg.ZEBRA.STRIPES, "ZEBRA.STRIPES" in given))

    def project(cfg: CfgNode, given: frozenset[str]) -> None:
        seen.append(("project", cfg.ZEBRA.STRIPES, "APE.ARMS" in given))

    add_sections(
        Section(
            name="APE",
            meaning="A project.",
            options={"ARMS": Option(2, "Arms.", minimum=0, maximum=4)},
            finish=project,
            order=1,
        ),
        Section(
            name="ZEBRA", meaning="A core part.", options={"STRIPES": Option(0, "Stripes.", minimum=0, maximum=9)}, finish=core
        ),
    )
    cfg = load_config(overrides=["APE.ARMS", "4"])
    assert seen == [("core", 7, False), ("project", 7, True)]
    assert cfg.ZEBRA.STRIPES == 7


def test_error_of_a_finish_says_where_the_value_was_set(write: Write) -> None:
    path = write("SOLVER: {WARMUP_EPOCHS: 20}")
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["SOLVER.MAX_EPOCH", "10"])
    assert caught.value.key == "SOLVER.WARMUP_EPOCHS"
    assert caught.value.right == "at most 10"
    assert caught.value.where == path


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["DATA.TRAIN_JITTER_SCALES", [320, 256]], "DATA.TRAIN_JITTER_SCALES"),
        (["DATA.TRAIN_JITTER_SCALES", [256]], "DATA.TRAIN_JITTER_SCALES"),
        (["DATA.TRAIN_CROP_SIZE", 300], "DATA.TRAIN_CROP_SIZE"),
        (["DATA.STD", [1.0]], "DATA.STD"),
        (["SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.STEPS", [5, 10]], "SOLVER.STEPS"),
        (["SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.STEPS", [0, 5], "SOLVER.LRS", [1.0]], "SOLVER.LRS"),
    ],
)
def test_values_that_do_not_go_together_are_refused_by_key(overrides: list[Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    assert caught.value.key == key
    assert caught.value.right
