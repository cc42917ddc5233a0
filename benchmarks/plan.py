"""Memory as `tools/plan.py` foretells it, beside the peak of trainings of the same recipes on this machine's CPU.

    python benchmarks/plan.py [--only NAME ...]

A plan trains with few clips; the truth is a process of its own that trains with all of them, for four iterations. Both
learn from made-up clips, so that no data is needed and no loader takes memory. Compared are growths: the largest
resident memory of the process, as the system counts it, less what it was when all was loaded and no network built
("fixed").
"""

from __future__ import annotations

import argparse
from pathlib import Path

from slowfast.commands.plan import Plan, Wanted, make_plan
from slowfast.commands.plan_process import Measured, measured
from slowfast.config import load_config
from slowfast.runtime.tables import format_table

ROOT = Path(__file__).parents[1]
MIB = 2**20
ITERATIONS = 4

COMMON = "NUM_GPUS 0 DATA_LOADER.NUM_WORKERS 0"
RECIPES = {
    "LongCook/SLOWONLY_EXACT": "TRAIN.BATCH_SIZE 32",
    "LongCook/VIT_PGT": "TRAIN.BATCH_SIZE 64",
    "LongCook/SLOWONLY_CLIP": "TRAIN.BATCH_SIZE 64",
    "Kinetics/X3D_S": "TRAIN.BATCH_SIZE 4 DATA.TRAIN_CROP_SIZE 80",
}
"""By config, what it is trained with here: batches that this CPU takes in seconds, and more clips than a plan trains with."""

HEADER = ("recipe", "clips", "measured with", "tensors", "fixed", "growth, plan", "growth, truth", "plan / truth")


def row(name: str, plan: Plan, truth: Measured) -> list[str | int | float]:
    assert plan.memory.growth is not None, "recipes are trained on the CPU"
    growth = plan.memory.growth(plan.clips)
    few, more = plan.memory.sizes
    sizes = (plan.memory.tensors(plan.clips), truth.fixed_bytes, growth, truth.growth_bytes)
    return [name, plan.clips, f"{few} and {more}", *(round(size / MIB) for size in sizes), growth / truth.growth_bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(RECIPES), choices=RECIPES, help="some of the recipes")
    rows = []
    for name in parser.parse_args().only:
        cfg = load_config(ROOT / "configs" / f"{name}.yaml", [*COMMON.split(), *RECIPES[name].split()])
        plan = make_plan(lambda _, cfg=cfg: cfg, Wanted(iterations=0), tell=lambda text: None)
        truth = measured(cfg, clips=plan.clips, iterations=ITERATIONS, counted=False)
        rows.append(row(name, plan, truth))
        print(format_table(HEADER, rows[-1:]), flush=True)
    print(format_table(HEADER, rows))


if __name__ == "__main__":
    main()
