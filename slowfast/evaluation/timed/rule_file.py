"""A rule for joining, kept in a json file, so that what was tuned once finds events in other videos.

{"weights": "9f0c...", "classes": {name: {"threshold": 0.4, "max_gap": 0.0, "min_length": 2.5}, ...}}; other keys are notes
for people. weights: the checksum of the weights whose scores it was tuned on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.json_reading import read_json, short
from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.timed.joining import JoinRule

_NUMBERS = ("threshold", "max_gap", "min_length")
_RIGHT = 'a rule that a test wrote, {"weights": text, "classes": {name: {"threshold": 0.4, "max_gap": 0, "min_length": 2.5}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRule:
    """weights: checksum of the weights that the rule was tuned for; empty where the file does not say."""

    rule: JoinRule
    weights: str


def rule_content(
    rule: JoinRule, classes: Sequence[str], *, weights: str, notes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a file holds. notes: further keys, which reading passes over."""
    rows = {name: dict(zip(_NUMBERS, map(float, row), strict=True)) for name, row in zip(classes, _columns(rule), strict=True)}
    return {"weights": weights, **(notes or {}), "classes": rows}


def read_rule(path: Path, classes: Sequence[str]) -> KeptRule:
    """Raises DatasetError for a file that cannot be read, is none of these, or is not for these classes."""
    content = read_json(path, dict, _RIGHT)
    found, weights = content.get("classes"), content.get("weights", "")
    if not isinstance(found, dict) or not isinstance(weights, str):
        raise DatasetError(path=str(path), found=f"{short(content)}, which is no rule", expected=_RIGHT)
    missing, strange = [name for name in classes if name not in found], [name for name in found if name not in classes]
    if missing or strange:
        what = f"no rule for the class {missing[0]!r}" if missing else f"a rule for {strange[0]!r}, which is no class here"
        raise DatasetError(path=str(path), found=what, expected=f"a rule for each of the {len(classes)} classes tested")
    columns = np.array([[_number(path, name, found[name], key) for key in _NUMBERS] for name in classes], dtype=np.float64)
    threshold, max_gap, min_length = columns.reshape(-1, len(_NUMBERS)).T.copy()
    try:
        return KeptRule(rule=JoinRule(threshold=threshold, max_gap=max_gap, min_length=min_length), weights=weights)
    except ScoreError as error:
        raise DatasetError(path=str(path), found=str(error), expected=_RIGHT) from None


def _columns(rule: JoinRule) -> np.ndarray:
    return np.stack([getattr(rule, name) for name in _NUMBERS], axis=1)


def _number(path: Path, name: str, row: Any, key: str) -> float:
    value = row.get(key) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DatasetError(
            path=str(path), found=f"{key} of the class {name!r} is {short(value)}", expected="a finite number for each"
        )
    return float(value)
