"""Trackers: what they get, that they get it once however often a training goes on, and that no failure of theirs ends one."""

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from slowfast.engine.hooks import CheckpointHook, EvaluateHook, Hook, LogHook
from slowfast.engine.resume import resume
from slowfast.engine.trackers import TrackedRun, TrackerHook
from slowfast.engine.trainer import Trainer
from slowfast.registry import Tracker
from tests.engine.engine_toys import ToyNet, toy_trainer


class Store:
    """What a server keeps."""

    def __init__(self) -> None:
        self.options: dict[str, Mapping[str, object]] = {}
        self.numbers: dict[str, list[tuple[str, int]]] = {}
        self.states: list[bool] = []


class Recording:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = ""

    def start(self, run_id: str, options: Mapping[str, object]) -> str:
        self._id = run_id or f"run{len(self._store.options)}"
        self._store.options.setdefault(self._id, options)
        self._store.numbers.setdefault(self._id, [])
        return self._id

    def last_step(self, name: str) -> int:
        return max((step for other, step in self._store.numbers[self._id] if other == name), default=-1)

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        self._store.numbers[self._id] += [(name, step) for name in numbers]

    def finish(self, *, completed: bool) -> None:
        self._store.states.append(completed)


class Dies(Hook):
    def __init__(self, at: int) -> None:
        self._at = at

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self._at:
            raise ConnectionError


def run(folder: Path, tracker: Tracker, *, dies_at: int = 0) -> None:
    saving = CheckpointHook(output_dir=folder, period=1, minutes=0, cfg_text="")
    validating = EvaluateHook(evaluate=lambda: {"mAP": 12.5, "undefined": float("nan")}, period=1)
    tracked = TrackerHook(TrackedRun(tracker, options={"SOLVER.BASE_LR": 0.1}, output_dir=folder), period=1)
    trainer = toy_trainer(ToyNet(), hooks=[LogHook(period=1), saving, validating, tracked, Dies(dies_at)])
    last = folder / "checkpoints" / "last.pyth"
    if last.is_file():
        resume(trainer, last)
    trainer.train()


def points(name: str, steps: range) -> list[tuple[str, int]]:
    return [(name, step) for step in steps]


EXPECTED = {*points("train/loss", range(1, 13)), *points("val/mAP", range(6, 13, 6)), *points("epoch/number", range(6, 13, 6))}


def test_a_tracker_gets_options_iterations_epochs_and_validations(tmp_path: Path) -> None:
    store = Store()
    run(tmp_path, Recording(store))
    [numbers] = store.numbers.values()
    assert EXPECTED <= set(numbers) and ("train/lr", 1) in numbers and ("epoch/loss", 6) in numbers
    assert not any("undefined" in name for name, _ in numbers), "what is not finite is no number to a server"
    assert store.options == {"run0": {"SOLVER.BASE_LR": 0.1}}
    assert store.states == [True]


@pytest.mark.parametrize("dies_at", [8, 12])
def test_a_training_that_goes_on_does_so_in_the_same_run_which_gets_no_number_twice(tmp_path: Path, dies_at: int) -> None:
    store = Store()
    with pytest.raises(ConnectionError):
        run(tmp_path, Recording(store), dies_at=dies_at)
    run(tmp_path, Recording(store))
    [numbers] = store.numbers.values()
    assert set(numbers) >= EXPECTED
    assert len(numbers) == len(set(numbers))
    assert store.states == [False, True]


@pytest.mark.parametrize("method", ["start", "last_step", "log", "finish"])
def test_a_tracker_that_fails_is_told_once_and_ends_no_training(
    tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr("slowfast.engine.trackers.PAUSE_SECONDS", 0)
    monkeypatch.setattr(Recording, method, fail)
    caplog.set_level(logging.WARNING)
    run(tmp_path, Recording(Store()))
    assert caplog.messages == ["the tracker fails (OSError: no route to host); the run goes on, and tries again now and then"]


def test_a_tracker_that_fails_is_left_in_peace_for_a_while_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, calls, now = Store(), [], 0.0

    class Failing(Recording):
        def start(self, run_id: str, options: Mapping[str, object]) -> str:
            calls.append(now)
            if now < 500:
                raise TimeoutError
            return super().start(run_id, options)

    monkeypatch.setattr("slowfast.engine.trackers.time.monotonic", lambda: now)
    tracked = TrackedRun(Failing(store), options={}, output_dir=tmp_path)
    for now in (0.0, 1.0, 299.0, 301.0, 600.0, 602.0):
        tracked.log("train", {"loss": 1.0}, int(now))
    assert calls == [0.0, 301.0, 602.0] and store.numbers == {"run0": [("train/loss", 602)]}


def test_processes_but_the_main_one_send_nothing(tmp_path: Path) -> None:
    hook = TrackerHook(None, period=1)
    toy_trainer(ToyNet(), hooks=[hook]).train()
    hook.load_state_dict({"run_id": "a"})
    assert hook.state_dict() == {}


PROJECT = """
from slowfast.config import Option, Section
from slowfast.engine.hooks import Hook
from slowfast.registry import CONFIG_SECTIONS, HOOKS, TRACKERS

class Cheers(Hook):
    @staticmethod
    def enabled(cfg):
        return cfg.CHEERS.ENABLE

    @classmethod
    def from_cfg(cls, cfg):
        return cls()

    def after_epoch(self, trainer):
        print("hurray for epoch", trainer.epoch, flush=True)

class Printing:
    def __init__(self, cfg):
        self.to = cfg.TRACKER.URI

    def start(self, run_id, options):
        print("start", self.to, options["RNG_SEED"], repr(run_id))
        return "r1"

    def last_step(self, name):
        return 2

    def log(self, numbers, step):
        print("log", sorted(numbers), step)

    def finish(self, *, completed):
        print("finish", completed, flush=True)

def register():
    section = Section(name="CHEERS", meaning="Cheers.", options={"ENABLE": Option(False, "Whether to cheer.")})
    CONFIG_SECTIONS.register("CHEERS")(section)
    HOOKS.register("cheers")(Cheers)
    TRACKERS.register("printing")(Printing)
"""

TRAINING = """
import sys
from pathlib import Path
from slowfast.commands import run_net
from slowfast.registry import DATASETS, MODELS
from slowfast.runtime.launch import launch
from tests.engine import test_stopping

DATASETS.register("flicker")(test_stopping.Flicker)
MODELS.register("toy")(test_stopping.FlickerNet)
ours = ("CHEERS.ENABLE", True, "TRACKER.NAME", "printing", "TRACKER.URI", "there")
cfg = test_stopping.config(Path(sys.argv[1]), *ours, "RNG_SEED", 5, "TENSORBOARD.ENABLE", False)
launch(cfg, run_net.train_and_test)
"""


@pytest.fixture
def train_with_project(tmp_path: Path) -> Callable[[], str]:
    """Trains where a distribution is installed that announces a project: a folder of its own on the path, as pip makes them."""
    site = tmp_path / "site"
    (site / "cheers-1.0.dist-info").mkdir(parents=True)
    (site / "cheers.py").write_text(PROJECT)
    (site / "cheers-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cheers\nVersion: 1.0\n")
    (site / "cheers-1.0.dist-info" / "entry_points.txt").write_text("[slowfast.projects]\ncheers = cheers:register\n")

    def train() -> str:
        code = f"import sys; sys.path.insert(0, {str(site)!r})\n{TRAINING}"
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return train


@pytest.mark.slow
def test_hooks_and_trackers_of_an_installed_project_are_found(train_with_project: Callable[[], str]) -> None:
    """Two epochs of two iterations, and a test, whose figures go to the same run."""
    lines = train_with_project().splitlines()
    assert [line for line in lines if line.startswith("hurray")] == ["hurray for epoch 1", "hurray for epoch 2"]
    assert lines[0] == "start there 5 ''"
    assert "log ['train/loss', 'train/lr'] 3" in lines and not any(line.endswith(("] 0", "] 1")) for line in lines)
    assert lines[-3] == "start there 5 'r1'" and lines[-2].startswith("log ['test/") and lines[-1] == "finish True"


def test_a_tracker_that_nobody_brings_is_refused_by_name() -> None:
    from slowfast.config import load_config
    from slowfast.registry import UnknownNameError

    with pytest.raises(UnknownNameError, match="no tracker is called 'mlflo'; did you mean 'mlflow'"):
        TrackedRun.from_cfg(load_config(None, ["TRACKER.NAME", "mlflo"]))
