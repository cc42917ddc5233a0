"""Trains SlowOnly on LongCook in five ways, for the same number of frames: on short clips, with PGT, with PGT and its exact
gradient, end to end, and end to end with activation checkpointing.

python tools/compare.py [--seeds N] [KEY VALUE ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser

CONTENDERS = {
    "short clips": "SLOWONLY_CLIP",
    "PGT": "SLOWONLY_PGT",
    "PGT, exact gradient": "SLOWONLY_EXACT",
    "end to end": "SLOWONLY_END2END",
    "end to end, checkpointed": "SLOWONLY_CHECKPOINTED",
}


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} runs; right would be 1 or more")
    return number


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output-dir", default="runs/compare", metavar="DIR", help="folder for the runs (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=_count, default=3, metavar="N", help="runs of each, with seeds from RNG_SEED on (default: %(default)s)"
    )
    add_debug(parser)
    parser.add_pairs("options that replace those of all configs")
    return parser.parse_pairs(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.compare import compare, comparison_table, with_seeds
    from slowfast.config import load_config

    folder = Path(options.output_dir)
    cfgs = {
        name: with_seeds(
            partial(load_config, f"configs/LongCook/{config}.yaml"),
            ["OUTPUT_DIR", str(folder / config.lower()), *options.overrides],
            count=options.seeds,
        )
        for name, config in CONTENDERS.items()
    }
    print(comparison_table(compare(cfgs, folder)))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
