"""Writes a film of what several networks say of one video: python tools/watch.py --weights TITLE=FILE TITLE=FILE -- VIDEO"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def _titled(text: str) -> tuple[str, Path]:
    title, _, path = text.rpartition("=")
    if not title or not path:
        raise argparse.ArgumentTypeError(f"{text!r}; right would be TITLE=FILE, such as 'short clips=runs/longcook_clip'")
    return title, Path(path)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Writes an mp4 file with a video, its sound, and below it a panel for each network: its scores over time, "
        "running past a line that stands for now, and the events that it finds. All panels have the same classes."
    )
    parser.add_argument("video", metavar="VIDEO", help="a video file")
    parser.add_argument(
        "--weights",
        nargs="+",
        required=True,
        type=_titled,
        metavar="TITLE=FILE",
        help="weights as tools/predict.py takes them, and what stands above their panel",
    )
    parser.add_argument("--out", type=Path, default=Path("watch.mp4"), metavar="FILE", help="film to write (watch.mp4)")
    parser.add_argument("--classes", type=lambda text: text.split(","), metavar="A,B", help="only these classes (all)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="(auto: a GPU if there is one)")
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.watch import watch

    watch(options.weights, options.video, options.out, classes=options.classes, device=options.device)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
