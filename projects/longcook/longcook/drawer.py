"""A process that draws: what `longcook.drawing` starts. Imports little, so that it is at work at once."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys

import cv2

from longcook.film import write_film
from slowfast.runtime.interruption import SIGNALS


def main() -> None:
    """Reads (folder, films) from the input, and writes a line for each film, {"drawn": path}, or {"error": text} at the end."""
    # Signals are for the process that asked, which ends this one; should it be gone, the next line cannot be written.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)
    folder, films = pickle.load(sys.stdin.buffer)
    try:
        for film in films:
            try:
                write_film(folder, film)
            except OSError as error:
                _report(error=str(error))
                return
            _report(drawn=film.path)
    except BrokenPipeError:
        os._exit(1)  # at a normal end Python would try to write to the pipe again


def _report(**what: str) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
