"""Finds persons in the keyframes of videos, with detectron2: python tools/detect_persons.py VIDEOS --out BOXES.csv"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Writes the boxes of the persons at every second of videos, in the format of AVA's predicted boxes. Needs "
        "detectron2.",
    )
    parser.add_argument("media", type=Path, metavar="DIR", help="folder with ID.mp4 or ID/ID_000001.jpg and so on")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the csv file to write")
    parser.add_argument("--threshold", type=float, default=0.5, help="scores below it are left out (default: %(default)s)")
    add_debug(parser)
    parser.add_pairs("options of your own data, such as AVA.START_SECOND 0 AVA.FPS 25")
    return parser.parse_pairs(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.detect_persons import PersonDetection, detect_persons
    from slowfast.commands.eval_ava import times_of

    times = times_of(options.overrides)
    count = detect_persons(PersonDetection(media=options.media, out=options.out, threshold=options.threshold, times=times))
    print(f"wrote {options.out}: {count} boxes")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
