"""The first signal leaves a note or interrupts, the second one ends the process; echoes and what others ignore do not count."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from slowfast.runtime.errors import Interrupted
from slowfast.runtime.interruption import ALL_SIGNALS, FORWARDED, SIGNALS, StopRequest, forward, interruptible, stop_signal

SIGNALS_IN_TURN = """
import os, signal, sys, time
from slowfast.runtime.interruption import StopRequest, forward
signal.signal(signal.SIGINT, signal.default_int_handler)
with StopRequest() as request:
    for step in sys.argv[1:]:
        if step == "wait":
            time.sleep(0.4)
        elif step.startswith("forwarded "):
            forward(int(step.split()[1]), os.getpid())
        else:
            os.kill(os.getpid(), int(step))
print(int(request.signal_number))
"""


@pytest.fixture(autouse=True)
def _default_handlers() -> Iterator[None]:
    """Whoever runs the tests may ignore some signals."""
    before = {number: signal.getsignal(number) for number in ALL_SIGNALS}
    for number in ALL_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ending(*steps: object, **environment: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, "-c", SIGNALS_IN_TURN, *map(str, steps)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return process.returncode, process.stdout.strip()


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_only_leaves_a_note(number: signal.Signals) -> None:
    with StopRequest() as request:
        assert request.signal_number == 0
        os.kill(os.getpid(), number)
        assert request.signal_number == number
    assert request.signal_number == number
    assert stop_signal() == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_interrupts_where_nothing_is_to_be_saved(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as stop, interruptible():
        os.kill(os.getpid(), number)
    assert (stop.value.signal_number, stop.value.code) == (number, 128 + number)
    assert str(stop.value) == f"stopped by {number.name}"


def test_interruption_passes_those_who_catch_errors() -> None:
    with pytest.raises(Interrupted), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            pytest.fail("the interruption was taken for an error")


def test_a_note_outlives_the_request_within_a_larger_context() -> None:
    """Else a signal that came when the training had ended would be forgotten before the test begins."""
    with interruptible():
        with StopRequest():
            os.kill(os.getpid(), signal.SIGTERM)
        with StopRequest() as later:
            assert later.signal_number == signal.SIGTERM


@pytest.mark.parametrize("context", [StopRequest, interruptible])
def test_handlers_come_back_afterwards(context: type) -> None:
    before = [signal.getsignal(number) for number in ALL_SIGNALS]
    with context():
        assert [signal.getsignal(number) for number in ALL_SIGNALS] != before
    assert [signal.getsignal(number) for number in ALL_SIGNALS] == before


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_signal_that_a_process_was_started_to_ignore_stays_ignored(number: signal.Signals) -> None:
    """As nohup does with SIGHUP, and a script with the SIGINT of what it starts in the background."""
    signal.signal(number, signal.SIG_IGN)
    with interruptible():
        os.kill(os.getpid(), number)


def test_outside_of_the_main_thread_there_are_no_signals_to_wait_for() -> None:
    numbers: list[int] = []

    def ask() -> None:
        with StopRequest() as request:
            numbers.append(request.signal_number)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert numbers == [0]


@pytest.mark.parametrize("number", SIGNALS)
def test_forwarded_signal_counts_as_the_one_that_it_stands_for(number: signal.Signals) -> None:
    with StopRequest() as request:
        forward(number, os.getpid())
        assert request.signal_number == number


def test_forwarded_signals_have_numbers_of_their_own() -> None:
    assert sorted(FORWARDED.values()) == sorted(SIGNALS)
    assert not set(FORWARDED) & set(SIGNALS)


TERM, INT = int(signal.SIGTERM), int(signal.SIGINT)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((INT, TERM), (143, "")),  # two requests
        ((TERM, "wait", TERM), (143, "")),
        ((TERM, TERM, int(signal.SIGCONT)), (0, "15")),  # `timeout` signals the process, then its group
        ((TERM, "wait", f"forwarded {TERM}"), (0, "15")),  # the launcher hands on what the group had
        ((f"forwarded {INT}", "wait", f"forwarded {INT}"), (0, "2")),
    ],
)
def test_second_signal_ends_the_process_unless_it_is_the_same_request(
    steps: tuple[object, ...], expected: tuple[int, str]
) -> None:
    assert ending(*steps) == expected


def test_torchrun_may_take_longer_to_hand_a_signal_on() -> None:
    assert ending(TERM, "wait", TERM, LOCAL_RANK="0") == (0, "15")


def test_terminal_that_is_closed_is_no_reason_to_fail() -> None:
    """Its end comes with SIGHUP, and then nothing can be written to it any more."""
    own, others = pty.openpty()
    program = (
        "import signal\n"
        "from slowfast.runtime.command_line import exit_code_of\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "raise SystemExit(exit_code_of(lambda: (print('ready', flush=True), signal.pause())))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{program}"],
        stdin=others, stdout=others, stderr=others, start_new_session=True,
    )  # fmt: skip
    os.close(others)
    while b"ready" not in os.read(own, 1024):
        pass
    os.close(own)
    assert process.wait(20) == 128 + signal.SIGHUP
