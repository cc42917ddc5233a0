"""Time of RoIAlign, in plain PyTorch and by torchvision's kernel: python benchmarks/roi_align.py [--device cuda]

Forward and backward, for the feature map of a SlowFast network on AVA and for a large map, where the kernel should win.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date

import torch
from torch import Tensor

from slowfast.models.layers.roi_align import Kernel, plain_roi_align, torchvision_kernel

CASES = {  # images, channels, rows, columns, boxes
    "AVA, training": (8, 2304, 14, 14, 24),
    "AVA, test": (1, 2304, 16, 28, 8),
    "large map": (2, 256, 128, 160, 200),
}
SCALE = 1 / 16
REPEATS = 7


def case(images: int, channels: int, rows: int, columns: int, boxes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(images, channels, rows, columns, generator=generator)
    size = torch.tensor([columns, rows]) / SCALE
    corners = torch.rand(boxes, 2, 2, generator=generator).sort(dim=1).values * size
    image = torch.randint(images, (boxes, 1), generator=generator)
    return features.to(device).requires_grad_(), torch.cat([image, corners.flatten(1)], dim=1).to(device)


def median_ms(run: Callable[[], None], device: torch.device) -> float:
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])  # the first call warms up


def cost(kernel: Kernel, features: Tensor, boxes: Tensor) -> float:
    def run() -> None:
        torch.autograd.grad(kernel(features, boxes, (7, 7), SCALE, 0, True).sum(), features)

    return median_ms(run, features.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    device = parser.parse_args().device
    kernel = torchvision_kernel(device.type)
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{platform.machine()}, {torch.get_num_threads()} threads"
    )
    print(f"{date.today()}, PyTorch {torch.__version__}, {where}")
    if kernel is None:
        print("no kernel to compare with: torchvision is not installed or does not run on this device")
    for name, sizes in CASES.items():
        features, boxes = case(*sizes, device=device)
        line = f"{name:14} plain PyTorch {cost(plain_roi_align, features, boxes):8.2f} ms"
        if kernel is not None:
            difference = (
                plain_roi_align(features, boxes, (7, 7), SCALE, 0, True) - kernel(features, boxes, (7, 7), SCALE, 0, True)
            ).abs()
            line += f", kernel {cost(kernel, features, boxes):8.2f} ms, largest difference {difference.max():.1e}"
        print(line)


if __name__ == "__main__":
    main()
