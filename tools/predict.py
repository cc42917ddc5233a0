"""Says what happens when in videos: python tools/predict.py --weights FILE INPUT [...]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast_tools import add_debug, exit_code_of
from slowfast_tools.arguments import Parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        description="Scores videos of any length and writes for each a folder with scores.csv (second, class, score), "
        "events.csv and events.json (ActivityNet's form), and timeline.html, a page that plays the video beside both. "
        "Weights with a memory read a video once from beginning to end, others look at overlapping clips; the memory that "
        "is needed is the same however long it is. Weights that classify persons (AVA) score these at the seconds at which "
        "boxes say where they are, and write scores.csv (second, box, class, score) and detections.csv, AVA's format.",
    )
    weights = "model.safetensors or a checkpoint of a run, or its OUTPUT_DIR"
    parser.add_argument("--weights", required=True, type=Path, metavar="FILE", help=weights)
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="video, folder of videos or of pictures, or pattern such as 'games/*.mp4'; or one stream: - for what is piped in, "
        "the number of a camera, rtsp://... or http(s)://...",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions"), metavar="FOLDER", help="where results go (predictions)"
    )
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="inputs that are scored side by side (1)")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="from one answer to the next, of weights without a memory (half a clip)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="least score of an event (tuned by the test of the weights, or 0.5), or of a person's box (that of the tests)",
    )
    parser.add_argument("--top", type=int, metavar="N", help="only the N best classes of each moment in scores.csv (all)")
    parser.add_argument("--classes", type=lambda text: text.split(","), metavar="A,B", help="only these classes (all)")
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="for weights that classify persons: where these are, as AVA's lists: video,second,x1,y1,x2,y2[,action,score]",
    )
    parser.add_argument(
        "--detector",
        default="",
        choices=("auto", "detectron2", "torchvision"),
        help="finds persons instead of a file",
    )
    parser.add_argument(
        "--start-second", type=int, default=0, metavar="N", help="the second, as boxes count them, that videos begin with (0)"
    )
    parser.add_argument("--fps", type=float, metavar="N", help="pictures a second, of folders of pictures")
    parser.add_argument("--raw", metavar="WxH@FPS", help="bare pictures (rgb24) are piped in, such as 640x360@25")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="(auto: a GPU if there is one)")
    parser.add_argument(
        "--precision", default="", choices=("fp32", "bf16", "fp16", "auto"), help="of the network (that of the run's tests)"
    )
    parser.add_argument(
        "--video",
        action="store_true",
        help="write annotated.mp4 too: the video, its sound, a running timeline, or boxes with their actions",
    )
    parser.add_argument(
        "--no-timeline", action="store_false", dest="timeline", help="leave out timeline.html, which is about 5 MB an input"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the same command was stopped, to the same scores")
    add_debug(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    from slowfast.commands.predict import PredictOptions, predict_files
    from slowfast.commands.predict_stream import find_stream, predict_stream

    given = PredictOptions(**{name: value for name, value in vars(options).items() if name != "debug"})
    stream = find_stream(given)
    if stream is None:
        predict_files(given)
    else:
        predict_stream(given, stream)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code_of(lambda: run(options), debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
