"""Starting a job: in this process, or in several."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from fvcore.common.config import CfgNode
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from slowfast.config import ConfigError, load_projects
from slowfast.errors import UserError
from slowfast.runtime import distributed
from slowfast.runtime.device import Place, local_processes, take_place
from slowfast.runtime.errors import Interrupted, WorkerError
from slowfast.runtime.logging import setup_logging
from slowfast.runtime.main_script import leave_if_imported_again

Job = Callable[[CfgNode, Place], None]

SHUTDOWN_SECONDS = 300
"""Time that processes get to finish an iteration and save it when they are asked to stop."""

GRACE: dict[str, Any] = (
    {"shutdown_timeout": SHUTDOWN_SECONDS} if "shutdown_timeout" in {field.name for field in fields(LaunchConfig)} else {}
)
"""Older versions of PyTorch have no such option; there it is 30 seconds."""


def launch(cfg: CfgNode, job: Job) -> None:
    """Runs `job` on as many processes as the config asks for and returns when all are done.

    Under torchrun (LOCAL_RANK is set) this process is one of them already. Otherwise, one process is this one and several are
    spawned by torch's elastic launcher; `job` must then be a function at the top level of a module. Raises WorkerError with
    the message of the process that failed first, and Interrupted when the job was stopped by a signal and saved its state.
    """
    leave_if_imported_again()
    if "LOCAL_RANK" in os.environ:
        _run(cfg, job)
        return
    processes = local_processes(cfg)
    if processes * cfg.NUM_SHARDS == 1:
        _run(cfg, job)
    else:
        _spawn(cfg, job, processes)


def _run(cfg: CfgNode, job: Job) -> None:
    """The job in this process, among those that the environment tells of."""
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    setup_logging(cfg.OUTPUT_DIR, main_process=int(os.environ.get("RANK", "0")) == 0)
    place = take_place(cfg, local_rank=local_rank, processes=int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    with distributed.process_group(place.device, cfg.DIST_BACKEND):
        job(cfg, place)


def _spawn(cfg: CfgNode, job: Job, processes: int) -> None:
    # The launcher's own reports repeat ours, at length.
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="slowfast-") as failures:
        try:
            elastic_launch(_launch_config(cfg, processes), _worker)(cfg, job, failures)
        except SignalException as stop:
            raise Interrupted(int(stop.sigval)) from None
        except ChildFailedError as error:
            _raise_first(Path(failures), fallback=error)


def _launch_config(cfg: CfgNode, processes: int) -> LaunchConfig:
    several_machines = cfg.NUM_SHARDS > 1
    endpoint = cfg.INIT_METHOD.removeprefix("tcp://")
    if several_machines and (not cfg.INIT_METHOD.startswith("tcp://") or endpoint.rpartition(":")[2] in ("", "0")):
        raise ConfigError(
            key="INIT_METHOD", value=cfg.INIT_METHOD, why="every machine must know where machine 0 listens",
            right="tcp://host:port with the name and a free port of machine 0",
        )  # fmt: skip
    return LaunchConfig(
        min_nodes=cfg.NUM_SHARDS,
        max_nodes=cfg.NUM_SHARDS,
        nproc_per_node=processes,
        run_id="slowfast",
        rdzv_backend="static" if several_machines else "c10d",
        rdzv_endpoint=endpoint if several_machines else "localhost:0",
        rdzv_configs={"rank": cfg.SHARD_ID} if several_machines else {},
        max_restarts=0,
        monitor_interval=0.1,
        start_method="spawn",
        local_addr=None if several_machines else "localhost",
        **GRACE,
    )


def _worker(cfg: CfgNode, job: Job, failures: str) -> None:
    """A spawned process: its registries are empty, and what goes wrong in it must reach the launcher."""
    try:
        load_projects()
        _run(cfg, job)
    except Interrupted as stop:
        _record(failures, kind="interrupted", text=str(stop.signal_number))
        raise SystemExit(128 + stop.signal_number) from None
    except UserError as error:
        _record(failures, kind="user", text=str(error))
        raise SystemExit(2) from None
    except Exception:
        _record(failures, kind="fault", text=traceback.format_exc())
        raise SystemExit(1) from None


def _record(folder: str, *, kind: str, text: str) -> None:
    """Notes a failure. The moment tells causes from consequences: the others fail when they miss the first one's answer."""
    rank = int(os.environ["RANK"])
    note = {"time": time.time(), "rank": rank, "kind": kind, "text": text}
    beside = Path(folder) / f"{rank}.part"
    beside.write_text(json.dumps(note), encoding="utf-8")
    beside.rename(beside.with_suffix(".json"))


def _raise_first(folder: Path, *, fallback: ChildFailedError) -> NoReturn:
    notes = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    # A process that was killed leaves no note.
    rank, failure = fallback.get_first_failure()
    if failure.exitcode < 0:
        raise WorkerError(f"process {rank} was ended by {failure.signal_name()}", user_error=False)
    if not notes:
        raise WorkerError(f"process {rank} ended with exit code {failure.exitcode}", user_error=False)
    first = min(notes, key=lambda note: note["time"])
    if first["kind"] == "interrupted":
        raise Interrupted(int(first["text"]))
    if first["kind"] == "user":
        raise WorkerError(first["text"], user_error=True)
    raise WorkerError(f"process {first['rank']} failed:\n{first['text'].rstrip()}", user_error=False)
