"""Processes of a run are killed at random moments, start-up included: the weights at the end are those of a run left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from slowfast.engine import checkpoint
from tests.conftest import ROOT
from tests.faults.tallies import tell

T = TypeVar("T")

LONGEST = 600
"""Seconds that a run may take to its next event, such as an epoch: it takes one on a machine with nothing else to do."""


class Torchrun:
    """A training of two processes under torchrun, which starts them again."""

    def __init__(self, folder: Path, data: Path, *, restarts: int, options: tuple[object, ...]) -> None:
        self.said = folder / "said.txt"
        command = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("--max-restarts", str(restarts), "tools/run_net.py", "--cfg", "configs/LongCook/SLOWONLY_CLIP.yaml"),
            *("NUM_GPUS", "0", "DATA_LOADER.NUM_WORKERS", "0", "OUTPUT_DIR", str(folder / "out")),
            *("DATA.PATH_TO_DATA_DIR", str(data), "LONGCOOK.NUM_TRAIN", "8", "LONGCOOK.NUM_VAL", "2"),
            *("LONGCOOK.NUM_TEST", "2", "RESNET.WIDTH_PER_GROUP", "2", "TRAIN.BATCH_SIZE", "2", "LOG_PERIOD", "1"),
            *("TRAIN.EVAL_PERIOD", "50", "TRAIN.CHECKPOINT_MINUTES", "0.001", "SOLVER.WARMUP_EPOCHS", "0"),
            *("TEST.ENABLE", "False", "REPORT.ENABLE", "False", "TENSORBOARD.ENABLE", "False"),
            *map(str, options),
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self.said.open("w") as said:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, env=environment)

    def ranks(self, known: set[int]) -> dict[int, int]:
        """Processes by rank, without the known ones."""
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) != self.process.pid or state in "ZX" or int(folder.name) in known:
                    continue
                variables = dict(text.partition("=")[::2] for text in (folder / "environ").read_text().split("\0"))
                found[int(variables["RANK"])] = int(folder.name)
            except (OSError, ValueError, KeyError):
                continue
        return found

    def kill_one(self, rng: random.Random, *, epochs: int, seconds: float, known: set[int]) -> str:
        """Kills one of two new processes: by chance within `seconds` of their start, or after some epochs, at any moment of the
        next ones. Says when; empty: the training was over before."""
        ranks = self.wait_until(lambda: len(found := self.ranks(known)) == 2 and found)
        rank, before = rng.randrange(2), self.epochs()
        self.wait_until(lambda: self.epochs() >= before + epochs)
        wait = rng.uniform(0, 2 if epochs else seconds)
        time.sleep(wait)
        if not ranks or self.process.poll() is not None:
            return ""
        known.update(ranks.values())
        os.kill(ranks[rank], signal.SIGKILL)
        return f"rank {rank} {wait:.1f} s after {f'{epochs} epochs' if epochs else 'its start'}"

    def wait_until(self, come: Callable[[], T]) -> T:
        """What `come` returns once that is true, or once the run has ended."""
        latest = time.monotonic() + LONGEST
        while not (found := come()) and self.process.poll() is None:
            assert time.monotonic() < latest, f"nothing has come for {LONGEST} s:\n{self.said.read_text()[-4000:]}"
            time.sleep(0.05)
        return found

    def end(self) -> None:
        """Ends what a failed test leaves; torchrun ends its processes with itself."""
        self.process.terminate()
        self.process.wait(120)

    def epochs(self) -> int:
        return self.said.read_text(errors="replace").count("] epoch ")

    def weights(self) -> dict[str, torch.Tensor]:
        assert self.process.wait(LONGEST) == 0, self.said.read_text()[-4000:]
        state = checkpoint.load(checkpoint.last_path(self.said.parent / "out"))
        moments = state["optimizer_state"]["state"]
        return {
            **state["model_state"],
            **{f"{name} of {key}": value for key, values in moments.items() for name, value in values.items()},
        }


@contextmanager
def training(folder: Path, data: Path, *, restarts: int, options: tuple[object, ...]) -> Iterator[Torchrun]:
    folder.mkdir()
    run = Torchrun(folder, data, restarts=restarts, options=options)
    try:
        yield run
    finally:
        run.end()


def killed_and_left_alone(folder: Path, *, epochs: Sequence[int], seed: int, options: tuple[object, ...]) -> tuple[int, str]:
    """Runs the same training twice, of which one is killed, and compares what they leave.

    epochs: for each kill the epochs that come before it since the last start; 0: it comes within the start-up.

    Returns (starts that went on from a checkpoint, what was done in words).
    """
    began = time.monotonic()
    with training(folder / "alone", folder / "data", restarts=0, options=options) as run:
        run.wait_until(lambda: run.epochs() > 0)
        seconds = time.monotonic() - began
        alone = run.weights()
    between = time.monotonic()
    rng, known = random.Random(seed), set[int]()
    with training(folder / "killed", folder / "data", restarts=len(epochs), options=options) as run:
        moments = [run.kill_one(rng, epochs=count, seconds=seconds, known=known) for count in epochs]
        assert all(moments), f"the training was over after {moments}"
        weights = run.weights()
        said = run.said.read_text()
    end = time.monotonic()
    assert weights.keys() == alone.keys()
    assert all(torch.equal(weights[name], value) for name, value in alone.items())
    resumed = said.count("going on from")
    return resumed, (
        f"{'; '.join(moments)}; {resumed} starts went on from a checkpoint; "
        f"{between - began:.0f} s left alone, {end - between:.0f} s killed; {len(weights)} tensors equal bit for bit"
    )


@pytest.mark.slow
def test_run_of_which_a_process_is_killed_ends_as_one_left_alone(tmp_path: Path) -> None:
    killed_and_left_alone(tmp_path, epochs=[0], seed=7, options=("SOLVER.MAX_EPOCH", 60))


@pytest.mark.faults
def test_ten_kills_at_random_moments_change_no_bit(tmp_path: Path) -> None:
    rng = random.Random(9)
    epochs = [0] * 5 + [rng.randint(2, 12) for _ in range(5)]
    rng.shuffle(epochs)
    resumed, said = killed_and_left_alone(tmp_path, epochs=epochs, seed=9, options=("SOLVER.MAX_EPOCH", 120))
    assert resumed >= len(epochs) / 2
    tell("ranks killed under torchrun", len(epochs), len(epochs), said)
