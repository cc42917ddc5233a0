"""Where messages go: those of the main process to the console and to OUTPUT_DIR/stdout.log, those of the others each to a file
of its own, OUTPUT_DIR/logs/rank_00001.log, and to the console only with errors.

Numbers for programs stand in the files alone, one JSON object a line behind the mark `json_stats: `.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import simplejson
from tqdm import tqdm

from slowfast.errors import UserError
from slowfast.runtime.atomic_files import WriteError, make_folder, writing

LOG_FILE = "stdout.log"
STATS_MARK = "json_stats: "
FILE_ONLY = {"file_only": True}
"""As `extra` of a message: it goes to the file, not to the console."""
_FILE_FORMAT = "[%(asctime)s] %(name)s: %(message)s"
_CONSOLE_FORMAT = "[%(asctime)s] %(message)s"

logger = logging.getLogger(__name__)


def setup_logging(output_dir: str | Path, *, rank: int = 0) -> None:
    """Directs the messages of this process, the main one where `rank` is 0; called again, it replaces what it set up before.

    Raises WriteError where OUTPUT_DIR cannot be written to. If that comes to pass later, the run goes on and says so once.
    """
    root = logging.getLogger("slowfast")
    root.propagate = False
    root.setLevel(logging.INFO)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    console = _ConsoleHandler(logging.ERROR if rank else logging.INFO)
    console.setFormatter(logging.Formatter(_CONSOLE_FORMAT, datefmt="%H:%M:%S"))
    root.addHandler(console)
    path = log_path(output_dir, rank)
    make_folder(path.parent)
    with writing(path):
        file = _LogFile(path, console, stands_in=not rank)
    file.setFormatter(logging.Formatter(_FILE_FORMAT, datefmt="%m/%d %H:%M:%S"))
    root.addHandler(file)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = list(root.handlers)


def log_path(output_dir: str | Path, rank: int) -> Path:
    """The log of the process of that rank."""
    return Path(output_dir) / (f"logs/rank_{rank:05}.log" if rank else LOG_FILE)


@contextlib.contextmanager
def failures_in_file() -> Iterator[None]:
    """Writes an error that ends the block into this process's file; who catches it tells it on the console."""
    try:
        yield
    except Exception as error:
        is_users = isinstance(error, UserError)
        logger.error("ended by %s", error if is_users else type(error).__name__, exc_info=not is_users, extra=FILE_ONLY)
        raise


def log_stats(stats: Mapping[str, object]) -> None:
    """Logs numbers as one line of the file.

    Fractions are cut to five significant digits. A number that is not finite, such as the mean precision of no classes, is
    written as null: JSON has no name for it.
    """
    text = simplejson.dumps({key: _tidy(value) for key, value in stats.items()}, ignore_nan=True)
    logger.info("%s%s", STATS_MARK, text, extra=FILE_ONLY)


def read_stats(log_path: str | Path) -> list[dict[str, object]]:
    """The statistics in a log: of each line that holds `json_stats: {...}`, the object; None where it says null.

    A line that a kill or a full disk cut short is passed over: the run that went on has written the same statistics again.
    """
    stats = []
    for line in Path(log_path).read_text(encoding="utf-8", errors="replace").splitlines():
        _, mark, text = line.partition(STATS_MARK)
        if mark:
            try:
                entry = simplejson.loads(text)
            except simplejson.JSONDecodeError:
                continue
            if isinstance(entry, dict):
                stats.append(entry)
    return stats


def of_last_training(stats: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was logged since a training last began at its beginning: a log goes on from run to run."""
    kept: list[Mapping[str, Any]] = []
    for entry in stats:
        if entry.get("_type") == "train_start" and not entry["resumed"]:
            kept = []
        kept.append(entry)
    return kept


def _tidy(value: object) -> object:
    return float(f"{value:.5g}") if isinstance(value, float) else value


class _LogFile(logging.FileHandler):
    """A log in OUTPUT_DIR. Once the disk is full, all lines of the main process go to the console, those of the others nowhere.

    stands_in: whether the console takes the file's place.
    """

    def __init__(self, path: Path, console: _ConsoleHandler, *, stands_in: bool) -> None:
        super().__init__(path, encoding="utf-8")
        self._console = console
        self._stands_in = stands_in
        self._told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            problem = WriteError.at(self.baseFilename, error)
            tqdm.write(f"{problem}; the log {'goes on here, on the console' if self._stands_in else 'ends'}", file=sys.stderr)
            self._console.shows_all = self._stands_in
            if self._stands_in and getattr(record, "file_only", False):  # the console has passed it over
                self._console.emit(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # lines still waiting for room; told above
            super().close()


class _ConsoleHandler(logging.Handler):
    """Writes to stderr, above a progress bar if one is there; `shows_all`: what is for the file as well."""

    shows_all = False

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "file_only", False) and not self.shows_all:
            return
        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except (OSError, ValueError):
            self.handleError(record)
