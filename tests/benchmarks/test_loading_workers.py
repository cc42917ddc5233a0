"""The rule for the number of loading processes."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_processes_are_as_many_as_deliver_what_a_gpu_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    needed = importlib.import_module("loading_workers").workers_needed
    assert [needed(taken, 30.0) for taken in (1, 30, 30.1, 100)] == [1, 1, 2, 4]
