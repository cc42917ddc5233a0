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
        "confusions, and the options that were changed; several runs side by side. Needs the extra `report`."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", type=Path, help="OUTPUT_DIR of a run that was tested")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page to write (report.html in the first RUN)")
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.report import make_report

    print(f"wrote {make_report(options.runs, options.out)}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
