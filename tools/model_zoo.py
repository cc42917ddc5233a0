"""Writes the table of MODEL_ZOO.md: python tools/model_zoo.py [--check [CONFIG ...]]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of

ROOT = Path(__file__).parent.parent


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Lists every config below configs/ in MODEL_ZOO.md, with the costs of its network and the figures in "
        "configs/model_zoo.json and configs/*/measured.json."
    )
    parser.add_argument(
        "--check",
        nargs="*",
        metavar="CONFIG",
        help="only see whether the table is up to date, as to these configs (such as Kinetics/X3D_S) or all",
    )
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, *, root: Path) -> None:
    from slowfast.commands.model_zoo import Zoo, check, update

    zoo, document = Zoo.read(root / "configs"), root / "MODEL_ZOO.md"
    if options.check is None:
        update(document, zoo)
    else:
        check(document, zoo, options.check)


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options, root=root), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
