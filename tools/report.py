"""Makes one HTML page of finished runs: python tools/report.py RUN [RUN ...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Writes one HTML page of finished runs, which opens from disk in a browser: figures, curves, every class, "
        "confusions, the videos that were understood worst and best, and the options that were changed; several runs side by "
        "side. Videos are played from where they lie; those that browsers cannot play are written to a folder beside the page, "
        "NAME_files. Needs the extra `report`."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", type=Path, help="OUTPUT_DIR of a run that was tested")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page to write (report.html in the first RUN)")
    videos = parser.add_mutually_exclusive_group()
    videos.add_argument("--copy", action="store_true", help="copy all videos of the page beside it, to give both away")
    videos.add_argument(
        "--embed",
        action="store_true",
        help="write the videos into the page, each up to 4 MB, if need be small and without sound",
    )
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.report import make_report

    keep = "copied" if options.copy else "embedded" if options.embed else "linked"
    made = make_report(options.runs, options.out, keep=keep)
    print(f"wrote {made.path}")
    if made.beside:
        print(f"too large to be embedded, and beside the page: {', '.join(made.beside)}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
