"""Three thousand iterations take no more memory, files or threads than three hundred."""

import os
import re
import time
from pathlib import Path

import pytest

from tests.faults.tallies import tell
from tests.faults.trainings import kill_all, start, write_config, write_data
from tests.process_groups import members

pytestmark = pytest.mark.faults

ITERATIONS = 3000


def usage(pid: int) -> tuple[float, int, int] | None:
    """(MB of memory, open files, threads) of a process; None once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except (FileNotFoundError, ProcessLookupError):
        return None
    memory, threads = (re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE) for name in ("VmRSS", "Threads"))
    return (int(memory[1]) / 1024, files, int(threads[1])) if memory and threads else None


def test_three_thousand_iterations_do_not_grow(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data", rows=600), tmp_path / "out"
    process = start(
        write_config(
            data, out, SOLVER__MAX_EPOCH=10, TRAIN__EVAL_PERIOD=1, LOG_PERIOD=50, TRAIN__CHECKPOINT_MINUTES=0.05,
            TENSORBOARD__ENABLE=True,
        )
    )  # fmt: skip
    log = out / "stdout.log"
    seen: list[tuple[float, int, int]] = []
    try:
        while process.poll() is None:
            time.sleep(2)
            done = len(re.findall(r"iteration (\d+) of", log.read_text())) if log.exists() else 0
            if done and (now := usage(process.pid)):
                seen.append(now)
                with (tmp_path / "usage.csv").open("a") as file:
                    file.write(f"{done},{now[0]:.1f},{now[1]},{now[2]}\n")
        said = process.stdout.read()  # type: ignore[union-attr]
        process.wait(60)
    finally:
        left = [pid for pid in members(process.pid) if pid != process.pid]
        kill_all(process)
    assert process.returncode == 0, said[-2000:]
    early, late = seen[len(seen) // 4 : len(seen) // 2], seen[-len(seen) // 4 : -2]
    memory, files, threads = ([max(row[place] for row in rows) for rows in (early, late)] for place in range(3))
    assert memory[1] < memory[0] + 20
    assert files[1] <= files[0] + 1
    assert threads[1] <= threads[0]
    assert not left
    tell(
        f"growth over {ITERATIONS} iterations", 1, 1,
        f"with 10 validations, most in the second and in the last quarter: {memory[0]:.0f} and {memory[1]:.0f} MB, "
        f"{files[0]} and {files[1]} files, {threads[0]} and {threads[1]} threads",
    )  # fmt: skip
