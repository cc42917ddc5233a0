"""Starting a job: in this process, or in several."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from fvcore.common.config import CfgNode
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from slowfast.config import ConfigError, load_projects
from slowfast.errors import UserError
from slowfast.runtime import distributed
from slowfast.runtime.children import release_signals, starting_children, stop_with_parent
from slowfast.runtime.device import Place, local_processes, take_place
from slowfast.runtime.environment import Membership, membership
from slowfast.runtime.errors import Interrupted, WorkerError
from slowfast.runtime.interruption import SIGNALS, StopRequest, forward, interruptible
from slowfast.runtime.logging import FILE_ONLY, failures_in_file, setup_logging
from slowfast.runtime.main_script import check_can_be_imported_again, leave_if_imported_again

Job = Callable[[CfgNode, Place], None]

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
"""How often a launcher looks after its processes."""


def launch(cfg: CfgNode, job: Job, *, fresh: bool = False) -> None:
    """Runs `job` on as many processes as the config asks for and returns when all are done.

    Under torchrun (LOCAL_RANK is set) this process is one of them already. Otherwise, one process is this one (unless `fresh`
    asks for a new one, whose memory is that of the job alone), and several are spawned by torch's elastic launcher; `job` must
    then be a function at the top level of a module. Raises WorkerError with the message of the process that failed first,
    Interrupted when the job was stopped by a signal and saved its state, and LaunchError for an environment, or a script, in
    which the processes cannot be started.
    """
    leave_if_imported_again()
    own = membership()
    if own is not None:
        if "TORCHELASTIC_RUN_ID" in os.environ and multiprocessing.parent_process() is None:
            stop_with_parent()
        _run(cfg, job, own)
        return
    processes = local_processes(cfg)
    if processes * cfg.NUM_SHARDS == 1 and not fresh:
        _run(cfg, job, Membership())
    else:
        check_can_be_imported_again()
        _spawn(cfg, job, processes)


def _run(cfg: CfgNode, job: Job, own: Membership) -> None:
    """The job in this process."""
    setup_logging(cfg.OUTPUT_DIR, rank=own.rank)
    where = (own.rank, own.world_size, os.getpid(), socket.gethostname())
    logger.info("process %d of %d, number %d on %s", *where, extra=FILE_ONLY)
    place = take_place(cfg, local_rank=own.local_rank, processes=own.local_world_size)
    with failures_in_file(), distributed.process_group(place.device, own, cfg.DIST_BACKEND):
        job(cfg, place)


def _spawn(cfg: CfgNode, job: Job, processes: int) -> None:
    """The processes are started, and waited for, in a thread, so that this one can hand signals on to them."""
    # The launcher's own reports repeat ours, at length.
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    failed: list[BaseException] = []

    def start_and_wait(notes: str) -> None:
        try:
            with starting_children(spawned=True):
                elastic_launch(config, _worker)(cfg, job, notes)
        except BaseException as error:
            failed.append(error)

    config = _launch_config(cfg, processes)
    with tempfile.TemporaryDirectory(prefix="slowfast-") as notes:
        others = set(multiprocessing.active_children())
        with StopRequest() as request:
            thread = threading.Thread(target=start_and_wait, args=(notes,), name="launcher")
            thread.start()
            asked: set[int] = set()
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                if request.signal_number:
                    started = {child.pid or 0 for child in multiprocessing.active_children() if child not in others}
                    for pid in started - asked - {0}:
                        forward(request.signal_number, pid)
                        asked.add(pid)
        _end(Path(notes), failed[0] if failed else None, signal_number=request.signal_number)


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
    )


def _worker(cfg: CfgNode, job: Job, notes: str) -> None:
    """A spawned process: its registries are empty, and what goes wrong in it must reach the launcher."""
    try:
        with interruptible():
            stop_with_parent()
            release_signals()
            load_projects()
            _run(cfg, job, membership() or Membership())
    except Interrupted as stop:
        _record(notes, kind="interrupted", text=str(stop), number=stop.signal_number, told=stop.told)
        raise SystemExit(128 + stop.signal_number) from None
    except UserError as error:
        _record(notes, kind="user", text=str(error))
        raise SystemExit(2) from None
    except Exception:
        _record(notes, kind="fault", text=traceback.format_exc())
        raise SystemExit(1) from None


def _record(folder: str, *, kind: str, text: str, number: int = 0, told: bool = False) -> None:
    """Notes a failure. The moment tells causes from consequences: the others fail when they miss the first one's answer."""
    rank = int(os.environ["RANK"])
    note = {"time": time.time(), "rank": rank, "kind": kind, "text": text, "number": number, "told": told}
    beside = Path(folder) / f"{rank}.part"
    beside.write_text(json.dumps(note), encoding="utf-8")
    beside.rename(beside.with_suffix(".json"))


def _end(folder: Path, failure: BaseException | None, *, signal_number: int) -> None:
    """Returns when all went well, and else raises what the processes had to say. A signal to the launcher explains it all."""
    if failure is not None and not isinstance(failure, ChildFailedError):
        raise failure
    notes = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    if signal_number:
        told = any(note["told"] for note in notes)
        raise Interrupted(signal_number, "" if failure else "all was done", told=told)
    if failure is not None:
        _raise_first(sorted(notes, key=lambda note: note["time"]), *failure.get_first_failure())


def _raise_first(notes: list[dict[str, Any]], rank: int, failure: ProcessFailure) -> NoReturn:
    # A process that was killed leaves no note.
    if -failure.exitcode in SIGNALS:
        raise Interrupted(-failure.exitcode)
    if failure.exitcode < 0:
        raise WorkerError(f"process {rank} was ended by {failure.signal_name()}", user_error=False)
    if not notes:
        raise WorkerError(f"process {rank} ended with exit code {failure.exitcode}", user_error=False)
    first = notes[0]
    if first["kind"] == "interrupted":
        raise Interrupted(first["number"], told=first["told"])
    if first["kind"] == "user":
        raise WorkerError(first["text"], user_error=True)
    raise WorkerError(f"process {first['rank']} failed:\n{first['text'].rstrip()}", user_error=False)
