"""Converts weights of any make to ours, and shows what is in ours: python tools/convert_checkpoint.py IN {OUT | --show}"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Reads weights of PySlowFast (also its Caffe2 files), pytorchvideo, torchvision, timm or pycls and writes "
        "them under our names. Nothing in the file is executed."
    )
    parser.add_argument("source", metavar="IN", help="file or URI of weights")
    parser.add_argument("target", metavar="OUT", nargs="?", type=Path, help="file to write: .pyth or .safetensors")
    parser.add_argument("--show", action="store_true", help="print what a file of ours says of its use; writes nothing")
    parser.add_argument("--cfg", metavar="FILE", help="config of the network: write what fits it, and say what does not")
    parser.add_argument("--inflate", action="store_true", help="repeat weights of pictures over time (needs --cfg)")
    add_debug(parser)
    options = parser.parse_args(arguments)
    if options.show and (options.target is not None or options.cfg is not None):
        parser.error("--show writes nothing, so neither OUT nor --cfg goes with it")
    if not options.show and options.target is None:
        parser.error("OUT is missing: the file to write, or --show to see what IN says of its use")
    if options.inflate and options.cfg is None:
        parser.error("--inflate needs --cfg: how often weights are repeated depends on the network")
    return options


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.convert_checkpoint import convert_weights, describe_weights
    from slowfast.config import load_config

    if options.show:
        print(describe_weights(Path(options.source)))
        return
    cfg = load_config(options.cfg, []) if options.cfg else None
    told = convert_weights(options.source, options.target, cfg=cfg, inflate=options.inflate)
    print(f"{options.target}: {told}")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
