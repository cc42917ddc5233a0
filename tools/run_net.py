"""Trains and tests a network as a config file says: python tools/run_net.py --cfg FILE.yaml [KEY VALUE ...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser

EXAMPLES = Path(__file__).with_name("configs_by_task.txt")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Trains, then tests, as the config says.",
        epilog=EXAMPLES.read_text(encoding="utf-8"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cfg", metavar="FILE", help="config file (YAML)")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build everything, train on a few batches, print shapes, sizes, times and memory, and stop; keeps nothing",
    )
    add_debug(parser)
    parser.add_argument(
        "--help-options", nargs="?", const="", metavar="PATTERN", help="list the options whose key contains PATTERN, and stop"
    )
    parser.add_pairs("options that replace those of the file")
    options = parser.parse_pairs(arguments)
    if options.cfg is None and options.help_options is None:
        parser.error("--cfg FILE is missing")
    return options


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.run_net import train_and_test
    from slowfast.config import describe_options, load_config, load_projects
    from slowfast.runtime.launch import launch

    if options.help_options is not None:
        load_projects()
        print("\n".join(describe_options(options.help_options)))
        return
    cfg = load_config(options.cfg, options.overrides)
    if options.dry_run:
        from slowfast.commands.dry_run import dry_run

        print(dry_run(cfg))
        return
    launch(cfg, train_and_test)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
