"""How the processes of a launcher ended: each leaves a note in a folder, and all of them tell what came first."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from slowfast.runtime.errors import Interrupted, WorkerError
from slowfast.runtime.interruption import SIGNALS

INTERRUPTED, USERS, FAULT, SILENT, LOST = "interrupted", "user", "fault", "silent", "lost"
"""Kinds of ends: by a signal; by an error of the user's; by a fault; because a process was silent; because one had ended."""


@dataclass(frozen=True, slots=True)
class Note:
    """How a process ended. number: of the signal that asked it to; told: whether the log says so already."""

    kind: str
    text: str
    rank: int
    time: float
    number: int = 0
    told: bool = False


def leave_note(folder: str, *, kind: str, text: str, number: int = 0, told: bool = False) -> None:
    """The moment tells causes from consequences: the others fail when they miss the first one's answer."""
    note = Note(kind=kind, text=text, rank=int(os.environ["RANK"]), time=time.time(), number=number, told=told)
    beside = Path(folder) / f"{note.rank}.part"
    beside.write_text(json.dumps(asdict(note)), encoding="utf-8")
    beside.rename(beside.with_suffix(".json"))


def read_notes(folder: str) -> list[Note]:
    """The first one first; those of processes that only lost another one come last."""
    notes = [Note(**json.loads(path.read_text(encoding="utf-8"))) for path in Path(folder).glob("*.json")]
    return sorted(notes, key=lambda note: (note.kind == LOST, note.time))


def forget_notes(folder: str) -> None:
    for path in Path(folder).glob("*.json"):
        path.unlink()


def raise_first(notes: list[Note], failure: ChildFailedError) -> NoReturn:
    """Raises what the process that failed first had to say: WorkerError, or Interrupted for one that was asked to stop."""
    rank, first = failure.get_first_failure()
    killed = [(rank, other) for rank, other in failure.failures.items() if other.exitcode < 0]
    if killed and (not notes or notes[0].kind == LOST):  # who was killed leaves no note
        rank, first = killed[0]
    if -first.exitcode in SIGNALS:
        raise Interrupted(-first.exitcode)
    if first.exitcode < 0:
        raise WorkerError(f"process {rank} was ended by {first.signal_name()}", user_error=False)
    if not notes:
        raise WorkerError(f"process {rank} ended with exit code {first.exitcode}", user_error=False)
    note = notes[0]
    if note.kind == INTERRUPTED:
        raise Interrupted(note.number, told=note.told)
    if note.kind == FAULT:
        raise WorkerError(f"process {note.rank} failed:\n{note.text.rstrip()}", user_error=False)
    raise WorkerError(note.text, user_error=note.kind == USERS)
