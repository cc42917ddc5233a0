"""Decoding of clips with torchcodec against our own: the same frames, processor time of one thread, pixels compared.

    pip install --no-deps torchcodec    # the version that belongs to the PyTorch that is installed; needs FFmpeg's libraries
    python benchmarks/loading_torchcodec.py [--folder FOLDER] [--repeats N]

The videos are those of `loading.py`. Frames are chosen and cut out by our rules in all ways. torchcodec looks through a file
whenever it opens one (`exact`), relies on its header (`approximate`), or is given the stamps of all frames from our index
(`mappings`), as ours has them from its cache. Ways take turns, in another order each time; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from loading import CROPS, SETTINGS, Setting, make_videos, ours, processor_ms
from torchcodec.decoders import VideoDecoder

from slowfast.datasets.decoding import VideoIndex
from slowfast.datasets.sources import FileVideo, GridVideo
from slowfast.datasets.transforms import CropFrames

WAYS = ("exact", "approximate", "mappings")


def theirs(setting: Setting, folder: Path, cache: Path, mappings: dict[str, str], way: str, number: int) -> torch.Tensor:
    """Clip `number` as `loading.ours` makes it, uint8 (T, H, W, 3), decoded by torchcodec."""
    rng = np.random.default_rng(number)
    path = str(folder / setting.file)
    video = setting.source(cache).open(path)
    wanted = _in_file(video, setting.frames.frames(video.num_frames, video.fps, 0, rng))
    crop = CropFrames(CROPS.draw(0, rng))
    decoder = VideoDecoder(
        path,
        dimension_order="NHWC",
        num_ffmpeg_threads=1,
        **({"custom_frame_mappings": mappings[path]} if way == "mappings" else {"seek_mode": way}),
    )
    pictures = decoder.get_frames_at(wanted.tolist()).data.numpy()
    clip = np.empty((len(pictures), *crop.output_size(*pictures.shape[1:3]), 3), np.uint8)
    for picture, out in zip(pictures, clip, strict=True):
        crop(picture, out)
    return torch.from_numpy(clip)


def _in_file(video: FileVideo | GridVideo, frames: np.ndarray) -> np.ndarray:
    """Frames of a video as numbers of the file's own."""
    return video.index.on_grid(frames, video.fps) if isinstance(video, GridVideo) else frames


def mapping_of(index: VideoIndex) -> str:
    """The stamps of all frames as torchcodec wants them."""
    ends = np.append(index.pts[1:], index.end)
    keys = set(index.key_pts.tolist())
    stamps = zip(index.pts.tolist(), (ends - index.pts).tolist(), strict=True)
    return json.dumps({"frames": [{"pts": pts, "duration": lasts, "key_frame": int(pts in keys)} for pts, lasts in stamps]})


def compare(setting: Setting, folder: Path, cache: Path, repeats: int) -> tuple[dict[str, float], int]:
    """Median processor time of a clip by way, in ms, and the largest difference of a pixel between ours and theirs."""
    path = str(folder / setting.file)
    mappings = {path: mapping_of(setting.source(cache).open(path).index)}
    loads: dict[str, Callable[[int], torch.Tensor]] = {"ours": lambda number: ours(setting, folder, cache, number)}
    for way in WAYS:
        loads[way] = lambda number, way=way: theirs(setting, folder, cache, mappings, way, number)
    worst = 0
    for way in WAYS:  # which is a turn without a clock as well
        worst = max(worst, int((loads[way](0).int() - loads["ours"](0).int()).abs().max()))
    times: dict[str, list[float]] = {way: [] for way in loads}
    for number in range(repeats):
        for way in np.random.default_rng((1, number)).permutation(list(loads)).tolist():
            times[way].append(processor_ms(loads[way], number))
    return {way: statistics.median(found) for way, found in times.items()}, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "slowfast_loading")
    parser.add_argument("--repeats", type=int, default=15, help="clips a figure")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    make_videos(args.folder)
    print("| ms of processor time a clip | ours | exact | approximate | mappings | best of them / ours | largest difference |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for setting in SETTINGS:
        times, worst = compare(setting, args.folder, args.folder / "index", args.repeats)
        best = min(times[way] for way in WAYS) / times["ours"]
        print(f"| {setting.name} | " + " | ".join(f"{time:.0f}" for time in times.values()) + f" | **{best:.2f}** | {worst} |")


if __name__ == "__main__":
    main()
