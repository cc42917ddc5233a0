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
    found = Option(default, "Anything.").coerce(value)
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
        (0.1, float("nan"), "a number"),
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


def test_choice_and_minimum_are_kept() -> None:
    with pytest.raises(ValueError, match="one of 'sum', 'max'"):
        Option("sum", "Method.", choices=("sum", "max")).coerce("mean")
    with pytest.raises(ValueError, match="at least 1"):
        Option(8, "Frames.", minimum=1).coerce(0)


def test_options_can_be_listed_by_part_of_their_key() -> None:
    lines = list(describe_options("solver.lr_policy"))
    assert len(lines) == 1
    assert lines[0].startswith("SOLVER.LR_POLICY ('cosine'): How")
    assert "'steps_with_relative_lrs'" in lines[0]
    assert len(list(describe_options())) == len(all_options())
