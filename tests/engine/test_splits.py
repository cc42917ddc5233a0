"""Splits that share videos, or have only one."""

import pytest

from slowfast.config import load_config
from slowfast.datasets import build_dataset
from slowfast.engine.preflight import doubts_about


@pytest.mark.parametrize(
    ("validated", "doubts"),
    [
        ("c.mp4 0\nd.mp4 1\n", []),
        ("c.mp4 0\n./a.mp4 0\nx/../b.mp4 1\n", ["2 of 3 validation videos are trained on too"]),
        ("c.mp4 0\n{folder}/a.mp4 0\n", ["1 of 2 validation videos are trained on too"]),
        ("c.mp4 0\n", ["there is one validation video, 'c.mp4'"]),
        ("a.mp4 0\n", ["1 of 1 validation videos", "there is one validation video"]),
    ],
)
def test_doubts_about_a_validation_are_told(tmp_path, validated, doubts):
    (tmp_path / "train.csv").write_text("a.mp4 0\nb.mp4 1\n")
    (tmp_path / "val.csv").write_text(validated.format(folder=tmp_path))
    options = ["TRAIN.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path), "MODEL.ARCH", "slow", "DATA.NUM_FRAMES", 4]
    cfg = load_config(overrides=options)
    found = list(doubts_about(build_dataset(cfg, "train"), build_dataset(cfg, "val")))
    assert [doubt[: len(start)] for doubt, start in zip(found, doubts, strict=True)] == doubts
