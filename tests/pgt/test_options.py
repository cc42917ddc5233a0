import warnings
from collections.abc import Callable
from typing import Any

import pytest

from slowfast.config import ConfigError, load_config
from tests.models.tiny_networks import tiny_config


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
        (False, {"PGT__PG_EVAL": False, "PGT__TPOOL_SIZE": [11]}, r"TPOOL_SIZE = \[11\]: the head reads 10 frames.*1 to 10"),
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


RES3 = {"NONLOCAL__LOCATION": [[[]], [[0]], [[]], [[]]]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PGT__STEP_LEN": [5]}, r"STEP_LEN = \[5\]: the temporal stride of 2 .* steps of 5 frames; right would be: 4 frames"),
        ({"PGT__OVERLAP": [1]}, r"OVERLAP = \[1\]: .* 3 new frames of a later step; right would be: 0 or 2 frames"),
        ({"NONLOCAL__GROUP": [[1], [2], [1], [1]], **RES3}, "2 groups .* res3 sees steps of 1 and 2 frames.*right .* 1 there"),
        ({"NONLOCAL__POOL": [[[2, 1, 1]]] * 4, **RES3}, "2 frames are pooled into one where res3 .*at most 1 there"),
        ({"NONLOCAL__POOL": [[[3, 1, 1]]] * 4, "NONLOCAL__PROGRESS": True, **RES3}, "res3 sees steps of 2 frames.*at most 2"),
        ({"PGT__PG_EVAL": False, "PGT__TPOOL_SIZE": [5]}, "the head reads 4 frames of pathway 0; right would be: 1 to 4"),
    ],
)
def test_network_that_does_not_fit_its_steps_is_refused_with_what_would(
    changes: dict[str, Any], words: str, tiny_cfg: Callable[..., Any]
) -> None:
    fitting = {"MODEL__ARCH": "i3d", "PGT__STEP_LEN": [4], "PGT__OVERLAP": [2]}
    tiny_cfg(**fitting)
    with pytest.raises(ConfigError, match=words):
        tiny_cfg(**fitting | changes)


def test_what_fits_every_step_is_accepted(tiny_cfg: Callable[..., Any]) -> None:
    steps = {"MODEL__ARCH": "i3d", "PGT__STEP_LEN": [8], "PGT__OVERLAP": [4], **RES3}
    tiny_cfg(**steps, NONLOCAL__GROUP=[[1], [2], [1], [1]], NONLOCAL__POOL=[[[1, 2, 2]]] * 4)
    tiny_cfg(**steps, NONLOCAL__POOL=[[[2, 2, 2]]] * 4)
    tiny_cfg(**steps, NONLOCAL__POOL=[[[4, 2, 2]]] * 4, NONLOCAL__PROGRESS=True)


def test_blocks_before_the_stride_see_all_frames(tiny_cfg: Callable[..., Any]) -> None:
    options = {"MODEL__ARCH": "i3d", "PGT__STEP_LEN": [4], "PGT__OVERLAP": [2], "NONLOCAL__POOL": [[[2, 1, 1]]] * 4}
    tiny_cfg(**options, NONLOCAL__LOCATION=[[[0]], [[]], [[]], [[]]])


def load_slow(*options: Any) -> Any:
    network = ["MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "PGT.ENABLE", True]
    return load_config(None, [*network, *options]).PGT


@pytest.mark.parametrize(("frames", "length", "overlap", "steps"), [(15, 8, 1, 2), (36, 8, 1, 5), (8, 8, 1, 1), (76, 16, 1, 5)])
def test_steps_follow_from_the_frames_where_nobody_says_how_many(frames: int, length: int, overlap: int, steps: int) -> None:
    clip = ["DATA.NUM_FRAMES", frames, "PGT.STEP_LEN", length, "PGT.OVERLAP", overlap]
    assert load_slow(*clip).STEPS == steps
    with pytest.raises(ConfigError, match=r"DATA\.NUM_FRAMES"):
        load_slow(*clip, "PGT.STEPS", steps + 1)


def test_frames_that_are_no_whole_number_of_steps_are_still_refused() -> None:
    with pytest.raises(ConfigError, match=r"DATA\.NUM_FRAMES = 16: 5 steps of 8 frames"):
        load_slow("DATA.NUM_FRAMES", 16, "PGT.STEP_LEN", [8])


@pytest.mark.parametrize("lengths", [[16, 14], [[16], [14]], [[16, 64], [14, 56]], "[[16], 14]"])
def test_lengths_of_multigrid_may_be_given_for_each_pathway(lengths: Any) -> None:
    multigrid = ["PGT.MGRID", True, "PGT.MGRID_STEPS", [5, 6], "PGT.MGRID_STEP_LEN", lengths]
    assert load_slow("PGT.STEP_LEN", 16, *multigrid).MGRID_STEP_LEN == [16, 14]


@pytest.mark.parametrize("lengths", [[[16, 63]], [[16, 64, 64]], [[]], [["16"]], [[0, 0]]])
def test_lengths_of_multigrid_that_do_not_fit_are_refused(lengths: Any) -> None:
    with pytest.raises(ConfigError, match=r"PGT\.MGRID_STEP_LEN"):
        load_slow("PGT.MGRID", True, "PGT.MGRID_STEPS", [5], "PGT.MGRID_STEP_LEN", lengths)


@pytest.mark.parametrize(
    ("key", "value"), [("ATTENTION_SLICES", 2), ("ATTENTION_EVERY", 2), ("AGE_OFFSETS", True), ("ATTENTION", "compressed")]
)
def test_options_of_attention_have_no_effect_on_convolutions_and_say_so(key: str, value: object) -> None:
    steps: dict[str, object] = {"PGT__ENABLE": True, "PGT__STEP_LEN": [4], "PGT__OVERLAP": [0], "PGT__CACHE": "last"}
    with pytest.warns(UserWarning, match=rf"PGT\.{key}.*no attention over tokens"):
        tiny_config("slow", **steps, **{f"PGT__{key}": value})
    with warnings.catch_warnings(action="error"):
        tiny_config("vit", **steps, **{f"PGT__{key}": value})


def test_where_a_class_token_is_classified_the_head_pools_nothing_and_says_so() -> None:
    with pytest.warns(UserWarning, match=r"PGT\.HEAD.*class token"):
        tiny_config("timesformer", PGT__ENABLE=True, PGT__STEP_LEN=[4], PGT__OVERLAP=[0], PGT__HEAD=False)


def test_what_cannot_be_compressed_is_refused_when_the_config_is_read() -> None:
    with pytest.raises(ConfigError, match=r"PGT\.ATTENTION.*tokens"):
        tiny_config("timesformer", PGT__ENABLE=True, PGT__STEP_LEN=[4], PGT__OVERLAP=[0], PGT__ATTENTION="compressed")
