"""Scores detected events: python tools/eval_events.py --detections FILE --groundtruth FILE [--subset validation]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description="Detection mAP of events at temporal overlaps, as ActivityNet and THUMOS take it.")
    for name, content, is_required in (
        ("--detections", "ActivityNet's results (.json), or csv with video,start,end,class,score", True),
        ("--groundtruth", "ActivityNet's truths (.json), or csv: that of Charades, or with video,start,end,class", True),
        ("--json", "also write the result to this file", False),
        ("--write-detections", "write the detections as ActivityNet's results (.json) or csv (.csv)", False),
        (
            "--write-groundtruth",
            "write the truths as ActivityNet's (.json) or csv (.csv); videos of no subset are of the subset validation there, "
            "as other tools ask for one",
            False,
        ),
    ):
        parser.add_argument(name, type=Path, metavar="FILE", required=is_required, help=content)
    parser.add_argument(
        "--subset", nargs="+", default=[], metavar="NAME", help="subsets to score, of ActivityNet's truths that have several"
    )
    parser.add_argument(
        "--iou",
        type=float,
        nargs="+",
        default=[],
        metavar="OVERLAP",
        help="thresholds (default: those of ActivityNet and THUMOS)",
    )
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.eval_events import EventScoring, score_events

    score_events(
        EventScoring(
            detections=options.detections,
            groundtruth=options.groundtruth,
            subsets=tuple(options.subset),
            iou_thresholds=tuple(options.iou),
            json=options.json,
            write_detections=options.write_detections,
            write_groundtruth=options.write_groundtruth,
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
