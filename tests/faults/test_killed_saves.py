"""Processes that are killed at random moments of a save in the background, each going on from what the last one left."""

from pathlib import Path

import pytest

from tests.engine.test_background_checkpoints import killed_often
from tests.faults.tallies import tell


@pytest.mark.faults
def test_processes_that_are_killed_while_they_write_leave_the_newest_checkpoint_whole(tmp_path: Path) -> None:
    times = 200
    done = killed_often(tmp_path, times=times, seed=2)
    assert done >= times
    tell("processes killed within a save", times, times, f"{done} saves")
