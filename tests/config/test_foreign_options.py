"""Options under the names, and with the spellings, of other code bases."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from slowfast.config import ConfigError, load_config
from slowfast.config.sections.foreign import RENAMED, UNUSED


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("LOGS: {DIR: logs/slow}", "OUTPUT_DIR", "logs/slow"),
        ("LOGS: {PERIOD: 7}", "LOG_PERIOD", 7),
        ("LOGS: {LOG_MODEL: False}", "LOG_MODEL_INFO", False),
        ("TRAIN: {FULL_TIME_EVAL: False}", "DATA.FULL_TIME_EVAL", False),
        ("TEST: {CYCLIC_LOAD: True}", "DATA.CYCLIC_LOAD", True),
        (
            "TRAIN: {CHECKPOINT_FILE_PATH: a.pyth, CHECKPOINT_CLEAR_NAME_PATTERN: '(\"backbone.\",)'}",
            "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN",
            ["backbone."],
        ),
        ("SOLVER: {OPTIMIZING_METHOD: adam, BETAS: '(0.9, 0.95)'}", "SOLVER.BETAS", [0.9, 0.95]),
        ("SOLVER: {WEIGHT_DECAY: 1e-4}", "SOLVER.WEIGHT_DECAY", 1e-4),
        ("SOLVER: {COSINE_END_LR: '1e-6'}", "SOLVER.COSINE_END_LR", 1e-6),
        ("DATA: {INPUT_CHANNEL_NUM: 3}", "DATA.INPUT_CHANNEL_NUM", [3]),
        ("PGT: {ENABLE: False, STEP_LEN: 16, OVERLAP: 2, TPOOL_SIZE: 3}", "PGT.STEP_LEN", [16]),
        ("PGT: {ENABLE: False, STEP_LEN: 16, OVERLAP: 2, TPOOL_SIZE: 3}", "PGT.OVERLAP", [2]),
        ("PGT: {ENABLE: False, STEP_LEN: 16, OVERLAP: 2, TPOOL_SIZE: 3}", "PGT.TPOOL_SIZE", [3]),
        ("MODEL: {MODEL_NAME: PTVSlowFast}", "MODEL.MODEL_NAME", "SlowFast"),
        ("MODEL: {ARCH: r3d}", "MODEL.ARCH", "regnet3d"),
        ("TRAIN: {DATASET: ptvcharades}", "TRAIN.DATASET", "charades"),
        ("TASK: ssl_eval_ucf", "TRAIN.ENABLE", True),
        ("MODEL: {ACT_CHECKPOINT: True}", "TRAIN.ACTIVATION_CHECKPOINTING", "stages"),
        ("MODEL: {ACT_CHECKPOINT: False}", "TRAIN.ACTIVATION_CHECKPOINTING", "none"),
    ],
)
def test_spelling_of_others_is_understood(text: str, key: str, value: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        node: Any = load_config(write(tmp_path, text))
    for part in key.split("."):
        node = node[part]
    assert node == value
    assert type(node) is type(value)


def test_names_of_others_work_on_the_command_line_and_win_over_files(tmp_path: Path) -> None:
    path = write(tmp_path, "OUTPUT_DIR: a\nLOG_PERIOD: 3")
    cfg = load_config(path, ["LOGS.DIR", "b", "LOGS.PERIOD", "5"])
    assert (cfg.OUTPUT_DIR, cfg.LOG_PERIOD) == ("b", 5)
    assert load_config(write(tmp_path, "LOGS: {DIR: a}"), ["OUTPUT_DIR", "b"]).OUTPUT_DIR == "b"


@pytest.mark.parametrize(("theirs", "ours"), RENAMED.items())
def test_the_same_option_under_both_names_with_two_values_is_refused(theirs: str, ours: str) -> None:
    with pytest.raises(ConfigError, match=f"{theirs} = .*is called {ours} here.*right would be: {ours} alone"):
        load_config(overrides=[theirs, "1", ours, "2"])


def test_error_of_a_renamed_option_speaks_of_the_name_that_was_written() -> None:
    with pytest.raises(ConfigError, match=r"LOGS\.PERIOD = 0: must be at least 1"):
        load_config(overrides=["LOGS.PERIOD", 0])


@pytest.mark.parametrize(
    "text", ["DATA: {PATH_TO_DATA_DIR: }", "AVA: {TRAIN_PREDICT_BOX_LISTS: }", "TEST: {SAVE_RESULTS_PATH: null}"]
)
def test_text_or_list_without_a_value_is_left_open_and_told(text: str, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="has no value: it stays as if it was not set"):
        assert load_config(write(tmp_path, text)) == load_config()


@pytest.mark.parametrize("text", ["TRAIN: {BATCH_SIZE: }", "SOLVER: {BASE_LR: null}", "TRAIN: {ENABLE: }"])
def test_number_or_switch_without_a_value_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be"):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["PGT.STEP_LEN", [8], "MODEL.MODEL_NAME", "PTVMViT"], r"MODEL\.MODEL_NAME = 'PTVMViT': .*pytorchvideo.*: MViT"),
        (["MODEL.MODEL_NAME", "MaskMViT"], "no self-supervised training"),
        (["MODEL.MODEL_NAME", "PTVCSN"], "no channel-separated networks"),
        (["MVIT.PATCH_2D", True], "not on pictures"),
        (["MVIT.USE_FIXED_SINCOS_POS", True], "positions of MViT are learned"),
        (["MVIT.REV.ENABLE", True], "no reversible networks"),
        (["MODEL.MODEL_NAME", "ResNet_nopool"], "MODEL.ARCH c2d_nopool"),
        (["TRAIN.DATASET", "imagenet"], "not on pictures"),
        (["TEST.DATASET", "imagenet"], "not on pictures"),
        (["TASK", "ssl"], "no self-supervised training"),
        (["DATA.VIEW", "1st"], "CharadesEgo"),
        (["RESNET.STEM_FUNC", "x3d_stem"], r"RESNET\.STEM_FUNC.*right would be: resnet_stem"),
        (["PGT.ENABLE", True, "PGT.SELFATT", True], "NONLOCAL.PROGRESS"),
        (["DATA.COLOR_RND_GRAYSCALE", 0.2], "DATA.SSL_COLOR_JITTER switches on"),
        (["DATA.SSL_COLOR_JITTER", True, "DATA.COLOR_RND_GRAYSCALE", 2.0], "0 to 1"),
        (["DATA.SSL_COLOR_JITTER", True, "DATA.SSL_COLOR_HUE", 0.7], "0 to 0.5"),
        (["DATA.SSL_COLOR_BRI_CON_SAT", [0.4]], "3 numbers from 0 to 1"),
        (["DATA.SSL_COLOR_JITTER", True, "TRAIN.DATASET", "ava"], "AVA.TRAIN_USE_COLOR_AUGMENTATION True"),
        (["DATA.SSL_COLOR_JITTER", True, "DETECTION.ENABLE", True], "AVA.TRAIN_USE_COLOR_AUGMENTATION True"),
    ],
)
def test_what_the_library_does_not_have_is_refused_with_what_would_be_right(options: list[object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(overrides=options)


def test_network_that_differs_under_its_other_name_says_so() -> None:
    with pytest.warns(UserWarning, match="MODEL.MODEL_NAME = 'RegNet' .* is 'RegNet3D' here: .*stem has 32 channels"):
        load_config(overrides=["MODEL.MODEL_NAME", "RegNet", "MODEL.ARCH", "r3d"])


def test_step_that_training_never_reaches_needs_no_factor() -> None:
    steps = ["SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.STEPS", [0, 16, 32], "SOLVER.LRS", [1, 0.1]]
    assert load_config(overrides=[*steps, "SOLVER.MAX_EPOCH", 32]).SOLVER.STEPS == [0, 16, 32]
    with pytest.raises(ConfigError, match=r"SOLVER\.LRS.*before the end of the training \(3\); right would be: 3 factors"):
        load_config(overrides=[*steps, "SOLVER.MAX_EPOCH", 33])


def test_main_reason_comes_before_what_else_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, "AUG: {ENABLE: True}\nMIXUP: {ENABLE: True}\nMODEL: {MODEL_NAME: PTVMViT}")
    with pytest.raises(ConfigError, match=r"^MODEL\.MODEL_NAME"):
        load_config(path)


@pytest.mark.parametrize("key", [key for key, unused in UNUSED.items() if unused.refused and unused.off])
def test_refused_value_of_a_file_can_be_mended_on_the_command_line(key: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{key}: something else")
    with pytest.raises(ConfigError, match=key):
        load_config(path)
    assert load_config(path, [key, UNUSED[key].off[0]]) == load_config()
