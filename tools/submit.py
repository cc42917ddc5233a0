"""Submits trainings to a cluster with Slurm, or runs them on this machine in the same way: several configs, several seeds.

python tools/submit.py --cfg FILE.yaml [--cfg ...] --nodes 2 --gpus-per-node 8 --time 24h [--seeds N] [--local] [KEY VALUE ...]

Each run has a folder RECIPE_seedN below --output-dir. A job that is announced its end, by preemption or as its time is over,
saves and is put back into the queue. The same command again leaves alone what is finished or in the queue, and goes on with the
rest. python tools/submit.py --show DIR prints what became of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}; right would be 1 or more")
    return number


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.lstrip("-").partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text}; right would be NAME=VALUE, such as account=lab")
    return name.replace("-", "_"), value


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cfg", action="append", default=[], dest="cfgs", metavar="FILE", help="config file; may stand several times"
    )
    parser.add_argument(
        "--output-dir", default="runs/submitted", metavar="DIR", help="folder for the runs (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=_count, default=1, metavar="N", help="runs of each config, with seeds from RNG_SEED on")
    parser.add_argument("--nodes", type=_count, default=1, metavar="N", help="machines of a run (default: %(default)s)")
    parser.add_argument("--gpus-per-node", type=int, metavar="N", help="GPUs of a machine (default: as many as this one has)")
    parser.add_argument("--partition", default="", metavar="NAME", help="of Slurm (default: the cluster's own)")
    parser.add_argument(
        "--time", default="24h", metavar="TIME", help="of a job, until it is put back: 24h, 90m, 1d12h (default: 24h)"
    )
    parser.add_argument(
        "--slurm", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="a further option of sbatch"
    )
    parser.add_argument("--local", action="store_true", help="run on this machine, one after the other, without Slurm")
    parser.add_argument("--wait", action="store_true", help="wait until no run is in the queue any more")
    parser.add_argument("--show", metavar="DIR", help="only print what became of the runs that were submitted to DIR")
    add_debug(parser)
    parser.add_pairs("options that replace those of all configs")
    options = parser.parse_pairs(arguments)
    if bool(options.cfgs) == bool(options.show):
        parser.error("right would be either --cfg FILE or --show DIR")
    if options.show and options.overrides:
        parser.error(f"--show {options.show} only looks; right would be no {options.overrides[0]} behind it")
    if options.gpus_per_node is not None and options.gpus_per_node < 0:
        parser.error(f"--gpus-per-node {options.gpus_per_node}; right would be 0, which is the CPU, or more")
    return options


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.submit import load_configs, machines_for, minutes_of, plan, show, submit_and_tell

    if options.show:
        print(show(Path(options.show)))
        return
    minutes = minutes_of(options.time)
    cfgs = load_configs(options.cfgs, options.overrides)
    machines = machines_for(
        cfgs.values(),
        gpus=options.gpus_per_node,
        nodes=options.nodes,
        minutes=minutes,
        partition=options.partition,
        slurm=dict(options.slurm),
    )
    folder = Path(options.output_dir)
    runs = plan(cfgs, options.overrides, seeds=options.seeds, folder=folder, machines=machines)
    submit_and_tell(runs, folder, machines, local=options.local, waits=options.wait)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
