"""Says what becomes of config files here: python tools/check_config.py FILE_OR_FOLDER [...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import USER_ERROR_CODE, add_debug, exit_code_of
from slowfast_tools.arguments import Parser, shielded, unshielded


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Loads config files, of this library, of PySlowFast or of its forks, builds their networks (from shapes "
        "alone), and prints what each builds, which of its options have no effect, or why it is refused. The exit code is 2 if "
        "one is refused."
    )
    parser.add_argument(
        "sources",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="a YAML file, a folder of such, or a json table of options by file",
    )
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), help="replace an option")
    parser.add_argument("--table", metavar="DOC", type=Path, help="write the verdicts as a table into this document")
    parser.add_argument("--check", metavar="DOC", type=Path, help="only see whether the table in this document is up to date")
    add_debug(parser)
    options = parser.parse_args(shielded(sys.argv[1:] if arguments is None else arguments))
    options.set = [word for pair in options.set for word in unshielded(pair)]
    return options


def run(options: argparse.Namespace) -> int:
    """The number of files that are refused, where that matters: not for tables, which list them."""
    from slowfast.commands.check_config import check_table, judge_all, table
    from slowfast.commands.made_tables import write_table

    verdicts = judge_all(options.sources, options.set)
    if options.table or options.check:
        made = table(list(verdicts))
        if options.table:
            write_table(options.table, "check_config", made)
        else:
            check_table(options.check, made)
        return 0
    refused = 0
    for verdict in verdicts:
        print(verdict.line(), flush=True)
        refused += bool(verdict.refused)
    return refused


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    refused = 0

    def command() -> None:
        nonlocal refused
        refused = run(options)

    code = exit_code_of(command, debug=options.debug)
    return code or (USER_ERROR_CODE if refused else 0)


if __name__ == "__main__":
    sys.exit(main())
