"""What a prepared folder says settles the options that follow from it, and nothing that somebody set."""

from pathlib import Path

import pytest

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.config.prepared_folder import FolderManifest

CONFIG = Path(__file__).parents[2] / "configs" / "Folder" / "SLOWONLY_PGT.yaml"


def write(folder: Path, *, multi_label: bool = False, videos: str = "/videos") -> Path:
    manifest = FolderManifest(multi_label=multi_label, classes=("läuft", "run", "sit"), videos=videos)
    (folder / "folder.json").write_text(manifest.text(), encoding="utf-8")
    assert FolderManifest.read(folder) == manifest
    return folder


def load(folder: Path, *overrides: object) -> CfgNode:
    return load_config(CONFIG, ["DATA.PATH_TO_DATA_DIR", str(folder), *overrides])


def test_classes_and_paths_come_from_the_folder(tmp_path: Path) -> None:
    cfg = load(write(tmp_path))
    assert (cfg.MODEL.NUM_CLASSES, cfg.DATA.MULTI_LABEL, cfg.DATA.PATH_PREFIX) == (3, False, "/videos")
    assert (cfg.MODEL.LOSS_FUNC, cfg.MODEL.HEAD_ACT) == ("cross_entropy", "softmax")


def test_loss_and_scores_follow_from_several_labels(tmp_path: Path) -> None:
    cfg = load(write(tmp_path, multi_label=True, videos="videos"))
    assert (cfg.MODEL.LOSS_FUNC, cfg.MODEL.HEAD_ACT, cfg.DATA.MULTI_LABEL) == ("bce_logit", "sigmoid", True)
    assert cfg.DATA.PATH_PREFIX == str(tmp_path / "videos")


def test_what_somebody_set_stays(tmp_path: Path) -> None:
    cfg = load(write(tmp_path, multi_label=True), "MODEL.LOSS_FUNC", "bce", "DATA.PATH_PREFIX", "/mine", "MODEL.NUM_CLASSES", 3)
    assert (cfg.MODEL.LOSS_FUNC, cfg.DATA.PATH_PREFIX, cfg.MODEL.NUM_CLASSES) == ("bce", "/mine", 3)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["MODEL.NUM_CLASSES", 7], r"MODEL\.NUM_CLASSES = 7: .* has 3 classes; right would be: 3, or 0"),
        (["DATA.MULTI_LABEL", True], r"DATA\.MULTI_LABEL = True: .* was prepared with one label a video"),
    ],
)
def test_options_that_contradict_the_folder_are_errors(tmp_path: Path, overrides: list[object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(write(tmp_path), *overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"there is no folder\.json in it; right would be: a folder that `python tools/prepare_data\.py folder` wrote"),
        ("{", r"its folder\.json cannot be read"),
        ('{"classes": []}', r"its folder\.json is not what was written there"),
        ('["run"]', r"its folder\.json is not what was written there"),
    ],
)
def test_a_folder_that_was_not_prepared_is_an_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "folder.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


def test_a_stated_number_of_classes_needs_no_folder_yet(tmp_path: Path) -> None:
    assert load(tmp_path, "MODEL.NUM_CLASSES", 7).MODEL.NUM_CLASSES == 7


def test_other_data_sets_must_state_their_classes() -> None:
    with pytest.raises(ConfigError, match=r"MODEL\.NUM_CLASSES = 0: the data set 'charades' does not say how many"):
        load_config(overrides=["MODEL.NUM_CLASSES", 0, "TRAIN.DATASET", "charades"])
