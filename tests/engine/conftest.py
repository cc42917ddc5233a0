"""Starting the toy runs of `engine_toys.py` in processes of their own."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
StartToy = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Takes back what a run in this process does to it: logging and torch's threads, on which the last bits depend."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    ours = logging.getLogger("slowfast")
    for handler in ours.handlers[:]:
        ours.removeHandler(handler)
        handler.close()
    ours.propagate = True
    ours.setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    logging.getLogger("py.warnings").handlers = []


@pytest.fixture
def start_toy() -> StartToy:
    """start_toy(job, output_dir, processes=1, module="engine_toys") -> the process, its output piped."""

    def start(job: str, output_dir: Path, processes: int = 1, module: str = "engine_toys") -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", f"tests.engine.{module}", job, str(output_dir), str(processes)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    return start
