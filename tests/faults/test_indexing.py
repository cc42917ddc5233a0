"""Several processes that index one folder of videos at once, one of which is killed again and again."""

import multiprocessing
import pickle
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from slowfast.datasets.decoding import IndexCache, read_index
from slowfast.datasets.decoding.index_cache import pack
from tests.datasets.videos import write_video
from tests.faults.tallies import tell

pytestmark = pytest.mark.faults

VIDEOS = 200


def read_all(cache: IndexCache, paths: list[str], results: Any) -> None:
    indexes = [pack(cache.read(path), {}) for path in paths]
    if results is not None:
        results.put(indexes)


def test_four_processes_index_one_folder_while_others_are_killed(tmp_path: Path) -> None:
    whole = [write_video(tmp_path / f"whole{number}.mp4", 20 + number) for number in range(4)]
    paths = []
    for number in range(VIDEOS):
        paths.append(str(tmp_path / f"{number:03d}.mp4"))
        shutil.copy(whole[number % 4], paths[-1])
    wanted = [pack(read_index(path), {}) for path in paths]
    cache, context = IndexCache(str(tmp_path / "cache")), multiprocessing.get_context("fork")
    results = context.Queue()
    copies = [pickle.loads(pickle.dumps(cache)) for _ in range(4)]
    processes = [context.Process(target=read_all, args=(copy, paths, results)) for copy in copies]
    for process in processes:
        process.start()
    killed = 0
    for number in range(10):
        victim = context.Process(target=read_all, args=(cache, paths[number * 20 :] + paths[: number * 20], None))
        victim.start()
        time.sleep(0.02 * number)
        victim.kill()
        victim.join(60)
        killed += victim.exitcode == -signal.SIGKILL
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert all(indexes == wanted for indexes in found)
    assert [pack(cache.read(path), {}) for path in paths] == wanted
    entries = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(entries) <= VIDEOS + killed  # a killed process may leave the file that it was writing
    tell("indexing at once", 4 + killed, 4 + killed, f"4 processes, {killed} others killed, {len(entries)} files in the cache")
