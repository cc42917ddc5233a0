"""Loading does not gather memory or open files."""

import gc
import os
from pathlib import Path

from slowfast.datasets import build_loader


def open_files():
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


def private_mib():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def test_sixty_clips_leave_no_open_file_and_no_memory_behind(make_cfg):
    loader = build_loader(make_cfg("DATA.TRAIN_JITTER_SCALES", [224, 224], "DATA.TRAIN_CROP_SIZE", 224), "train", batch_size=1)
    for epoch in range(4):
        list(loader.batches(epoch))
    gc.collect()
    gc.disable()  # containers that only the collector would close shall show
    try:
        files, memory = open_files(), private_mib()
        for epoch in range(12):
            for _ in loader.batches(epoch):
                pass
        assert open_files() == files
        assert private_mib() - memory < 8  # a clip that was kept would add 0.6, sixty of them 36
    finally:
        gc.enable()
