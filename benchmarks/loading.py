"""Loading of clips against PySlowFast's way: processor time, memory, and time with loading processes.

    python benchmarks/loading.py [--folder FOLDER] [--repeats N]
    python benchmarks/loading.py --workers N [N ...] [--clips-per-second G --gpus N]    # clips a second by loading processes

Makes its own videos (a few minutes the first time, kept in FOLDER). Ratios are what counts: both ways take turns in one run,
with the same clips, and each figure is a median.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from loading_as_pyslowfast import Call, Clips, load_clip
from made_up_videos import write_video
from torch.utils.data import DataLoader

from slowfast.datasets.clip_sampling import RandomSpacedClip, RandomStridedClip
from slowfast.datasets.decoding import IndexCache
from slowfast.datasets.labels import ClassLabel
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.samplers import SequentialOrder
from slowfast.datasets.sources import FileSource, GridSource
from slowfast.datasets.transforms import CropFrames, RandomCrop
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.preparation.encoding import Encoding, encode_copy
from slowfast.structures import VideoRecord

CROPS = RandomCrop(smallest=256, largest=320, size=224, inverse=False, flip=True)


@dataclass(frozen=True)
class Setting:
    """One row of the table. frames: which of them a clip takes."""

    name: str
    file: str
    frames: RandomSpacedClip | RandomStridedClip
    grid: int | None

    def source(self, cache: Path) -> FileSource | GridSource:
        files = VideoFiles(indexes=IndexCache(str(cache)))
        return FileSource(files) if self.grid is None else GridSource(self.grid, files)


SHORT, LONG = RandomSpacedClip(8, 8, 30), RandomStridedClip(76, 8)
SETTINGS = (
    Setting("8x8 from 10 s, key every 250", "short_250.mp4", SHORT, None),
    Setting("8x8 from 10 s, key every 12", "short_12.mp4", SHORT, None),
    Setting("76x8 from 30 s, key every 250", "long_250.mp4", LONG, 24),
    Setting("76x8 from 30 s, key every 12", "long_12.mp4", LONG, 24),
)
COPY = Setting("76x8 from 30 s, re-encoded", "long_copy.mp4", LONG, 24)


def make_videos(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, width, height, seconds in (("short", 340, 256, 10), ("long", 480, 360, 30)):
        for gop in (250, 12):
            path = folder / f"{kind}_{gop}.mp4"
            if not path.exists():
                write_video(path, width=width, height=height, seconds=seconds, gop=gop, seed=len(kind))
    if not (folder / COPY.file).exists():
        encode_copy(str(folder / "long_250.mp4"), folder / COPY.file, Encoding(256, 20))


def ours(setting: Setting, folder: Path, cache: Path, number: int) -> torch.Tensor:
    """Clip `number`, as a data set makes it."""
    rng = np.random.default_rng(number)
    video = setting.source(cache).open(str(folder / setting.file))
    frames = setting.frames.frames(video.num_frames, video.fps, 0, rng)
    return torch.from_numpy(video.read(frames, CropFrames(CROPS.draw(0, rng))))


def call_of_theirs(setting: Setting, folder: Path, cache: Path, number: int) -> Call:
    """The same stretch of the video, for `load_clip`."""
    rng = np.random.default_rng(number)
    video = setting.source(cache).open(str(folder / setting.file))
    frames = setting.frames.frames(video.num_frames, video.fps, 0, rng)
    first, last = (round(float(moment) * 30) for moment in video.seconds(frames[[0, -1]]))
    short_side = CROPS.draw(0, rng).short_side
    return Call(str(folder / setting.file), first, last, setting.frames.length, short_side, CROPS.size)


def processor_ms(load: Callable[[int], object], number: int) -> float:
    started = time.process_time()
    load(number)
    return 1000 * (time.process_time() - started)


def compare(setting: Setting, yardstick: Setting, folder: Path, cache: Path, repeats: int) -> tuple[float, float, float]:
    """Median processor time of a clip, in ms: theirs from the yardstick's file, the same with one thread, and ours."""
    rows = []
    for number in range(repeats):
        call = call_of_theirs(yardstick, folder, cache, number)
        ways = (
            functools.partial(load_clip, call),
            functools.partial(load_clip, call, one_thread=True),
            functools.partial(ours, setting, folder, cache),
        )
        rows.append([processor_ms(way, number) for way in ways])
    theirs, kinder, mine = (statistics.median(column) for column in zip(*rows, strict=True))
    return theirs, kinder, mine


def largest_memory(way: str, folder: Path, cache: Path) -> float:
    """MiB that one long clip adds to the largest memory of a fresh process."""
    command = [sys.executable, __file__, "--folder", str(folder), "--cache", str(cache), "--peak-of", way]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(way: str, folder: Path, cache: Path) -> None:
    setting = SETTINGS[2]
    short = SETTINGS[1]
    load = load_clip if way == "theirs" else (lambda call, number: ours(settings[call], folder, cache, number))
    calls = [call_of_theirs(one, folder, cache, 0) for one in (short, setting)]
    settings = dict(zip(calls, (short, setting), strict=True))
    load(calls[0], 0)  # a clip of the short video first, so that libraries have loaded what they load once
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest memory so far
    load(calls[1], 0)
    print(_memory("VmHWM") - before)


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def seconds_with_workers(setting: Setting, folder: Path, cache: Path, clips: int, batch: int) -> tuple[float, float]:
    """Seconds that two loading processes take for long clips: theirs, ours. The first batch is not counted."""
    calls = [call_of_theirs(setting, folder, cache, number) for number in range(clips)]
    theirs = _drain(iter(DataLoader(Clips(calls), batch_size=batch, num_workers=2)))
    records = [VideoRecord(video_id=str(n), path=str(folder / setting.file), source="", label=0) for n in range(clips)]
    dataset = VideoDataset(
        records=records, class_names=("0",), source=setting.source(cache), clips=setting.frames, crops=CROPS,
        labels=ClassLabel(), seed=0, replaces=True,
    )  # fmt: skip
    with ClipLoader(dataset=dataset, order=SequentialOrder(num_samples=clips, batch_size=batch), num_workers=2) as loader:
        return theirs, _drain(loader.batches(0))


def _drain(batches: Iterator[object]) -> float:
    next(batches)
    started = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - started


def table(rows: Sequence[tuple[str, float, float]], unit: str) -> str:
    lines = [f"| what | PySlowFast's way, {unit} | ours, {unit} | ratio |", "| --- | --: | --: | --: |"]
    lines += [f"| {name} | {theirs:.1f} | {mine:.1f} | **{theirs / mine:.1f}** |" for name, theirs, mine in rows]
    return "\n".join(lines)


def table_of_times(rows: Sequence[tuple[str, float, float, float]]) -> str:
    lines = [
        "| ms of processor time a clip | PySlowFast's way | with one thread | ours | ratios |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name, theirs, kinder, mine in rows:
        lines.append(f"| {name} | {theirs:.0f} | {kinder:.0f} | {mine:.0f} | **{theirs / mine:.1f}**, {kinder / mine:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "slowfast_loading")
    parser.add_argument("--cache", type=Path, help="folder of indexes (default: in FOLDER)")
    parser.add_argument("--repeats", type=int, default=15, help="clips a figure")
    parser.add_argument("--clips", type=int, default=24, help="clips for the loading processes; 0: leave them out")
    parser.add_argument("--workers", type=int, nargs="+", help="a table by numbers of loading processes instead")
    parser.add_argument("--turns", type=int, default=3, help="with --workers: turns a figure")
    parser.add_argument("--batches", type=int, default=12, help="with --workers: batches of 8 that are timed a turn")
    parser.add_argument("--clips-per-second", type=float, default=100.0, help="with --workers: that one GPU takes")
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--peak-of", choices=("theirs", "ours"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    cache = args.cache or args.folder / "index"
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if args.peak_of:
        print_peak(args.peak_of, args.folder, cache)
        return
    make_videos(args.folder)
    if args.workers:
        from loading_workers import run  # which takes its settings from here

        run(args.folder, args.workers, args.turns, args.batches, args.clips_per_second, args.gpus)
        return
    pairs = [(setting, setting) for setting in SETTINGS] + [(COPY, SETTINGS[2]), (COPY, COPY)]
    rows = []
    for setting, yardstick in pairs:
        name = setting.name + (", against the original" if setting != yardstick else "")
        rows.append((name, *compare(setting, yardstick, args.folder, cache, args.repeats)))
    print(table_of_times(rows), flush=True)
    print()
    theirs, mine = (largest_memory(way, args.folder, cache) for way in ("theirs", "ours"))
    print(table([("76x8 from 30 s, key every 250", theirs, mine)], "MiB"), flush=True)
    if args.clips:
        print()
        times = [(s.name, *seconds_with_workers(s, args.folder, cache, args.clips, 4)) for s in (*SETTINGS[2:], COPY)]
        print(table(times, f"s for {args.clips - 4} clips, two processes"))
    sizes = (f"{path.name} {path.stat().st_size // 1024}" for path in sorted(args.folder.glob("*.mp4")))
    print("\nKiB:", ", ".join(sizes))


if __name__ == "__main__":
    main()
