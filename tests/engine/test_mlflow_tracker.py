"""MLflow itself, with a folder for a server."""

import importlib.util
from pathlib import Path

import pytest

from slowfast.config import load_config
from slowfast.engine.trackers import TrackedRun, track_test
from slowfast.errors import MissingPackageError


def test_a_tracker_that_is_not_installed_is_told_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingPackageError, match=r"mlflow is not installed; right would be pip install 'slowfast-pgt\[mlflow\]'"
    ):
        TrackedRun.from_cfg(load_config(None, ["TRACKER.NAME", "mlflow"]))


@pytest.mark.slow
def test_a_folder_of_mlflow_holds_parameters_and_each_number_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow keeps what is sent (the extra `mlflow`)")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    uri = (tmp_path / "mlruns").as_uri()
    cfg = load_config(
        None, ["TRACKER.NAME", "mlflow", "TRACKER.URI", uri, "TRACKER.EXPERIMENT", "mine", "OUTPUT_DIR", str(tmp_path / "out")]
    )
    first = TrackedRun.from_cfg(cfg)
    for step in (1, 2, 3):
        first.log("train", {"loss": 1 / step, "AP Wipe (off)": 1.0, "undefined": float("nan")}, step)
    first.close(completed=False)
    second = TrackedRun.from_cfg(cfg, run_id=first.run_id)
    for step in (2, 3, 4):
        second.log("train", {"loss": 1 / step}, step)
    second.log("val", {"mAP": 50.0}, 4)
    second.close(completed=True)
    track_test(cfg, {"mAP": 40.0})

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("mine")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == first.run_id == second.run_id and run.info.status == "FINISHED"
    history = client.get_metric_history(first.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(step, 1 / step) for step in (1, 2, 3, 4)]
    assert [metric.step for metric in client.get_metric_history(first.run_id, "test/mAP")] == [4]
    assert {"train/AP Wipe _off_", "val/mAP", "test/mAP"} <= set(run.data.metrics) and "train/undefined" not in run.data.metrics
    assert run.data.params["SOLVER.BASE_LR"] == str(cfg.SOLVER.BASE_LR) and len(run.data.params) > 200
