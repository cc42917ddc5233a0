"""What video transformers carry from step to step, and what a step costs against reading what was before again.

Bytes and operations are counted on tensors without values, at the size of the recipes; processor time is measured with small
pictures, both ways in turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from pgt import ProgressiveModel, progressive
from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.runtime.tables import format_table

KINETICS = Path(__file__).parents[1] / "configs" / "Kinetics"
NETWORKS: dict[str, tuple[str, list[object]]] = {
    "ViT-B": ("VIT_S.yaml", ["VIT.EMBED_DIM", 768, "VIT.NUM_HEADS", 12]),
    "ViT-S": ("VIT_S.yaml", []),
    "TimeSformer-B": ("TIMESFORMER.yaml", []),
    "MViT-B": ("MVIT_B.yaml", []),
    "MViTv2-S": ("MVITv2_S.yaml", []),
}
"""By name, a config and what differs from it."""
TIMED = ("ViT-S", "MViTv2-S")
PREFIX = 10
"""Steps that whoever has no memory reads again at each one."""


def build(name: str, *, crop: int = 224, compressed: bool = False) -> tuple[ProgressiveModel, list[Tensor], list[Tensor]]:
    """The network in steps, the clip of a step, and the video of PREFIX steps."""
    file, options = NETWORKS[name]
    cfg = load_config(KINETICS / file, [*options, "DATA.TRAIN_CROP_SIZE", crop, "DATA.TRAIN_JITTER_SCALES", [crop, crop]])
    frames = cfg.DATA.NUM_FRAMES
    model = progressive(
        build_model(cfg),
        step_len=frames,
        overlap=0,
        memory="last",
        momentum=0.0,
        attention="compressed" if compressed else "tokens",
        attention_slices=2 if compressed else 1,
    )
    clip, video = (torch.zeros(1, 3, count * frames, crop, crop) for count in (1, PREFIX))
    return model.eval().requires_grad_(False), [clip], [video]


def counted() -> str:
    kinds = [(name, compressed) for name in NETWORKS for compressed in (False, True) if not compressed or "Time" not in name]
    columns = ["network", "memory", "MB carried", "GFLOPs a step", f"{PREFIX} steps again, times"]
    return format_table(columns, [count(name, compressed=compressed) for name, compressed in kinds])


def count(name: str, *, compressed: bool) -> list[object]:
    """A row: bytes carried, operations of a step (two for each product that is added), and of reading PREFIX steps again."""
    with torch.device("meta"):
        model, clip, video = build(name, compressed=compressed)
        model.step(clip)
        step, again = operations(lambda: model.step(clip)), operations(lambda: model(video))
    kind = "compressed, 2 slices" if compressed else "tokens, 1 slice"
    return [name, kind, f"{model.memory_bytes / 1e6:.1f}", f"{step / 1e9:.0f}", f"{again / step:.1f}"]


def operations(run: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    total: int = counter.get_total_flops()
    return total


def timed(name: str, *, crop: int, steps: int, turns: int) -> list[object]:
    """Processor time of a step, of reading PREFIX steps again, and of the last tenth of a stream against its first."""
    model, clip, video = build(name, crop=crop)
    model.step(clip)
    pairs = [(seconds(lambda: model.step(clip)), seconds(lambda: model(video))) for _ in range(turns)]
    ratio = statistics.median(again / step for step, again in pairs)
    stream = [seconds(lambda: model.step(clip)) for _ in range(steps)]
    tenth = max(1, steps // 10)
    first, last = statistics.median(stream[:tenth]), statistics.median(stream[-tenth:])
    step = statistics.median(step for step, _ in pairs)
    return [name, crop, f"{1000 * step:.1f}", f"{ratio:.1f}", steps, f"{last / first:.3f}"]


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crop", type=int, default=64, help="pixels on a side where time is measured")
    parser.add_argument("--turns", type=int, default=5, help="in which both ways are timed")
    parser.add_argument("--steps", type=int, default=2000, help="of the long stream")
    options = parser.parse_args(arguments)
    print(counted(), flush=True)
    rows = [timed(name, crop=options.crop, steps=options.steps, turns=options.turns) for name in TIMED]
    columns = ["network", "crop", "a step, ms", f"{PREFIX} steps again, times", "steps", "last tenth against first"]
    print(format_table(columns, rows))


if __name__ == "__main__":
    main()
