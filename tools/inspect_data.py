"""Draws what a network will see: python tools/inspect_data.py --cfg FILE.yaml [--split train] [--num 6] [KEY VALUE ...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description="Draws clips, augmented and cut into steps as in training, on a sheet.")
    parser.add_argument("--cfg", metavar="FILE", required=True, help="config file (YAML)")
    parser.add_argument("--split", default="train", help="train (default), val or test")
    parser.add_argument("--num", type=int, default=6, metavar="N", help="clips to draw (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("sheet.png"), metavar="FILE", help="default: %(default)s")
    add_debug(parser)
    parser.add_pairs("options that replace those of the file")
    options = parser.parse_pairs(arguments)
    if options.num < 1:
        parser.error("--num must be at least 1")
    return options


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.inspect_data import draw_sheet
    from slowfast.config import load_config

    draw_sheet(load_config(options.cfg, options.overrides), split=options.split, num_clips=options.num, path=options.out)
    print(f"drew {options.out}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
