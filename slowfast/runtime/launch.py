"""Starting a job: in this process, or in several."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable

from fvcore.common.config import CfgNode
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from slowfast.config import ConfigError, load_projects
from slowfast.errors import UserError
from slowfast.runtime import distributed
from slowfast.runtime.children import release_signals, starting_children, stop_with_parent
from slowfast.runtime.command_line import FAULT_CODE, USER_ERROR_CODE
from slowfast.runtime.device import Place, local_processes, take_place
from slowfast.runtime.endings import FAULT, INTERRUPTED, LOST, SILENT, USERS, forget_notes, leave_note, raise_first, read_notes
from slowfast.runtime.environment import Membership, membership
from slowfast.runtime.errors import Interrupted, LostProcessError, WorkerError
from slowfast.runtime.interruption import StopRequest, forward, interruptible, say
from slowfast.runtime.logging import FILE_ONLY, failures_in_file, setup_logging
from slowfast.runtime.main_script import check_can_be_imported_again, leave_if_imported_again

Job = Callable[[CfgNode, Place], None]

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
"""How often a launcher looks after its processes."""


def launch(cfg: CfgNode, job: Job, *, fresh: bool = False) -> None:
    """Runs `job` on as many processes as the config asks for and returns when all are done.

    Under torchrun (LOCAL_RANK is set) this process is one of them already. Otherwise, one process is this one (unless `fresh`
    asks for a new one, whose memory is that of the job alone, or MAX_RESTARTS for one that can be replaced), and several are
    spawned by torch's elastic launcher; `job` must then be a function at the top level of a module. Raises WorkerError with
    the message of the process that failed first, Interrupted when the job was stopped by a signal and saved its state, and
    LaunchError for an environment, or a script, in which the processes cannot be started.
    """
    leave_if_imported_again()
    own = membership()
    if own is not None:
        if cfg.MAX_RESTARTS:
            raise ConfigError(
                key="MAX_RESTARTS", value=cfg.MAX_RESTARTS, why="a launcher has started this process, and starts it again",
                right="0, and torchrun with --max-restarts",
            )  # fmt: skip
        if "TORCHELASTIC_RUN_ID" in os.environ and multiprocessing.parent_process() is None:
            stop_with_parent()
        _run(cfg, job, own, end=_end_at_once)
        return
    processes = local_processes(cfg)
    if processes * cfg.NUM_SHARDS == 1 and not fresh and not cfg.MAX_RESTARTS:
        _run(cfg, job, Membership(), end=_end_at_once)
    else:
        check_can_be_imported_again()
        _spawn(cfg, job, processes)


def _run(cfg: CfgNode, job: Job, own: Membership, *, end: Callable[[LostProcessError], None]) -> None:
    """The job in this process. end: ends it, from another thread, when another process does not answer."""
    setup_logging(cfg.OUTPUT_DIR, rank=own.rank)
    where = (own.rank, own.world_size, os.getpid(), socket.gethostname())
    logger.info("process %d of %d, number %d on %s", *where, extra=FILE_ONLY)
    place = take_place(cfg, local_rank=own.local_rank, processes=own.local_world_size)
    seconds = cfg.DIST_TIMEOUT_SECONDS
    with failures_in_file(), distributed.process_group(place.device, own, cfg.DIST_BACKEND, seconds=seconds, end=end):
        job(cfg, place)


def _end_at_once(error: LostProcessError) -> None:
    """As the command would end, were its main thread not waiting for another process."""
    logger.error("ended by %s", error, extra=FILE_ONLY)
    say(f"error: {error}")
    os._exit(FAULT_CODE)


def _spawn(cfg: CfgNode, job: Job, processes: int) -> None:
    """The processes are started, and waited for, in a thread, so that this one can hand signals on to them."""
    # The launcher's own reports repeat ours, at length.
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    failed: list[BaseException] = []

    def start_and_wait(notes: str, request: StopRequest) -> None:
        try:
            for left in range(cfg.MAX_RESTARTS, -1, -1):
                try:
                    with starting_children(spawned=True):
                        elastic_launch(config, _worker)(cfg, job, notes)
                    return
                except ChildFailedError as failure:
                    if not left or request.signal_number or not _can_start_again(notes, failure, left):
                        raise
                    forget_notes(notes)
        except BaseException as error:
            failed.append(error)

    config = _launch_config(cfg, processes)
    with tempfile.TemporaryDirectory(prefix="slowfast-") as notes:
        others = set(multiprocessing.active_children())
        with StopRequest() as request:
            thread = threading.Thread(target=start_and_wait, args=(notes, request), name="launcher")
            thread.start()
            asked: set[int] = set()
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                if request.signal_number:
                    started = {child.pid or 0 for child in multiprocessing.active_children() if child not in others}
                    for pid in started - asked - {0}:
                        forward(request.signal_number, pid)
                        asked.add(pid)
        _end(notes, failed[0] if failed else None, signal_number=request.signal_number)


def _can_start_again(notes: str, failure: ChildFailedError, left: int) -> bool:
    """Whether starting the processes again may help, which is then said: not where the user has to change something, or wanted
    them to stop."""
    try:
        raise_first(read_notes(notes), failure)
    except Interrupted:
        return False
    except WorkerError as error:
        if error.user_error:
            return False
        say(f"{error}\nThe processes are started again and go on from the newest checkpoint; {left - 1} restarts are left")
        return True


def _end(notes: str, failure: BaseException | None, *, signal_number: int) -> None:
    """Returns when all went well, and else raises what the processes had to say. A signal to the launcher explains it all."""
    if failure is not None and not isinstance(failure, ChildFailedError):
        raise failure
    left = read_notes(notes)
    if signal_number:
        raise Interrupted(signal_number, "" if failure else "all was done", told=any(note.told for note in left))
    if failure is not None:
        raise_first(left, failure)


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
            _run(cfg, job, membership() or Membership(), end=lambda error: _end_with_note(notes, error))
    except Interrupted as stop:
        leave_note(notes, kind=INTERRUPTED, text=str(stop), number=stop.signal_number, told=stop.told)
        raise SystemExit(128 + stop.signal_number) from None
    except LostProcessError as error:
        leave_note(notes, kind=LOST, text=str(error))
        raise SystemExit(FAULT_CODE) from None
    except UserError as error:
        leave_note(notes, kind=USERS, text=str(error))
        raise SystemExit(USER_ERROR_CODE) from None
    except Exception:
        leave_note(notes, kind=FAULT, text=traceback.format_exc())
        raise SystemExit(FAULT_CODE) from None


def _end_with_note(notes: str, error: LostProcessError) -> None:
    logger.error("ended by %s", error, extra=FILE_ONLY)
    leave_note(notes, kind=SILENT, text=str(error))
    os._exit(FAULT_CODE)
