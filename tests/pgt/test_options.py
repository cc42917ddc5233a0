from collections.abc import Callable
from typing import Any

import pytest

from slowfast.config import ConfigError


def test_num_frames_is_derived_when_left_open(tiny_cfg: Callable[..., Any]) -> None:
    assert tiny_cfg().DATA.NUM_FRAMES == 10
    assert tiny_cfg(DATA__NUM_FRAMES=0).DATA.NUM_FRAMES == 10
    assert tiny_cfg(slowfast=True).DATA.NUM_FRAMES == 40


@pytest.mark.parametrize(
    ("slowfast", "changes", "words"),
    [
        (False, {"DATA__NUM_FRAMES": 12}, r"DATA.NUM_FRAMES = 12: 3 steps of 4 frames.*10 \(or 0.*PGT.OVERLAP \[0\]"),
        (False, {"DATA__NUM_FRAMES": 11}, r"DATA.NUM_FRAMES = 11: .*right would be: 10 \(or 0 to have it derived\)"),
        (False, {"PGT__STEP_LEN": [4, 16]}, r"PGT.STEP_LEN = \[4, 16\]: MODEL.ARCH 'slow' has 1 pathway"),
        (False, {"PGT__OVERLAP": [4]}, r"PGT.OVERLAP = \[4\]: .*from 0 to 3"),
        (True, {"PGT__OVERLAP": [1, 1]}, r"PGT.OVERLAP = \[1, 1\]: .*right would be: \[1, 4\]"),
        (True, {"PGT__STEP_LEN": [4, 12]}, r"PGT.STEP_LEN = \[4, 12\]: .*right would be: \[4, 16\]"),
        (True, {"PGT__STEP_LEN": [4]}, "2 pathways.*slow first"),
        (False, {"PGT__TBPTT_STEPS": 4}, "PGT.TBPTT_STEPS = 4: .*1 to 3"),
        (False, {"PGT__CACHE_MOMENTUM": 1.0}, "PGT.CACHE_MOMENTUM = 1.0: .*below 1"),
        (False, {"PGT__CACHE": "median"}, "'last', 'max', 'avg'"),
        (False, {"PGT__PG_EVAL": False, "PGT__TPOOL_SIZE": [1, 2, 3]}, "PGT.TPOOL_SIZE"),
        (False, {"MODEL__ARCH": "i3d"}, "PGT.(STEP_LEN|OVERLAP).*temporal stride of 2"),
    ],
)
def test_arithmetic_that_does_not_add_up_is_refused_with_what_would(
    slowfast: bool, changes: dict[str, Any], words: str, tiny_cfg: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny_cfg(slowfast=slowfast, **changes)


def test_nothing_is_checked_while_progressive_training_is_off(tiny_cfg: Callable[..., Any]) -> None:
    assert tiny_cfg(PGT__ENABLE=False, PGT__OVERLAP=[9], DATA__NUM_FRAMES=5).DATA.NUM_FRAMES == 5
