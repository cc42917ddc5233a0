"""The first signal leaves a note, the second one ends the process."""

import os
import signal
import subprocess
import sys

import pytest

from slowfast.runtime.interruption import StopRequest

TWO_SIGNALS = """
import os, signal
from slowfast.runtime.interruption import StopRequest
with StopRequest() as request:
    os.kill(os.getpid(), signal.SIGINT)
    print(int(request.signal_number), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_only_leaves_a_note(number: signal.Signals) -> None:
    with StopRequest() as request:
        assert request.signal_number == 0
        os.kill(os.getpid(), number)
        assert request.signal_number == number


def test_handlers_come_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in StopRequest.SIGNALS]
    with StopRequest():
        assert [signal.getsignal(number) for number in StopRequest.SIGNALS] != before
    assert [signal.getsignal(number) for number in StopRequest.SIGNALS] == before


@pytest.mark.parametrize(("launched", "code", "output"), [(False, 143, "2\n"), (True, 0, "2\nstill here\n")])
def test_second_signal_ends_the_process_unless_it_is_an_echo(launched: bool, code: int, output: str) -> None:
    environment = {**os.environ, **({"LOCAL_RANK": "0"} if launched else {})}
    process = subprocess.run([sys.executable, "-c", TWO_SIGNALS], env=environment, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (code, output)
