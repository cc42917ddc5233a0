"""Memory as `tools/plan.py` foretells it, beside the peak of real trainings of the same recipes on this machine's CPU.

    python benchmarks/plan.py [--only NAME ...]

A plan is made without a probe. The truth is the largest resident memory, as the system counts it, of `tools/run_net.py` in a
process of its own that trains for two epochs, reads real files, and neither validates nor tests. Growth is what lies above the
memory of a process that has loaded everything but built no network, as the plan found it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import made_up_videos

from slowfast.commands.plan import Plan, Wanted, make_plan
from slowfast.config import load_config
from slowfast.runtime.tables import format_table

ROOT = Path(__file__).parents[1]
MIB = 2**20

COMMON = "NUM_GPUS 0 DATA_LOADER.NUM_WORKERS 0 SOLVER.MAX_EPOCH 2 TEST.ENABLE False TRAIN.EVAL_PERIOD 0"
LONGCOOK = "LONGCOOK.NUM_TRAIN 64 LONGCOOK.NUM_VAL 2 LONGCOOK.NUM_TEST 2"
SMALL = "DATA.TRAIN_CROP_SIZE 112 DATA.TRAIN_JITTER_SCALES [112,128]"
RECIPES = {
    "LongCook/SLOWONLY_EXACT": f"TRAIN.BATCH_SIZE 64 {LONGCOOK}",
    "LongCook/VIT_PGT": f"TRAIN.BATCH_SIZE 64 {LONGCOOK}",
    "LongCook/SLOWONLY_CLIP": f"TRAIN.BATCH_SIZE 64 {LONGCOOK}",
    "Kinetics/SLOWONLY": f"TRAIN.BATCH_SIZE 4 {SMALL}",
}
"""By config, what it is trained with here: batches that this CPU takes in seconds, and more clips than a plan trains with."""

VIDEOS = 4
"""Of Kinetics' list, all of them the same file."""


def truth(config: str, words: Sequence[str], folder: Path) -> int:
    """Bytes."""
    command = [sys.executable, "tools/run_net.py", "--cfg", config, *words, "OUTPUT_DIR", str(folder / "run")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit((folder / "log").read_text()[-2000:])
    return used.ru_maxrss * 2**10


def kinetics(folder: Path) -> None:
    made_up_videos.write_video(folder / "a.mp4", width=170, height=128, seconds=3, gop=30, seed=0)
    for split in ("train", "val", "test"):
        (folder / f"{split}.csv").write_text(f"{folder}/a.mp4 0\n" * VIDEOS)


def row(name: str, plan: Plan, peak: int) -> list[str | int | float]:
    foretold = plan.memory.process(plan.clips) or 0
    fixed = plan.memory.fixed
    growth, true_growth = foretold - fixed, peak - fixed
    return [
        name,
        f"{plan.clips} ({plan.memory.sizes[0]}, {plan.memory.sizes[1]})",
        plan.memory.tensors(plan.clips) / MIB,
        foretold / MIB,
        peak / MIB,
        f"{foretold / peak - 1:+.1%}",
        growth / MIB,
        true_growth / MIB,
        f"{growth / true_growth - 1:+.1%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(RECIPES), choices=RECIPES, help="some of the recipes")
    parser.add_argument("--data", type=Path, help="folder for videos; kept (default: a new one, which is not)")
    options = parser.parse_args()
    head = ["recipe", "clips (measured)", "tensors", "plan", "truth", "", "growth, plan", "truth", ""]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or Path(scratch)
        (data / "kinetics").mkdir(parents=True, exist_ok=True)
        kinetics(data / "kinetics")
        for name in options.only:
            config, source = f"configs/{name}.yaml", data / name.partition("/")[0].lower()
            words = [*COMMON.split(), *RECIPES[name].split(), "DATA.PATH_TO_DATA_DIR", str(source)]
            own = load_config(ROOT / config, words)
            plan = make_plan(lambda more, own=own: own, Wanted(iterations=0), tell=lambda text: None)
            folder = Path(tempfile.mkdtemp(dir=scratch))
            rows.append(row(name, plan, truth(config, words, folder)))
            print(format_table(head, rows[-1:]), flush=True)
    print(format_table(head, rows, decimals=0))


if __name__ == "__main__":
    main()
