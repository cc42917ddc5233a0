import re
from typing import Any

import pytest

from slowfast.config import Option, describe_options, load_projects
from slowfast.config.loading import default_config
from slowfast.registry import CONFIG_SECTIONS


def all_options() -> list[tuple[str, Option]]:
    load_projects()
    default_config()
    return [
        (section.full_key(key), option) for _, section in CONFIG_SECTIONS.items() for key, option in section.options.items()
    ]


@pytest.mark.parametrize(("key", "option"), [pytest.param(key, option, id=key) for key, option in all_options()])
def test_every_option_has_a_meaning_of_one_line_and_takes_its_own_default(key: str, option: Option) -> None:
    assert option.meaning == option.meaning.strip()
    assert option.meaning.endswith(".")
    assert "\n" not in option.meaning
    assert re.sub(r"(?<=\d)x(?=\d)", "X", key) == key.upper()  # sizes keep their small x, as in 3x3x3
    assert option.coerce(option.default) == option.default


@pytest.mark.parametrize(
    ("default", "value", "expected"),
    [
        (0.1, "1e-4", 1e-4),  # what YAML makes of 1e-4
        (0.1, 1, 1.0),
        ([0.5], [1, "1e-3"], [1.0, 1e-3]),
        ([[1], [2]], ((3, 4), [5]), [[3, 4], [5]]),
        ([], (), []),
    ],
)
def test_value_becomes_what_the_default_is(default: Any, value: Any, expected: Any) -> None:
    found = Option(default, "Anything.", elements=int).coerce(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("default", "value", "why"),
    [
        (1, 1.0, "whole number"),
        (1, True, "whole number"),
        (1, "1", "whole number"),
        (0.1, "fast", "a number"),
        (0.1, True, "a number"),
        (0.1, "True", "a number"),
        (0.1, float("nan"), "a finite number"),
        (True, 1, "True or False"),
        ("text", 3, "a text"),
        ([1], 3, "a list"),
        ([1], [1, 2.5], r"2\.5 must be a whole number"),
        ([[1]], [1], "1 must be a list"),
    ],
)
def test_value_of_another_type_is_refused(default: Any, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Option(default, "Anything.").coerce(value)


def test_elements_tell_what_an_empty_list_takes() -> None:
    option = Option([], "Factors.", elements=float)
    assert option.coerce([1]) == [1.0]
    with pytest.raises(ValueError, match="must be a number"):
        option.coerce(["fast"])


def test_choices_and_bounds_are_kept() -> None:
    with pytest.raises(ValueError, match="one of 'sum', 'max'"):
        Option("sum", "Method.", choices=("sum", "max")).coerce("mean")
    with pytest.raises(ValueError, match="at least 1"):
        Option(8, "Frames.", minimum=1).coerce(0)
    with pytest.raises(ValueError, match="at most 9"):
        Option(8, "Frames.", maximum=9).coerce(10)
    share = Option(0.5, "Share.", above=0, below=1)
    for value, why in ((0, "above 0"), (1, "below 1")):
        with pytest.raises(ValueError, match=why):
            share.coerce(value)
    with pytest.raises(ValueError, match=r"0 in it must be at least 1"):
        Option([[1]], "Strides.", minimum=1).coerce([[2], [1, 0]])
    with pytest.raises(ValueError, match="'mean' in it must be one of"):
        Option(["sum"], "Methods.", choices=("sum", "max")).coerce(["max", "mean"])


def test_length_and_emptiness_are_kept() -> None:
    with pytest.raises(ValueError, match="must have 3 elements, not 1"):
        Option([0, 0, 0], "Colours.", length=(3, 3)).coerce([1])
    with pytest.raises(ValueError, match="must have 1 to 2 elements, not 3"):
        Option([8], "Steps.", length=(1, 2)).coerce([1, 2, 3])
    with pytest.raises(ValueError, match="must not be empty"):
        Option("name", "Name.", empty=False).coerce("")


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (Option(1, "", minimum=1, maximum=9), "a whole number from 1 to 9, such as the default, 1"),
        (Option(0.5, "", above=0, below=1), "a number above 0 and below 1, such as the default, 0.5"),
        (Option("sum", "", choices=("sum", "max")), "'sum' or 'max'"),
        (
            Option([1, 2], "", length=(2, 2), minimum=0, maximum=3),
            "a list of 2 whole numbers from 0 to 3, such as the default, [1, 2]",
        ),
        (Option(["a"], "", length=(1, 2), choices=("a", "b")), "a list of 1 to 2 out of 'a', 'b', such as the default, ['a']"),
        (Option([[1]], "", minimum=0, maximum=3), "a list of lists of whole numbers from 0 to 3, such as the default, [[1]]"),
    ],
)
def test_option_says_what_would_be_right(option: Option, expected: str) -> None:
    assert option.expected() == expected


def test_options_can_be_listed_by_part_of_their_key() -> None:
    lines = list(describe_options("solver.lr_policy"))
    assert len(lines) == 1
    assert lines[0].startswith("SOLVER.LR_POLICY ('cosine'): How")
    assert "'steps_with_relative_lrs'" in lines[0]
    assert len(list(describe_options())) == len(all_options())
