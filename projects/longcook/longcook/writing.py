"""Writes LongCook to a folder: atomically, and once, however many processes ask for it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import portalocker
from tqdm import tqdm

from longcook.drawing import draw_films, not_written
from longcook.film import Contents, Film
from longcook.formats import ava, charades, kinetics
from longcook.manifest import (
    MANIFEST,
    Recipe,
    is_complete,
    read_manifest,
    refuse_other_content,
    write_manifest,
)
from slowfast.runtime.atomic_files import writing

logger = logging.getLogger(__name__)

_FORMATS: dict[str, Callable[[Recipe], Contents]] = {
    "charades": charades.contents,
    "kinetics": kinetics.contents,
    "ava": ava.contents,
    "hour": charades.hour_contents,
}

_PATIENCE_SEC = 3600.0  # how long to wait for another process that is writing the same folder


def write_longcook(folder: str | Path, recipe: Recipe, *, num_processes: int) -> None:
    """Makes `folder` a LongCook folder of that recipe; returns at once if it is one already.

    Everything is built in a hidden folder beside it. After an interruption the next call goes on there. Processes that call
    at the same time wait for the first. Raises DatasetError if the folder holds anything else, LongCook of another recipe
    included, or cannot be written.
    """
    folder = Path(folder).resolve()
    if is_complete(folder, recipe):
        return
    refuse_other_content(folder, recipe)
    with _only_writer(folder), writing(folder):
        if is_complete(folder, recipe):  # somebody else wrote it while this process waited
            return
        workshop = _open_workshop(folder, recipe)
        contents = _FORMATS[recipe.format](recipe)
        _write_films(contents.films, workshop, num_processes)
        for name, text in contents.texts.items():
            (workshop / name).parent.mkdir(parents=True, exist_ok=True)
            (workshop / name).write_text(text)
        write_manifest(workshop, recipe, finished=True)
        _hand_over(workshop, folder)


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Holds a lock beside the folder; the system drops it when its holder dies, so none is ever stale."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = portalocker.Lock(
            folder.with_name(f".{folder.name}.lock"), "a", check_interval=0.25,
            flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING,
        )  # fmt: skip
        try:
            lock.acquire(timeout=0)
        except portalocker.AlreadyLocked:
            logger.info("another process is writing LongCook to %s; waiting for it", folder)
            lock.acquire(timeout=_PATIENCE_SEC)
    except (OSError, portalocker.LockException) as error:
        raise not_written(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _open_workshop(folder: Path, recipe: Recipe) -> Path:
    """The hidden folder to build in, with what an interrupted call has left of the same recipe."""
    workshop = folder.with_name(f".{folder.name}.partial")
    content = read_manifest(workshop)
    if content is None or content["recipe"] != recipe.facts():
        shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(parents=True, exist_ok=True)
    for left in workshop.rglob("*.tmp"):
        left.unlink()
    write_manifest(workshop, recipe, finished=False)
    return workshop


def _write_films(films: Sequence[Film], folder: Path, num_processes: int) -> None:
    missing = [film for film in films if not (folder / film.path).exists()]
    for _ in tqdm(draw_films(folder, missing, num_processes), total=len(missing), desc="Drawing LongCook", unit="video"):
        pass


def _hand_over(workshop: Path, folder: Path) -> None:
    if not folder.exists():
        workshop.rename(folder)
        return
    # An empty folder (perhaps a mount on another disk) or a damaged copy: file by file, the manifest last.
    for path in sorted(workshop.rglob("*"), key=lambda path: path.name == MANIFEST):
        target = folder / path.relative_to(workshop)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.move(path, target)
    shutil.rmtree(workshop)
