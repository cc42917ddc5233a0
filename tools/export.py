"""Writes the network of a file of weights as a program of its own: python tools/export.py --weights W --to {torch,onnx}"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Writes a network as a program that runs without this library: one step of a video with the memory as "
        "input and output, or one clip. It reads pixels and holds what is needed to use it (classes, frame rate, memory)."
    )
    parser.add_argument("--weights", metavar="FILE", type=Path, required=True, help="checkpoint or model.safetensors of a run")
    parser.add_argument(
        "--to", choices=("torch", "onnx"), required=True, help="torch.export (.pt2), or ONNX (.onnx, needs the extra `export`)"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="file to write; by default beside the weights")
    parser.add_argument("--cfg", metavar="FILE", help="config of the network, for weights that say nothing of their use")
    parser.add_argument(
        "--int8",
        nargs="+",
        metavar="VIDEO",
        help="of --to onnx: a program for CPUs that computes in whole numbers of eight bits, calibrated on these videos or "
        "folders of them; says by how much its scores differ",
    )
    add_debug(parser)
    options = parser.parse_args(arguments)
    if options.int8 and options.to != "onnx":
        parser.error(f"--int8 is for --to onnx, not --to {options.to}")
    return options


def run(options: argparse.Namespace) -> None:
    if options.int8:
        from slowfast.commands.quantise import export_int8

        print(export_int8(options.weights, options.int8, options.out, config=options.cfg))
        return
    from slowfast.commands.export import export

    print(export(options.weights, options.to, options.out, config=options.cfg))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
