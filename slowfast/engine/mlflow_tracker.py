"""MLflow: a server, a database, or a folder (https://mlflow.org)."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.errors import MissingPackageError
from slowfast.registry import TRACKERS

_AT_ONCE = 100
"""Options that MLflow takes in one message."""

_LONGEST = 500
"""Characters of an option's value that all of its stores take."""

_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""Unless the environment says so, MLflow tries for minutes to reach a server that is gone: the training would wait."""


@TRACKERS.register("mlflow")
class MlflowTracker:
    """One run of an experiment. Numbers are its metrics, options its parameters."""

    def __init__(self, cfg: CfgNode) -> None:
        """Raises MissingPackageError."""
        if importlib.util.find_spec("mlflow") is None:
            way = "pip install 'slowfast-pgt[mlflow]', or TRACKER.NAME ''"
            raise MissingPackageError(f"TRACKER.NAME = 'mlflow': mlflow is not installed; right would be {way}")
        self._uri, self._experiment, self._name = cfg.TRACKER.URI, cfg.TRACKER.EXPERIMENT, cfg.OUTPUT_DIR
        self._client: Any = None
        self._run_id = ""

    def start(self, run_id: str, options: Mapping[str, object]) -> str:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient  # it takes seconds, which only who wants it should pay

        self._client = MlflowClient(tracking_uri=self._uri or None)
        if run_id:
            self._client.update_run(run_id, status="RUNNING")
            self._run_id = run_id
            return run_id
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self._experiment)
        self._run_id = self._client.create_run(experiment, run_name=self._name).info.run_id
        self._log_options(options)
        return self._run_id

    def last_step(self, name: str) -> int:
        return max((metric.step for metric in self._client.get_metric_history(self._run_id, _allowed(name))), default=-1)

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(key=_allowed(name), value=number, timestamp=now, step=step) for name, number in numbers.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def finish(self, *, completed: bool) -> None:
        self._client.set_terminated(self._run_id, "FINISHED" if completed else "KILLED")

    def _log_options(self, options: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        params = [Param(key=key, value=str(value)[:_LONGEST]) for key, value in options.items()]
        for first in range(0, len(params), _AT_ONCE):
            self._client.log_batch(self._run_id, params=params[first : first + _AT_ONCE])


def _allowed(name: str) -> str:
    """The name of a number in letters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)
