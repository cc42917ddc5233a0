"""Processes of a run are killed at random moments, start-up included: the weights at the end are those of a run left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from slowfast.engine import checkpoint
from tests.conftest import ROOT


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

    def kill_one(self, rng: random.Random, *, seconds: float, known: set[int]) -> str:
        """Kills one of two new processes: by chance within `seconds` of their start, or after 1 to 12 epochs, at any moment of
        the next one. Says when; empty: the training was over before."""
        while len(ranks := self.ranks(known)) < 2:
            if self.process.poll() is not None:
                return ""
            time.sleep(0.05)
        rank, epochs = rng.randrange(2), rng.choice((0, rng.randint(1, 12)))
        before = self.epochs()
        while epochs and self.epochs() < before + epochs and self.process.poll() is None:
            time.sleep(0.05)
        wait = rng.uniform(0, 2 if epochs else seconds)
        time.sleep(wait)
        known.update(ranks.values())
        try:
            os.kill(ranks[rank], signal.SIGKILL)
        except ProcessLookupError:
            return ""
        return f"rank {rank} {wait:.1f} s after {f'{epochs} epochs' if epochs else 'its start'}"

    def epochs(self) -> int:
        return self.said.read_text(errors="replace").count("] epoch ")

    def weights(self) -> dict[str, torch.Tensor]:
        assert self.process.wait(1200) == 0, self.said.read_text()[-4000:]
        state = checkpoint.load(checkpoint.last_path(self.said.parent / "out"))
        moments = state["optimizer_state"]["state"]
        return {
            **state["model_state"],
            **{f"{name} of {key}": value for key, values in moments.items() for name, value in values.items()},
        }


def killed_and_left_alone(folder: Path, *, kills: int, seed: int, options: tuple[object, ...]) -> str:
    """Runs the same training twice, of which one is killed, and compares what they leave. Returns what was done, in words."""
    (folder / "alone").mkdir()
    (folder / "killed").mkdir()
    began = time.monotonic()
    run = Torchrun(folder / "alone", folder / "data", restarts=0, options=options)
    while "epoch 1/" not in run.said.read_text() and run.process.poll() is None:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    alone = run.weights()
    between = time.monotonic()
    run = Torchrun(folder / "killed", folder / "data", restarts=kills, options=options)
    rng, known = random.Random(seed), set[int]()
    moments = [moment for _ in range(kills) if (moment := run.kill_one(rng, seconds=seconds, known=known))]
    weights = run.weights()
    end = time.monotonic()
    assert len(moments) == kills, f"the training was over after {moments}"
    assert weights.keys() == alone.keys()
    assert all(torch.equal(weights[name], value) for name, value in alone.items())
    resumed = run.said.read_text().count("going on from")
    return (
        f"{kills} kills ({'; '.join(moments)}), {resumed} of them after a checkpoint; {between - began:.0f} s left alone, "
        f"{end - between:.0f} s killed; {len(weights)} tensors equal bit for bit"
    )


@pytest.mark.slow
def test_run_of_which_a_process_is_killed_ends_as_one_left_alone(tmp_path: Path) -> None:
    killed_and_left_alone(tmp_path, kills=1, seed=7, options=("SOLVER.MAX_EPOCH", 60))


@pytest.mark.faults
def test_ten_kills_at_random_moments_change_no_bit(tmp_path: Path) -> None:
    print(killed_and_left_alone(tmp_path, kills=10, seed=9, options=("SOLVER.MAX_EPOCH", 120)))
