"""What a video file really has: found out by indexing it and decoding frames, many files at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from slowfast.datasets.decoding import check_frames, decode_frames, read_index
from slowfast.datasets.decoding.opening import open_video
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.same_file import missing
from slowfast.runtime.atomic_files import writing

PROBES = "probes.jsonl"

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is known of one file. height, width: of its pictures, upright. problem: why it cannot be read; then the rest is 0.

    size and modified_ns tell whether the file is still the one that was probed.
    """

    path: str
    size: int
    modified_ns: int
    num_frames: int = 0
    duration_sec: float = 0.0
    fps: float = 0.0
    height: int = 0
    width: int = 0
    codec: str = ""
    problem: str = ""


def probe_video(path: str, *, every_frame: bool = False) -> Probe:
    """Opens a file, counts its frames and decodes the first and the last, or every frame. What is wrong with it is said in the
    result, not raised."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - paths are texts here, as decoders want them
    except (OSError, ValueError) as error:  # a ValueError where the operating system has no such names
        reason = f"the file cannot be opened ({getattr(error, 'strerror', error)})"
        if isinstance(error, FileNotFoundError):
            reason = missing(path)
        return Probe(path=path, size=0, modified_ns=0, problem=reason)
    same = partial(Probe, path=path, size=stat.st_size, modified_ns=stat.st_mtime_ns)
    try:
        index = read_index(path)
        with open_video(path) as (_, stream):
            codec = stream.codec_context.name
        frames = decode_frames(path, index, [0, index.num_frames - 1])
        if every_frame:
            check_frames(path, index)
    except DecodeError as error:
        return same(problem=error.reason)
    return same(
        num_frames=index.num_frames,
        duration_sec=index.duration_sec,
        fps=index.fps,
        height=frames.shape[1],
        width=frames.shape[2],
        codec=codec,
    )


def probe_all(paths: Sequence[str], *, jobs: int, notebook: Path | None = None) -> dict[str, Probe]:
    """The probe of each path. With a `notebook`, results are noted there at once, and taken from it where a file has not
    changed since, so that an interrupted call goes on where it stopped."""
    known = {} if notebook is None else _read_notebook(notebook)
    probes = {path: known[path] for path in paths if path in known and _is_current(known[path])}
    unknown = [path for path in dict.fromkeys(paths) if path not in probes]
    for path, probe in in_parallel(probe_video, unknown, jobs=jobs, title="Probing"):
        probes[path] = probe
        if notebook is not None:
            _note(notebook, probe)
    return probes


def _is_current(probe: Probe) -> bool:
    try:
        stat = os.stat(probe.path)  # noqa: PTH116
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (probe.size, probe.modified_ns)


def _note(notebook: Path, probe: Probe) -> None:
    with writing(notebook), notebook.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(probe), ensure_ascii=True) + "\n")


def _read_notebook(notebook: Path) -> dict[str, Probe]:
    try:
        lines: Iterable[str] = notebook.read_text(encoding="utf-8").splitlines()
    except OSError:  # all are probed again
        return {}
    return {probe.path: probe for line in lines if (probe := _parse(line)) is not None}


def _parse(line: str) -> Probe | None:
    """None for a line that an interrupt cut off, or that another version wrote."""
    try:
        content: Any = json.loads(line)
        return Probe(**content)
    except (ValueError, TypeError):
        return None


def in_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int, title: str
) -> Iterator[tuple[Item, Result]]:
    """(item, work(item)), each as soon as it is ready. An exception, an interrupt too, drops what has not begun.

    Threads are enough: decoders and encoders let go of Python's lock while they work.
    """
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        waiting = {pool.submit(work, item): item for item in items}
        for future in tqdm(as_completed(waiting), total=len(items), desc=title, unit="video", disable=not items):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
