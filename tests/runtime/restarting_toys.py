"""Jobs of one or two processes that go wrong; as a script, a launcher of them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.runtime import distributed
from slowfast.runtime.command_line import exit_code_of
from slowfast.runtime.device import Place
from slowfast.runtime.launch import launch


def starts(cfg: CfgNode) -> int:
    """Counts them, and says how many there were, this one included."""
    path = Path(cfg.OUTPUT_DIR) / "starts"
    if distributed.main_process():
        with path.open("a") as file:
            file.write("x")
    distributed.barrier()
    return len(path.read_text())


def killed_twice_job(cfg: CfgNode, place: Place) -> None:
    if starts(cfg) < 3 and distributed.rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.barrier()


def killed_once_job(cfg: CfgNode, place: Place) -> None:
    if starts(cfg) < 2:
        os.kill(os.getpid(), signal.SIGKILL)


def users_error_job(cfg: CfgNode, place: Place) -> None:
    starts(cfg)
    if distributed.rank() == 1:
        raise ConfigError(key="A.B", value=1, why="only process 1 minds")
    distributed.barrier()


def told_to_stop_job(cfg: CfgNode, place: Place) -> None:
    starts(cfg)
    if distributed.rank() == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    distributed.barrier()


def going_round_for_ever() -> None:
    while True:
        pass


def dead_loop_job(cfg: CfgNode, place: Place) -> None:
    if starts(cfg) == 1 and distributed.rank() == 1:
        going_round_for_ever()
    distributed.barrier()


def sleeping_job(cfg: CfgNode, place: Place) -> None:
    if starts(cfg) == 1 and distributed.rank() == 0:
        time.sleep(1000)
    distributed.barrier()


def stopped_job(cfg: CfgNode, place: Place) -> None:
    if starts(cfg) == 1 and distributed.rank() == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    distributed.barrier()


def main() -> int:
    """Arguments: the name of a job, OUTPUT_DIR, and further options."""
    job, output_dir, *options = sys.argv[1:]
    settings = ("NUM_GPUS", 0, "NUM_PROCS", 2, "DATA_LOADER.NUM_WORKERS", 0, "OUTPUT_DIR", output_dir, *options)
    return exit_code_of(lambda: launch(load_config(None, list(settings)), globals()[job]))


if __name__ == "__main__":
    sys.exit(main())
