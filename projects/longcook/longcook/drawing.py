"""Draws films, in several processes if asked to, which never run the script that asked for them.

A process that `multiprocessing` spawns imports the main script again. A script that trains without
`if __name__ == "__main__":` would begin another training there and wait for the lock that the first one holds. The processes
here run `longcook.drawer` and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from longcook.film import Film, write_film
from slowfast.datasets.errors import DatasetError

_COMMAND = (sys.executable, "-P", "-c", "from longcook.drawer import main; main()")


def draw_films(folder: Path, films: Sequence[Film], num_processes: int) -> Iterator[str]:
    """Draws all films into the folder; yields the path of each once it is in its place, in no stated order.

    Raises DatasetError when the folder cannot be written, or when a process ends before its films are drawn.
    """
    if num_processes > 1:
        yield from _draw_in_processes(folder, films, min(num_processes, len(films)))
        return
    for film in films:
        try:
            write_film(folder, film)
        except OSError as error:
            raise not_written(folder, error) from error
        yield film.path


def not_written(folder: Path, error: object) -> DatasetError:
    return DatasetError(
        path=str(folder),
        found=f"LongCook cannot be written here: {error}",
        expected="a folder that this user may write to, on a disk with room",
    )


def _draw_in_processes(folder: Path, films: Sequence[Film], num_processes: int) -> Iterator[str]:
    reading, writing = os.pipe()  # all processes write to it: lines as short as theirs are written whole
    drawers: list[subprocess.Popen[bytes]] = []
    try:
        with os.fdopen(reading, encoding="utf-8") as reports:
            try:
                drawers.extend(_start(writing) for _ in range(num_processes))
            finally:
                os.close(writing)  # else the reports would never end
            for number, drawer in enumerate(drawers):
                _hand_over(drawer, folder, films[number::num_processes])
            for line in reports:
                report = json.loads(line)
                if "error" in report:
                    raise not_written(folder, report["error"])
                yield report["drawn"]
        if failed := [drawer.returncode for drawer in drawers if drawer.wait() != 0]:
            raise DatasetError(
                path=str(folder),
                found=f"a process that drew LongCook ended early, with exit code {failed[0]}",
                expected="another start, which goes on from here",
            )
    finally:
        for drawer in drawers:
            drawer.kill()
            drawer.wait()


def _start(output: int) -> subprocess.Popen[bytes]:
    # What this process can import, its processes must find too: a script may have added folders.
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=output, env={**os.environ, "PYTHONPATH": paths})


def _hand_over(drawer: subprocess.Popen[bytes], folder: Path, films: Sequence[Film]) -> None:
    assert drawer.stdin is not None
    with contextlib.suppress(BrokenPipeError), drawer.stdin as file:  # broken: it has ended, as its exit code will tell
        pickle.dump((folder, films), file)
