"""RoIAlign (He et al., Mask R-CNN, arXiv:1703.06870, sec. 3): features of boxes, without rounding the boxes to cells.

A box is cut into h x w bins; a bin is the mean of the features at points spread evenly over it, read by bilinear interpolation.
Both the points and the interpolation separate into rows and columns. So a box is pooled by two small matrices, one that mixes
the map's rows into h and one that mixes its columns into w, and no features of single points are ever made.

B images, C channels, H x W cells; R boxes, N of them in one image.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor, tuple[int, int], float, int, bool], Tensor]

logger = logging.getLogger(__name__)


def roi_align(
    features: Tensor,
    boxes: Tensor,
    output_size: tuple[int, int],
    *,
    spatial_scale: float,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Tensor:
    """features (B, C, H, W), boxes (R, 5) -> (R, C, *output_size), in the type of the features.

    boxes: number of the image, then x1, y1, x2, y2 in pixels; a cell is 1 / spatial_scale of them. sampling_ratio: points along
    each side of a bin; 0 takes as many as the bin has cells, rounded up, for each box by itself. aligned: cell (0, 0) has its
    centre, not its corner, at the coordinate 0.5; without it the box is also at least one cell large.
    Points more than one cell outside the map count as zero, those nearer read its border; an empty or inverted box gives zeros
    where the number of points follows from its size. Gradients go to the features, not to the boxes, and are taken in float32
    under autocast. On the meta device the result, too, has only a shape. Raises ValueError.

    Runs on torchvision's kernel where that works. The work here grows with the map, that of the kernel with the boxes: on the
    small maps of video networks this matters little, on large ones much (benchmarks/roi_align.py compares the two).
    """
    _check(features, boxes, output_size, sampling_ratio)
    if features.is_meta:
        return features.new_empty((len(boxes), features.shape[1], *output_size))
    kernel = torchvision_kernel(features.device.type)
    with torch.autocast(features.device.type, enabled=False):
        exact = features.to(torch.promote_types(features.dtype, torch.float32))
        run = plain_roi_align if kernel is None else kernel
        return run(exact, boxes.detach().to(exact), output_size, spatial_scale, sampling_ratio, aligned).to(features.dtype)


def plain_roi_align(
    features: Tensor, boxes: Tensor, output_size: tuple[int, int], spatial_scale: float, sampling_ratio: int, aligned: bool
) -> Tensor:
    """The same in plain PyTorch, called as the kernel is: features and boxes of one floating type."""
    corners = boxes[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    first, extent = corners[:, :2], corners[:, 2:] - corners[:, :2]
    if not aligned:
        extent = extent.clamp(min=1.0)
    mix_columns, mix_rows = (
        _mixing(first[:, axis], extent[:, axis], bins=bins, cells=cells, sampling_ratio=sampling_ratio)
        for axis, bins, cells in ((0, output_size[1], features.shape[3]), (1, output_size[0], features.shape[2]))
    )
    images = boxes[:, 0].long()
    numbers = images.tolist()
    if numbers and not 0 <= min(numbers) <= max(numbers) < len(features):
        raise ValueError(f"a box lies in image {min(numbers)} or {max(numbers)}; right would be 0 to {len(features) - 1}")
    by_image = torch.argsort(images, stable=True)
    counts = [numbers.count(image) for image in range(len(features))]
    rows_of = torch.split(mix_rows[by_image], counts)
    columns_of = torch.split(mix_columns[by_image], counts)
    pooled = [_pool(*parts) for parts in zip(features, rows_of, columns_of, strict=True)]
    return torch.cat(pooled)[torch.argsort(by_image)]


def _pool(image: Tensor, mix_rows: Tensor, mix_columns: Tensor) -> Tensor:
    """image (C, H, W), mix_rows (N, h, H), mix_columns (N, w, W) -> (N, C, h, w)."""
    return torch.einsum("nhcW,nwW->nchw", torch.einsum("nhH,cHW->nhcW", mix_rows, image), mix_columns)


def _mixing(first: Tensor, extent: Tensor, *, bins: int, cells: int, sampling_ratio: int) -> Tensor:
    """Share of each cell in each bin along one axis, (R, bins, cells). first, extent: of each box, in cells, (R,).

    Boxes have different numbers of points: the points of all boxes stand one after the other.
    """
    size = extent / bins
    per_bin = torch.full_like(size, sampling_ratio) if sampling_ratio else size.ceil().clamp(min=0)
    per_bin = per_bin.long()
    num_points = per_bin * bins
    box = torch.repeat_interleave(num_points)
    number = torch.arange(len(box), device=box.device) - (num_points.cumsum(0) - num_points)[box]
    count, size = per_bin[box], size[box]
    bin_number, within = number // count, number % count
    point = first[box] + bin_number * size + (within + 0.5) * size / count

    is_near = (point >= -1) & (point <= cells)
    point = point.clamp(0, cells - 1)
    low = point.floor()
    share_of_high = point - low
    shares = torch.stack([1 - share_of_high, share_of_high]) * is_near / count
    low = low.long()
    cell = torch.stack([low, (low + 1).clamp(max=cells - 1)])
    mixing = first.new_zeros(len(first) * bins * cells)
    mixing.index_add_(0, ((box * bins + bin_number) * cells + cell).flatten(), shares.flatten())
    return mixing.view(len(first), bins, cells)


@functools.cache
def torchvision_kernel(device_type: str) -> Kernel | None:
    """torchvision's roi_align where it is installed and runs on this type of device: it may be built for another PyTorch."""
    try:
        kernel: Kernel = importlib.import_module("torchvision.ops").roi_align
        one = torch.ones(1, 1, 1, 1, device=device_type)
        kernel(one, torch.zeros(1, 5, device=device_type), (1, 1), 1.0, 1, True)
    except ModuleNotFoundError:
        return None
    except (ImportError, OSError, AttributeError, RuntimeError) as error:  # NotImplementedError is a RuntimeError
        logger.warning("torchvision is installed but cannot be used on %s (%s); RoIAlign does without", device_type, error)
        return None
    return kernel


def _check(features: Tensor, boxes: Tensor, output_size: tuple[int, int], sampling_ratio: int) -> None:
    if features.ndim != 4:
        raise ValueError(
            f"the features have the shape {tuple(features.shape)}; right would be (images, channels, rows, columns)"
        )
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f"the boxes have the shape {tuple(boxes.shape)}; right would be (boxes, 5): image, x1, y1, x2, y2")
    if min(output_size) < 1 or sampling_ratio < 0:
        raise ValueError(
            f"an output of {output_size} with a sampling ratio of {sampling_ratio} cannot be made; right would be "
            "an output of at least 1 x 1 and a ratio of at least 0"
        )
