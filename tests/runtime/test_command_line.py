"""What the command says and returns when it cannot do what it was asked."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from slowfast.config import ConfigError, load_projects
from slowfast.runtime.command_line import exit_code_of
from slowfast.runtime.errors import CheckpointError, Interrupted, NonFiniteLossError, WorkerError

ROOT = Path(__file__).parents[2]
RUN_NET = ROOT / "tools" / "run_net.py"


@pytest.fixture(scope="module")
def run_net() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_net", RUN_NET)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(f"NUM_GPUS: 0\nOUTPUT_DIR: {tmp_path / 'out'}\nDATA_LOADER: {{NUM_WORKERS: 0}}\n")
    return path


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_missing_config_is_answered_with_the_usage() -> None:
    process = subprocess.run([sys.executable, str(RUN_NET)], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.startswith("usage: run_net.py")
    assert process.stderr.endswith("error: --cfg FILE is missing\n")


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["SOLVER.BASE_LRR", "1"], r"SOLVER\.BASE_LRR = '1': .*perhaps SOLVER\.BASE_LR"),
        (["SOLVER.BASE_LR"], r"SOLVER\.BASE_LR = '': this override has no value"),
        (["NUM_GPUS", "77"], r"NUM_GPUS = 77: this machine has"),
        (["TRAIN.DATASET", "nothing"], r"TRAIN\.DATASET = 'nothing'"),
        (["TRAIN.ENABLE", "False"], r"out/checkpoints: there is no checkpoint to test"),
    ],
)
def test_mistakes_of_the_user_are_one_line(
    run_net: ModuleType, tiny_config: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], text: str
) -> None:
    assert run_net.main(["--cfg", str(tiny_config), *overrides]) == 2
    assert re.search(text, error_line(capsys))


def test_config_that_is_not_there_is_named(run_net: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_net.main(["--cfg", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in error_line(capsys)


def test_debug_shows_where_an_error_came_up(run_net: ModuleType) -> None:
    with pytest.raises(ConfigError):
        run_net.main(["--cfg", "nowhere.yaml", "--debug"])


def test_options_are_listed_by_pattern(run_net: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_net.main(["--help-options", "base_lr"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("SOLVER.BASE_LR (0.1): Learning rate")


def test_values_may_be_negative_and_flags_may_follow(run_net: ModuleType) -> None:
    options = run_net.parse(["--cfg", "a.yaml", "NUM_GPUS", "-1", "TRAIN.ENABLE", "False", "--debug"])
    assert options.overrides == ["NUM_GPUS", "-1", "TRAIN.ENABLE", "False"]
    assert options.debug


def test_the_command_names_no_project() -> None:
    text = RUN_NET.read_text().lower()
    assert load_projects()
    assert not [name for name in load_projects() if name in text]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckpointError("x"), 2),
        (NonFiniteLossError("x"), 2),
        (WorkerError("x", user_error=True), 2),
        (WorkerError("x", user_error=False), 1),
        (Interrupted(15), 143),
        (KeyboardInterrupt(), 130),
        (None, 0),
    ],
)
def test_exit_codes(error: BaseException | None, code: int) -> None:
    def command() -> None:
        if error is not None:
            raise error

    assert exit_code_of(command) == code


def test_a_place_that_may_not_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> None:
        raise PermissionError(13, "Permission denied", "/videos/locked/a.mp4")

    assert exit_code_of(refused) == 2
    assert capsys.readouterr().err.startswith("error: /videos/locked/a.mp4: permission denied; right would be")
    with pytest.raises(PermissionError):
        exit_code_of(refused, debug=True)


def test_faults_of_ours_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code_of(lambda: print(1 / 0))


def test_every_error_the_library_has_for_users_is_told_in_one_line() -> None:
    """A public error class of ours derives from UserError, or from one that does."""
    # Caught and told by others of ours; and what we draw is ours, so that a DrawingError would be a fault.
    inner = {"DrawingError", "ForbiddenPickleError", "NotUsableError", "OptionValueError"}
    text = "\n".join(path.read_text() for path in (ROOT / "slowfast").rglob("*.py"))
    found = dict(re.findall(r"^class ([A-Z]\w*Error)\((.+)\):", text, re.MULTILINE))
    told = {"UserError"}
    while more := {name for name, bases in found.items() if set(bases.split(", ")) & told} - told:
        told |= more
    assert len(told) > 10
    assert set(found) - told == inner & set(found)


def test_a_checkpoint_of_another_model_is_refused_in_one_line(
    run_net: ModuleType, tmp_path: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "other.pyth"
    torch.save({"model_state": {"a": torch.ones(1)}}, weights)
    arguments = ["--cfg", str(tiny_config), "TRAIN.ENABLE", "False", "TEST.CHECKPOINT_FILE_PATH", str(weights)]
    model = ["MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "RESNET.WIDTH_PER_GROUP", "4"]
    assert run_net.main([*arguments, *model]) == 2
    assert re.search(r"other\.pyth: only 0 of the network's \d+ weights", error_line(capsys))
