"""Gets videos ready for training.

prepare_data.py folder DIR --out DATA [--labels FILE]     lists, split into train, val and test, of class folders or labels
prepare_data.py reencode DATA --out DIR                   copies that load faster
prepare_data.py check DATA                                whether everything that the lists name can be read
prepare_data.py ava DIR --annotations DIR --out DATA      frame lists and a check of data in AVA's format, or of exported boxes

Options of the training may follow behind check and ava, such as AVA.START_SECOND 0.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser

BROKEN_CODE = 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = Parser(add_help=False)
    shared.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="files to work on at once (default: %(default)s)"
    )
    add_debug(shared)
    _add_folder(commands.add_parser("folder", parents=[shared], help="list videos for training"))
    _add_reencode(commands.add_parser("reencode", parents=[shared], help="make copies that load faster"))
    check = commands.add_parser("check", parents=[shared], help="read everything that lists name, once")
    check.add_argument("data", type=Path, metavar="DATA", help="folder with lists, of any of our formats")
    check.add_argument("--prefix", default="", metavar="DIR", help="what DATA.PATH_PREFIX is in training")
    check.add_pairs("options of the training, such as DATA.PATH_LABEL_SEPARATOR ,")
    _add_ava(commands.add_parser("ava", parents=[shared], help="check data in the format of AVA, and list their frames"))
    return parser.parse_pairs(arguments)


def _add_folder(parser: Parser) -> None:
    parser.add_argument("videos", type=Path, metavar="DIR", help="folder with videos: DIR/CLASS/NAME.mp4")
    parser.add_argument("--out", type=Path, required=True, metavar="DATA", help="folder for the lists")
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="labels from files or folders of them: a table (csv, xlsx) of path,label or path,labels (a;b) or "
        "path,label,start,end, or what ELAN, BORIS, VIA, VIDAT, CVAT, Label Studio, ActivityNet or THUMOS export",
    )
    parser.add_argument(
        "--fps",
        type=float,
        metavar="N",
        help="frames a second, where labels count frames (default: as they say, else the rate of each video)",
    )
    parser.add_argument(
        "--point-seconds",
        type=float,
        default=0.0,
        metavar="S",
        help="how long a moment lasts, half of it before and half behind (default: the frame shown then)",
    )
    parser.add_argument(
        "--split",
        type=float,
        nargs="+",
        default=[0.8, 0.1, 0.1],
        metavar="SHARE",
        help="shares of train, val and test (default: 0.8 0.1 0.1); with two, test is a copy of val",
    )
    parser.add_argument(
        "--group-by",
        default="",
        metavar="REGEX",
        help="keep videos together whose paths agree in what REGEX finds (its first bracket), or in their folder: parent",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed gives another split (default: 0)")


def _add_reencode(parser: Parser) -> None:
    parser.add_argument("videos", type=Path, metavar="DATA", help="folder that `folder` wrote, or any folder of videos")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the copies")
    parser.add_argument(
        "--short-side", type=int, default=256, metavar="PIXELS", help="of larger videos, after (default: %(default)s)"
    )
    parser.add_argument(
        "--crf", type=int, default=20, metavar="N", help="0 (no loss) to 51 (small files); default: %(default)s"
    )


def _add_ava(parser: Parser) -> None:
    parser.add_argument("media", type=Path, metavar="DIR", help="folder with ID/ID_000001.jpg (AVA.FPS a second, 30) or ID.mp4")
    parser.add_argument(
        "--annotations",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with the lists of boxes (.csv) and the label map, or boxes that CVAT, Label Studio, VIA or VIDAT exported",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DATA", help="folder for frame_lists/, or lists of boxes")
    exported = parser.add_argument_group("of exported boxes")
    exported.add_argument(
        "--fps", type=float, metavar="N", help="frames a second that they count (default: as they say, or the video's)"
    )
    exported.add_argument("--split", type=float, nargs="+", metavar="SHARE", help="as of folder (default: 0.8 0.1 0.1)")
    exported.add_argument("--group-by", metavar="REGEX", help="as of folder")
    exported.add_argument("--seed", type=int, help="as of folder (default: 0)")
    parser.add_pairs("options of the training, such as AVA.START_SECOND 0")


def run_ava(options: argparse.Namespace) -> None:
    from slowfast.commands.prepare_data import AvaPreparation, prepare_ava

    wanted = AvaPreparation(
        media=options.media,
        annotations=options.annotations,
        out=options.out,
        jobs=options.jobs,
        overrides=options.overrides,
        fps=options.fps,
        shares=options.split,
        group_by=options.group_by,
        seed=options.seed,
    )
    if not prepare_ava(wanted):
        sys.exit(BROKEN_CODE)


def run(options: argparse.Namespace) -> None:
    if options.command == "ava":
        run_ava(options)
        return
    from slowfast.commands import prepare_data

    if options.command == "folder":
        prepare_data.prepare_folder(
            prepare_data.Preparation(
                videos=options.videos,
                data=options.out,
                labels=options.labels,
                reading=prepare_data.Reading(fps=options.fps, point_sec=options.point_seconds),
                shares=options.split,
                group_by=options.group_by,
                seed=options.seed,
                jobs=options.jobs,
            )
        )
    elif options.command == "reencode":
        prepare_data.reencode_videos(
            prepare_data.Reencoding(
                videos=options.videos, out=options.out, short_side=options.short_side, crf=options.crf, jobs=options.jobs
            )
        )
    elif not prepare_data.check_data(options.data, prefix=options.prefix, overrides=options.overrides, jobs=options.jobs):
        sys.exit(BROKEN_CODE)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
