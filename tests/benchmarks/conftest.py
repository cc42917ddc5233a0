"""The benchmark's modules, which import each other as scripts of one folder do."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SETTINGS = {"crop": 32, "batch": 2, "tiny": True, "device": "cpu", "threads": 1}
MODULES = {
    "ways": "training_ways",
    "yardsticks": "training_yardsticks",
    "jobs": "training_jobs",
    "plan": "training_plan",
    "results": "training_results",
    "report": "training_report",
    "script": "training",
    "trace": "gpu_trace",
}


@pytest.fixture(scope="session")
def bench() -> Iterator[SimpleNamespace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(**{name: importlib.import_module(module) for name, module in MODULES.items()})


def way_called(bench: Any, name: str) -> dict[str, Any]:
    ways = bench.ways.all_ways(on_gpu=False, overrides=(), also=())
    return asdict(next(way for way in ways if way.name == name))


def contender(bench: Any, name: str, network: str = "slow", norm: str = "frozen_batchnorm", **changes: Any) -> Any:
    return bench.jobs.Bench(SETTINGS).build(way_called(bench, name) | changes, network, norm)
