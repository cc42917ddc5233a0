"""A rule that was kept is the same rule, and anything else in its file is refused in words."""

import json
from pathlib import Path

import numpy as np
import pytest

from slowfast.annotations.errors import DatasetError
from slowfast.evaluation.timed import JoinRule, read_rule, rule_content

RULE = JoinRule(threshold=np.array([0.1, np.float32(0.7)]), max_gap=np.array([0.0, 1 / 3]), min_length=np.array([2.5, 0.0]))


def test_a_rule_goes_through_its_file_to_the_bit_in_any_order_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(rule_content(RULE, ("a", "b"), weights="12", notes={"from": "somewhere"})))
    for classes, order in ((("a", "b"), [0, 1]), (("b", "a"), [1, 0])):
        kept = read_rule(path, classes)
        assert kept.weights == "12"
        for name in ("threshold", "max_gap", "min_length"):
            assert np.array_equal(getattr(kept.rule, name), getattr(RULE, name)[order])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("a", "b", "c"), "no rule for the class 'c'"),
        (("a",), "a rule for 'b', which is no class here"),
    ],
)
def test_a_rule_for_other_classes_is_refused(classes: tuple[str, ...], message: str, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(rule_content(RULE, ("a", "b"), weights="")))
    with pytest.raises(DatasetError, match=message):
        read_rule(path, classes)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"threshold": 0.5, "max_gap": 0}, "min_length of the class 'a' is None"),
        ({"threshold": True, "max_gap": 0, "min_length": 0}, "threshold of the class 'a' is True"),
        ({"threshold": float("nan"), "max_gap": 0, "min_length": 0}, "threshold of the class 'a' is nan"),
        ({"threshold": 0.5, "max_gap": -1, "min_length": 0}, "a gap or a length for joining is below 0"),
        ([0.5, 0, 0], "threshold of the class 'a' is None"),
    ],
)
def test_numbers_that_make_no_rule_are_named(row: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({"classes": {"a": row}}))
    with pytest.raises(DatasetError, match=rf"rule\.json: {message}"):
        read_rule(path, ("a",))


@pytest.mark.parametrize("content", ["[]", '{"classes": []}', '{"classes": {}, "weights": 1}', ""])
def test_files_of_another_kind_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "rule.json").write_text(content)
    with pytest.raises(DatasetError, match=r"rule\.json"):
        read_rule(tmp_path / "rule.json", ("a",))
