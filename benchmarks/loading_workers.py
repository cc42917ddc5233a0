"""Clips a second by number of loading processes, and how many of them a GPU needs: `loading.py --workers N ...`.

Every turn starts a loader of its own, in another order of rows each time, and reads on until each process has used up what it
reads ahead before the clock starts. Figures are medians of the turns.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from loading import CROPS, LONG, SHORT

from slowfast.datasets.clip_sampling import RandomSpacedClip, RandomStridedClip
from slowfast.datasets.decoding import IndexCache
from slowfast.datasets.frame_folder import FrameFolderSource
from slowfast.datasets.labels import ClassLabel
from slowfast.datasets.lane_loader import LaneLoader
from slowfast.datasets.lanes import TrainingLanes
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import ShuffledOrder
from slowfast.datasets.sources import FileSource
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.datasets.whole_videos import WholeVideos
from slowfast.structures import VideoRecord

VIDEOS, BATCH, PIECES, PIECE_FRAMES = 64, 8, 5, 8
ROWS = ("8x8", "76x8", "whole videos")


def workers_needed(clips_per_second: float, per_worker: float) -> int:
    """Loading processes that one GPU needs."""
    return math.ceil(clips_per_second / per_worker)


def make_pictures(video: Path) -> Path:
    """A folder with the frames of a video as JPEG files."""
    folder = video.with_suffix("")
    if not (folder / "done").exists():
        folder.mkdir(exist_ok=True)
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                cv2.imwrite(str(folder / f"{number:06}.jpg"), frame.to_ndarray(format="bgr24"))
        (folder / "done").touch()
    return folder


def build(row: str, pictures: bool, folder: Path, workers: int, batches: int) -> ClipLoader | LaneLoader:
    """row: of ROWS. batches: that an epoch has at least."""
    file = folder / ("short_12.mp4" if row == "8x8" else "long_12.mp4")
    source: FileSource | FrameFolderSource
    if pictures:
        names = sorted(path.name for path in make_pictures(file).glob("*.jpg"))
        source = FrameFolderSource(frames={str(file): names}, prefix=str(file.with_suffix("")), fps=30)
    else:
        source = FileSource(VideoFiles(indexes=IndexCache(str(folder / "index"))))
    whole = row == "whole videos"
    rule: RandomSpacedClip | RandomStridedClip = SHORT if row == "8x8" else LONG
    videos = VIDEOS if whole else max(VIDEOS, batches * BATCH)
    dataset = VideoDataset(
        records=[VideoRecord(video_id=str(n), path=str(file), source="", label=0) for n in range(videos)],
        class_names=("0",), source=source, clips=rule, crops=CROPS, labels=ClassLabel(), seed=0, replaces=True,
    )  # fmt: skip
    if not whole:
        order = ShuffledOrder(num_samples=len(dataset), batch_size=BATCH, seed=0)
        return ClipLoader(dataset=dataset, order=order, num_workers=workers)
    pieces = WholeVideos(dataset, piece_frames=PIECE_FRAMES)
    return LaneLoader(pieces, TrainingLanes(lengths=pieces.lengths, lanes=BATCH, pieces=PIECES, seed=0), num_workers=workers)


def in_shared_memory() -> int:
    there = os.statvfs("/dev/shm")
    return (there.f_blocks - there.f_bfree) * there.f_frsize


def memory_of_children() -> float:
    """MiB (PSS) of a loading process, on average."""
    texts = [Path(f"/proc/{child.pid}/smaps_rollup").read_text() for child in multiprocessing.active_children()]
    found = [int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("Pss:")]
    return statistics.mean(found) / 1024


def turn(row: str, pictures: bool, folder: Path, workers: int, timed: int) -> tuple[float, float, float, float]:
    """Clips a second, seconds to the first batch, MB in shared memory at most, MiB of a process."""
    before, warm = in_shared_memory(), 2 * workers + 1
    with build(row, pictures, folder, workers, warm + timed + 2 * workers + 1) as loader:
        started = time.perf_counter()
        batches = loader.batches(0)
        next(batches)
        first = time.perf_counter() - started
        most = 0
        for _ in range(warm - 1):
            next(batches)
        started = time.perf_counter()
        for _ in range(timed):
            next(batches)
            most = max(most, in_shared_memory() - before)
        seconds = time.perf_counter() - started
        time.sleep(1 + seconds / timed * 2)  # a GPU that is slower: processes read ahead as far as they may
        most, memory = max(most, in_shared_memory() - before), memory_of_children()
        batches.close()  # type: ignore[attr-defined]
    return timed * BATCH / seconds, first, most / 1e6, memory


def run(folder: Path, workers: Sequence[int], turns: int, timed: int, clips_per_second: float, gpus: int) -> None:
    jobs = [(row, pictures, count) for row in ROWS for pictures in (False, True) for count in workers]
    found: dict[tuple[str, bool, int], list[tuple[float, float, float, float]]] = {job: [] for job in jobs}
    for number in range(turns):
        for place in np.random.default_rng(number).permutation(len(jobs)).tolist():
            row, pictures, count = jobs[place]
            found[jobs[place]].append(turn(row, pictures, folder, count, timed))
    print("| what | processes | clips a second | a process | first batch, s | /dev/shm, MB | MiB a process |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    best: dict[str, float] = {}
    for (row, pictures, count), results in found.items():
        name = f"{row}, {'JPEG folders' if pictures else 'H.264'}"
        rate, first, shared, memory = (statistics.median(column) for column in zip(*results, strict=True))
        best[name] = max(best.get(name, 0.0), rate / count)
        print(f"| {name} | {count} | {rate:.1f} | {rate / count:.1f} | {first:.2f} | {shared:.0f} | {memory:.0f} |")
    print(
        f"\nA GPU that takes {clips_per_second:g} clips a second needs ceil({clips_per_second:g} / clips a process) processes:"
    )
    for name, rate in best.items():
        need = workers_needed(clips_per_second, rate)
        print(f"- {name}: {need} (DATA_LOADER.NUM_WORKERS {need}); {gpus} GPUs: {need * gpus} and {gpus} cores more")
