"""Memory of a loader and its two workers over a few thousand clips: it must stay flat.

    python benchmarks/loader_memory.py [--clips N]

Prints the proportional set size (PSS: shared pages count once) of all processes together, and their open files, as it goes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from pathlib import Path

from made_up_videos import write_video

from slowfast.config import load_config
from slowfast.datasets import build_loader

VIDEOS, BATCH = 4, 4


def make_data(folder: Path) -> None:
    for number in range(VIDEOS):
        write_video(folder / f"{number}.mp4", width=340, height=256, seconds=4, gop=12, seed=number)
    # A list of the size of Kinetics, so that what a worker copies of it shows.
    lines = [f"{number % VIDEOS}.mp4 {number % 400}" for number in range(240_000)]
    (folder / "train.csv").write_text("\n".join(lines) + "\n")


def usage() -> tuple[float, int]:
    """(PSS in MiB, open files) of this process and its workers."""
    pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children() if child.pid)]
    pss = sum(_pss_kib(pid) for pid in pids)
    return pss / 1024, sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def _pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder))
        overrides = ["TRAIN.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", folder, "MODEL.NUM_CLASSES", 400]
        cfg = load_config(overrides=[*overrides, "DATA.INDEX_CACHE_DIR", f"{folder}/index"])
        with build_loader(cfg, "train", batch_size=BATCH, num_workers=2) as loader:
            print("clips  PSS, MiB  open files")
            for number, _ in enumerate(loader.batches(0)):
                done = BATCH * (number + 1)
                if done == 100 or done % (args.clips // 5) == 0:
                    print("{:5}  {:8.1f}  {:10}".format(done, *usage()), flush=True)
                if done >= args.clips:
                    break


if __name__ == "__main__":
    main()
