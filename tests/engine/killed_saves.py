"""Processes that save in the background without a pause, killed at random moments, each going on where the last one was."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from slowfast.engine import checkpoint
from slowfast.engine.hooks import CheckpointHook
from slowfast.runtime.background_writer import BackgroundWriter

NUMBERS = 200_000
"""In each of two tensors: a save takes some milliseconds, most of them in the thread."""


def saves(folder: Path, begun: int) -> None:
    """Saves until it is killed; when n saves are made, by all processes, every number is n. Every third one ends an epoch.

    begun: file descriptor that is told of each.
    """
    found = checkpoint.newest_valid(folder)
    done = 0 if found is None else found[1]["done"]
    weights, moments = torch.full((NUMBERS,), float(done)), torch.full((NUMBERS,), float(done))
    hook = CheckpointHook(output_dir=folder, period=1, minutes=0, cfg_text="", keep=2, writer=BackgroundWriter())
    while True:
        done += 1
        weights.fill_(done)
        moments.fill_(done)
        state = {"done": done, "model_state": {"weight": weights}, "optimizer_state": {0: moments}}
        trainer: Any = SimpleNamespace(
            epoch=done // 3, num_epochs=10**9, step=SimpleNamespace(carries=False), state_dict=lambda state=state: state
        )
        if done % 3 == 0:
            hook.after_epoch(trainer)
        else:
            hook.save_last(trainer)
        os.write(begun, b".")


def check(folder: Path, before: int) -> int:
    """How far the newest checkpoint is. It has to be whole, of one moment, and no older than `before`."""
    newest = checkpoint.newest(folder)
    assert newest is not None
    state = checkpoint.load(newest)
    done = int(state["done"])
    assert done >= before, (done, before)
    assert (state["model_state"]["weight"] == done).all() and (state["optimizer_state"][0] == done).all()
    kept = list(checkpoint.folder(folder).glob("checkpoint_epoch_*.pyth"))
    assert min(2, done // 3) <= len(kept) <= 4, kept  # one more while it is written, another after a kill before the deletion
    for path in kept:
        checkpoint.load(path)
    assert len(list(checkpoint.folder(folder).glob(".*"))) <= 2, "unfinished files heap up"
    return done


def kill_often(folder: Path, times: int, seed: int) -> int:
    """Returns how far the last process was."""
    rng, done = random.Random(seed), 0
    for _ in range(times):
        read, begun = os.pipe()
        process = os.fork()
        if process == 0:
            saves(folder, begun)
        os.read(read, 1)
        began = time.monotonic()
        os.read(read, 1)  # so the one before is written
        time.sleep(rng.uniform(0.0, 3 * (time.monotonic() - began)))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(read)
        os.close(begun)
        done = check(folder, done)
    return done


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(kill_often(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
