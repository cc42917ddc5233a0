"""What is written in the background is written one after another, whole, and not without a word when it fails."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from slowfast.runtime.background_writer import BackgroundWriter


class SomeError(Exception):
    pass


def fail() -> None:
    raise SomeError("no room")


def test_work_goes_on_while_something_is_written() -> None:
    writer, go, done = BackgroundWriter(), threading.Event(), []
    writer.start(lambda: done.append(go.wait(10)))
    assert writer.busy
    assert not done
    go.set()
    writer.finish()
    assert done == [True]
    assert not writer.busy


def test_one_thing_is_written_at_a_time_in_the_order_in_which_it_was_asked_for() -> None:
    writer, said = BackgroundWriter(), []

    def write(number: int) -> None:
        said.append(("begins", number))
        time.sleep(0.01)
        said.append(("ends", number))

    for number in range(5):
        writer.start(lambda number=number: write(number))
    writer.finish()
    assert said == [(what, number) for number in range(5) for what in ("begins", "ends")]


@pytest.mark.parametrize("asks", ["start", "check", "finish"])
def test_an_error_is_raised_once_by_whatever_is_asked_next(asks: str) -> None:
    writer = BackgroundWriter()
    writer.start(fail)
    while writer.busy:
        time.sleep(0.001)
    with pytest.raises(SomeError, match="no room"):
        writer.start(lambda: None) if asks == "start" else getattr(writer, asks)()
    writer.finish()


def test_checking_waits_for_nothing() -> None:
    writer, go = BackgroundWriter(), threading.Event()
    writer.start(lambda: (go.wait(10), fail()))
    writer.check()
    go.set()
    with pytest.raises(SomeError):
        writer.finish()


def test_closing_tells_an_error_and_raises_none(caplog: pytest.LogCaptureFixture) -> None:
    writer = BackgroundWriter()
    writer.start(fail)
    with caplog.at_level(logging.ERROR):
        writer.close()
    assert [record.getMessage() for record in caplog.records] == ["no room"]


def test_without_a_background_all_is_written_by_who_asks() -> None:
    writer = BackgroundWriter(background=False)
    with pytest.raises(SomeError):
        writer.start(fail)
    writer.finish()


def test_processes_are_forked_between_writes_only() -> None:
    writer, done = BackgroundWriter(), []
    writer.start(lambda: (time.sleep(0.1), done.append(True)))
    child = os.fork()
    if child == 0:
        os._exit(0 if done and not writer.busy else 1)
    assert os.waitpid(child, 0)[1] == 0


ENDS = """
import sys, time
from slowfast.runtime.background_writer import BackgroundWriter
from slowfast.runtime.atomic_files import write_text
BackgroundWriter().start(lambda: (time.sleep(0.3), write_text(sys.argv[1], "whole")))
sys.exit(3)
"""


def test_a_process_ends_when_all_is_written(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", ENDS, str(tmp_path / "file")], check=False).returncode == 3
    assert (tmp_path / "file").read_text() == "whole"
