"""Scores AVA detections: python tools/eval_ava.py --detections FILE --groundtruth FILE --labelmap FILE [--exclusions FILE]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def _overlap(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number (pairs KEY VALUE stand before --iou, or behind --debug)"
        ) from None


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Frame mAP of AVA detections. All csv files are without header; boxes are fractions of the image.",
    )
    for name, content, is_required in (
        ("--detections", "csv: video,second,x1,y1,x2,y2,class,score", True),
        ("--groundtruth", "csv: video,second,x1,y1,x2,y2,class,person", True),
        ("--labelmap", "the scored classes (.pbtxt)", True),
        ("--exclusions", "csv: video,second to leave out", False),
        ("--json", "also write the result to this file", False),
    ):
        parser.add_argument(name, type=Path, metavar="FILE", required=is_required, help=content)
    parser.add_argument(
        "--protocol",
        default="slowfast",
        help="slowfast (default; as numbers of PySlowFast and PGT), or the official activitynet_2018, activitynet_2019, "
        "activitynet_head",
    )
    parser.add_argument(
        "--iou",
        type=_overlap,
        nargs="+",
        default=[0.5],
        metavar="OVERLAP",
        help="thresholds; mAP is at the first (default 0.5)",
    )
    parser.add_pairs("of data of your own: AVA.START_SECOND 0 and so on")
    add_debug(parser)
    return parser.parse_pairs(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.eval_ava import AvaScoring, score_ava, times_of

    score_ava(
        AvaScoring(
            detections=options.detections,
            groundtruth=options.groundtruth,
            labelmap=options.labelmap,
            exclusions=options.exclusions,
            protocol=options.protocol,
            iou_thresholds=options.iou,
            times=times_of(options.overrides),
            json=options.json,
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
