"""Finds persons in the keyframes of videos: python tools/detect_persons.py VIDEOS --out BOXES.csv"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Writes the boxes of the persons at every second of videos, in the format of AVA's predicted boxes, by "
        "torchvision or detectron2.",
    )
    parser.add_argument("media", type=Path, metavar="DIR", help="folder with ID.mp4 or ID/ID_000001.jpg and so on")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the csv file to write")
    parser.add_argument("--threshold", type=float, default=0.5, help="scores below it are left out (default: %(default)s)")
    parser.add_argument(
        "--detector",
        choices=("auto", "detectron2", "torchvision"),
        default="auto",
        help="whose detector (default: auto, detectron2 where it is installed, else torchvision)",
    )
    parser.add_argument(
        "--model", default="", metavar="NAME", help="another of its models (an unknown name tells which there are)"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights of the model (default: the detector fetches them)"
    )
    add_debug(parser)
    parser.add_pairs("options of your own data, such as AVA.START_SECOND 0 AVA.FPS 25, or NUM_GPUS 0 to compute on the CPU")
    return parser.parse_pairs(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.detect_persons import Detector, PersonDetection, detect_persons, settings_of

    times, device = settings_of(options.overrides)
    wanted = PersonDetection(
        media=options.media,
        out=options.out,
        threshold=options.threshold,
        times=times,
        detector=Detector(package=options.detector, model=options.model, weights=options.weights),
        device=device,
    )
    count = detect_persons(wanted)
    print(f"wrote {options.out}: {count} boxes")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
