"""Training iterations and forward passes in 3-D against those in 2-D with channels last (MODEL.EXECUTION), taking turns.

python benchmarks/execution.py [--only slow] [--repeats 5] [--device cuda] [--bf16]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models.execution import run_in_2d, run_in_3d
from slowfast.models.layers.layout import CHANNELS_LAST
from slowfast.models.pathways import PathwayPicker

NETWORKS: dict[str, list[Any]] = {
    "slow": [
        "MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow", "DATA.NUM_FRAMES", 8,
        "RESNET.NUM_BLOCK_TEMP_KERNEL", [[3], [4], [6], [3]],
    ],
    "slowfast": [
        "MODEL.MODEL_NAME", "SlowFast", "MODEL.ARCH", "slowfast", "DATA.NUM_FRAMES", 32, "SLOWFAST.ALPHA", 4,
        "RESNET.NUM_BLOCK_TEMP_KERNEL", [[3, 3], [4, 4], [6, 6], [3, 3]],
        "RESNET.SPATIAL_STRIDES", [[1, 1], [2, 2], [2, 2], [2, 2]], "RESNET.SPATIAL_DILATIONS", [[1, 1]] * 4,
        "NONLOCAL.LOCATION", [[[], []]] * 4, "NONLOCAL.GROUP", [[1, 1]] * 4,
    ],
    "x3d": [
        "MODEL.MODEL_NAME", "X3D", "MODEL.ARCH", "x3d", "RESNET.TRANS_FUNC", "x3d_transform", "DATA.NUM_FRAMES", 13,
        "X3D.WIDTH_FACTOR", 2.0, "X3D.DEPTH_FACTOR", 2.2, "X3D.BOTTLENECK_FACTOR", 2.25,
    ],
    "regnet": ["MODEL.MODEL_NAME", "RegNet3D", "MODEL.ARCH", "regnet3d", "REGNET.DEPTH", "400M", "DATA.NUM_FRAMES", 8],
}  # fmt: skip
"""Slow R50 8x8, SlowFast R50 8x8, X3D-S and RegNet3D 400M."""

CPU_ROWS = [
    *(("slow", crop, batch, "frozen_batchnorm") for crop, batch in ((64, 1), (112, 1), (112, 2), (112, 4), (224, 1))),
    *(("slow", crop, batch, "batchnorm") for crop, batch in ((112, 1), (112, 4))),
    *(("slowfast", crop, batch, "batchnorm") for crop, batch in ((64, 2), (112, 1))),
    *(("x3d", 160, batch, "batchnorm") for batch in (1, 4)),
    *(("regnet", 112, batch, "batchnorm") for batch in (1, 4)),
]
GPU_ROWS = [(name, 224, batch, "batchnorm") for name in NETWORKS for batch in (2, 8)]
"""Network, side of the pictures, clips, norm."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, help="this network alone")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each, after one that does not count")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="under autocast to bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print("| network | crop | clips | norm | training, 3-D | 3-D / 2-D | forward, 3-D | 3-D / 2-D |")
    print("| --- | --: | --: | --- | --: | --: | --: | --: |")
    for row in CPU_ROWS if args.device == "cpu" else GPU_ROWS:
        if args.only in (None, row[0]):
            print(compare(*row, device=args.device, bf16=args.bf16, repeats=args.repeats), flush=True)


def compare(name: str, crop: int, batch: int, norm: str, *, device: str, bf16: bool, repeats: int) -> str:
    """A row of the table: medians of the 3-D form, and how many times faster the 2-D form is."""
    options = ["NUM_GPUS", 0, "LOG_MODEL_INFO", False, "BN.NORM_TYPE", norm, "DATA.TRAIN_CROP_SIZE", crop, *NETWORKS[name]]
    cfg = load_config(None, options)
    model = build_model(cfg).train().to(device)
    usual = PathwayPicker.from_cfg(cfg).pick(torch.randn(batch, 3, cfg.DATA.NUM_FRAMES, crop, crop, device=device))
    last = [pathway.contiguous(memory_format=CHANNELS_LAST) for pathway in usual]  # as the normaliser gives them
    seconds: dict[tuple[str, bool], list[float]] = {}
    for number in range(repeats + 1):
        for form, inputs in (("3d", usual), ("2d", last)):
            (run_in_2d if form == "2d" else run_in_3d)(model)
            for trains in (True, False):
                taken = once(model, inputs, trains=trains, bf16=bf16)
                if number:
                    seconds.setdefault((form, trains), []).append(taken)
    median = {key: statistics.median(values) for key, values in seconds.items()}
    cells = [
        cell
        for trains in (True, False)
        for cell in (f"{1000 * median['3d', trains]:.1f} ms", f"{median['3d', trains] / median['2d', trains]:.2f}")
    ]
    return f"| {name} | {crop} | {batch} | {norm} | {' | '.join(cells)} |"


def once(model: nn.Module, inputs: list[Tensor], *, trains: bool, bf16: bool) -> float:
    """Seconds: of the processor where that computes, else of the clock."""
    device = inputs[0].device
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    wait(device)
    start = clock()
    with torch.set_grad_enabled(trains), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        logits = model(inputs)
    if trains:
        logits.float().square().mean().backward()
        model.zero_grad(set_to_none=True)
    wait(device)
    return clock() - start


def wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


if __name__ == "__main__":
    main()
