"""Says what a training needs before anything of it is there: python tools/plan.py --cfg FILE.yaml [KEY VALUE ...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Plans a training without its data: parameters, operations, memory of a process, time here and on GPUs, "
        "bytes between processes, and the batch that fits into a given memory. Trains for some iterations on made-up clips.",
    )
    parser.add_argument("--cfg", metavar="FILE", required=True, help="config file (YAML)")
    parser.add_argument("--fit", metavar="SIZE", help="also find what fits into so much memory, such as 24GB")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write all figures here")
    parser.add_argument("--processes", type=_count, metavar="N", help="processes that share the batch (default: as configured)")
    parser.add_argument(
        "--samples", type=_count, metavar="N", help="clips of an epoch (default: as published, where it is known)"
    )
    parser.add_argument("--iterations", type=_count, default=20, metavar="N", help="of the probe that times (default: 20)")
    parser.add_argument("--no-probe", action="store_true", help="do not time anything here")
    parser.add_argument(
        "--flops", type=_positive, default=100e12, metavar="X", help="operations a second of a GPU elsewhere (default: 100e12)"
    )
    parser.add_argument(
        "--efficiency", type=_share, default=0.4, metavar="X", help="part of them that training uses (default: 0.4)"
    )
    parser.add_argument(
        "--bandwidth", type=_positive, default=10.0, metavar="GB/S", help="of the wire between processes (default: 10)"
    )
    add_debug(parser)
    parser.add_pairs("options that replace those of the file")
    return parser.parse_pairs(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.plan import Wanted, make_plan
    from slowfast.commands.plan_fit import parse_size
    from slowfast.commands.plan_table import plan_text
    from slowfast.config import load_config
    from slowfast.runtime.atomic_files import write_json

    wanted = Wanted(
        fit=None if options.fit is None else parse_size(options.fit),
        processes=options.processes,
        samples=options.samples,
        iterations=0 if options.no_probe else options.iterations,
        flops=options.flops,
        efficiency=options.efficiency,
        bandwidth=options.bandwidth * 1e9,
    )
    plan = make_plan(
        lambda more: load_config(options.cfg, [*options.overrides, *more]),
        wanted,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(plan_text(plan))
    if options.json is not None:
        write_json(options.json, plan.facts())


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _share(text: str) -> float:
    number = _positive(text)
    if number > 1:
        raise argparse.ArgumentTypeError(f"{text} is more than all of it, 1")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
