"""From the notes that processes leave, and from how they ended, it becomes clear which one failed first."""

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from slowfast.runtime.endings import FAULT, INTERRUPTED, LOST, SILENT, USERS, forget_notes, leave_note, raise_first, read_notes
from slowfast.runtime.errors import Interrupted, WorkerError


def failure(first: int, **codes: int) -> SimpleNamespace:
    """What torch's launcher tells: exit codes by rank, and which of them it saw first."""
    ended = {
        int(rank[1:]): SimpleNamespace(exitcode=code, signal_name=lambda code=code: signal.Signals(-code).name)
        for rank, code in codes.items()
    }
    return SimpleNamespace(failures=ended, get_first_failure=lambda: (first, ended[first]))


def left(monkeypatch: pytest.MonkeyPatch, folder: Path, *notes: tuple[int, str]) -> list:
    for rank, kind in notes:
        monkeypatch.setenv("RANK", str(rank))
        leave_note(str(folder), kind=kind, text=f"{kind} of {rank}", number=signal.SIGUSR1 if kind == INTERRUPTED else 0)
    return read_notes(str(folder))


@pytest.mark.parametrize(
    ("notes", "first", "codes", "told", "is_users"),
    [
        (((1, USERS), (0, FAULT)), 0, {"r0": 1, "r1": 2}, "user of 1", True),
        (((0, LOST), (1, USERS)), 0, {"r0": 1, "r1": 2}, "user of 1", True),
        (((0, LOST), (1, FAULT)), 0, {"r0": 1, "r1": 1}, "process 1 failed:\nfault of 1", False),
        (((0, LOST),), 0, {"r0": 1, "r1": -9}, "process 1 was ended by SIGKILL", False),
        (((0, LOST),), 0, {"r0": 1}, "lost of 0", False),
        (((1, SILENT), (0, SILENT)), 1, {"r1": 1}, "silent of 1", False),
        ((), 1, {"r1": -11}, "process 1 was ended by SIGSEGV", False),
        ((), 1, {"r1": 7}, "process 1 ended with exit code 7", False),
    ],
)
def test_the_first_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple, first: int, codes: dict, told: str, is_users: bool
) -> None:
    with pytest.raises(WorkerError) as error:
        raise_first(left(monkeypatch, tmp_path, *notes), failure(first, **codes))  # type: ignore[arg-type]
    assert (str(error.value), error.value.user_error) == (told, is_users)


def test_a_process_that_was_asked_to_stop_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = left(monkeypatch, tmp_path, (1, LOST), (0, INTERRUPTED))
    with pytest.raises(Interrupted) as stop:
        raise_first(notes, failure(1, r0=138, r1=1))  # type: ignore[arg-type]
    assert stop.value.signal_number == signal.SIGUSR1


def test_notes_of_an_earlier_start_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, tmp_path, (0, FAULT), (1, LOST))
    forget_notes(str(tmp_path))
    assert read_notes(str(tmp_path)) == []
