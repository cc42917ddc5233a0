"""Scripts without `if __name__ == "__main__":`, as people write them first: they work, or say at once why not."""

import subprocess
import sys
from pathlib import Path

import pytest

DATA = """
from slowfast.config import load_config
from slowfast.datasets import build_dataset

options = {
    "TRAIN.DATASET": "longcook", "DATA.PATH_TO_DATA_DIR": "data", "MODEL.NUM_CLASSES": 12, "LONGCOOK.NUM_TRAIN": 2,
    "LONGCOOK.NUM_VAL": 1, "LONGCOOK.NUM_TEST": 1,
}
cfg = load_config(overrides=[part for item in options.items() for part in item])
print("videos:", len(build_dataset(cfg, "train").records))
"""

HELPER = """
import multiprocessing

from slowfast.runtime.main_script import leave_if_imported_again

leave_if_imported_again()  # as the library does where work begins
print("begins", flush=True)
helper = multiprocessing.get_context("{method}").Process(target=print, args=("helped",))
helper.start()
helper.join()
"""

SEVERAL_PROCESSES = """
from slowfast.config import load_config
from slowfast.runtime.launch import launch

def job(cfg, place):
    print("at work")

launch(load_config(overrides=["NUM_GPUS", 0, "NUM_PROCS", 2, "OUTPUT_DIR", "out", "MODEL.NUM_CLASSES", 2]), job)
"""


def run(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(source)
    return subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_longcook_is_drawn_by_several_processes_without_running_the_script_in_them(tmp_path: Path) -> None:
    process = run(DATA, tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout == "videos: 2\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_helper_that_imports_the_script_ends_with_one_line_that_says_why(method: str, tmp_path: Path) -> None:
    process = run(HELPER.format(method=method), tmp_path)
    assert process.stdout == "begins\n"
    [line] = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert "script.py, line 6: this script was imported by a process that helps it" in line
    assert '`if __name__ == "__main__":`' in line


CHECK = """
from slowfast.runtime.main_script import check_can_be_imported_again

def work():
    check_can_be_imported_again()  # as the library does where it starts processes afresh

work()
"""

SPAWNED_WORKERS = """
import torch
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import SequentialOrder

torch.multiprocessing.set_start_method("{method}")
loader = ClipLoader(dataset=[1, 2], order=SequentialOrder(num_samples=2, batch_size=1), num_workers=1)
next(loader.batches(0))
"""


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (CHECK, 7),
        pytest.param(SEVERAL_PROCESSES, 8, marks=pytest.mark.slow),
        pytest.param(SPAWNED_WORKERS.format(method="spawn"), 8, marks=pytest.mark.slow),
        pytest.param(SPAWNED_WORKERS.format(method="forkserver"), 8, marks=pytest.mark.slow),
    ],
)
def test_script_without_a_guard_that_would_start_processes_is_told_so_at_once(source: str, line: int, tmp_path: Path) -> None:
    process = run(source, tmp_path)
    assert process.returncode == 1
    assert "at work" not in process.stdout
    last = process.stderr.splitlines()[-1]
    assert last.startswith("slowfast.runtime.errors.LaunchError: ")
    assert f"script.py, line {line}: starts processes, and each of them imports this script; put what it does below" in last


@pytest.mark.parametrize(
    "guard",
    ['if __name__ == "__main__":', "if '__main__' == __name__:", "if multiprocessing.parent_process() is None:"],
)
def test_script_that_asks_who_runs_it_may_start_processes(guard: str, tmp_path: Path) -> None:
    source = f"""
import multiprocessing
from slowfast.runtime.main_script import check_can_be_imported_again
{guard}
    check_can_be_imported_again()
"""
    assert run(source, tmp_path).returncode == 0
