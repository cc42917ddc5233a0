"""RoIAlign, against its definition written out point by point."""

import math
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from slowfast.models.layers.roi_align import plain_roi_align, roi_align, torchvision_kernel

SIZE = (3, 2)
SCALE = 1 / 4
MAP = (7, 9)  # so 28 x 36 pixels
BOXES = {
    "inside": [3.0, 2.0, 21.0, 17.0],
    "large": [1.0, 1.0, 35.0, 27.0],
    "one cell": [8.0, 8.0, 12.0, 12.0],
    "less than a pixel": [10.2, 11.3, 10.7, 11.5],
    "partly outside": [-9.0, -7.0, 13.0, 15.0],
    "over the far corner": [20.0, 20.0, 47.0, 41.0],
    "outside within a cell": [-3.0, 5.0, -1.0, 9.0],
    "far outside": [100.0, 100.0, 120.0, 130.0],
    "a line": [5.0, 5.0, 5.0, 20.0],
    "a point": [6.0, 6.0, 6.0, 6.0],
    "inverted": [20.0, 18.0, 9.0, 5.0],
    "inverted in one direction": [20.0, 5.0, 9.0, 18.0],
    "long": [-60.0, 3.0, 90.0, 5.0],
}


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plain way is what is tested here, also where torchvision is installed."""
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    torchvision_kernel.cache_clear()
    yield
    torchvision_kernel.cache_clear()


def read(image: Tensor, y: float, x: float) -> Tensor:
    """The features (C,) at a point of an image (C, H, W)."""
    height, width = image.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return torch.zeros(len(image), dtype=image.dtype)
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = math.floor(y), math.floor(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = image[:, top, left] * (1 - (x - left)) + image[:, top, right] * (x - left)
    lower = image[:, bottom, left] * (1 - (x - left)) + image[:, bottom, right] * (x - left)
    return upper * (1 - (y - top)) + lower * (y - top)


def literal(features: Tensor, boxes: Tensor, *, sampling_ratio: int, aligned: bool) -> Tensor:
    result = torch.zeros(len(boxes), features.shape[1], *SIZE, dtype=features.dtype)
    shift = 0.5 if aligned else 0.0
    for row, (image, *corners) in enumerate(boxes.tolist()):
        x1, y1, x2, y2 = (corner * SCALE - shift for corner in corners)
        height, width = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1.0), max(x2 - x1, 1.0))
        bin_height, bin_width = height / SIZE[0], width / SIZE[1]
        num_y, num_x = (sampling_ratio or max(math.ceil(side), 0) for side in (bin_height, bin_width))
        for i in range(SIZE[0]):
            for j in range(SIZE[1]):
                points = [
                    read(
                        features[int(image)],
                        y1 + i * bin_height + (a + 0.5) * bin_height / num_y,
                        x1 + j * bin_width + (b + 0.5) * bin_width / num_x,
                    )
                    for a in range(num_y)
                    for b in range(num_x)
                ]
                if points:
                    result[row, :, i, j] = torch.stack(points).mean(dim=0)
    return result


def features(images: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(images, 3, *MAP, dtype=dtype, requires_grad=True)


def boxes_of(*corners: list[float], image: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor([[image, *box] for box in corners], dtype=dtype)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling_ratio", [0, 1, 3])
@pytest.mark.parametrize("name", BOXES)
def test_values_and_gradients_are_those_of_the_definition(name: str, sampling_ratio: int, aligned: bool) -> None:
    x, boxes = features(), boxes_of(BOXES[name], image=1)
    expected = literal(x, boxes, sampling_ratio=sampling_ratio, aligned=aligned)
    found = roi_align(x, boxes, SIZE, spatial_scale=SCALE, sampling_ratio=sampling_ratio, aligned=aligned)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    weights = torch.randn_like(expected)
    if expected.requires_grad:  # of a box without points there is nothing to differentiate
        (wanted,) = torch.autograd.grad((expected * weights).sum(), x)
        (gradient,) = torch.autograd.grad((found * weights).sum(), x)
        torch.testing.assert_close(gradient, wanted, atol=1e-10, rtol=0)


@pytest.mark.parametrize("aligned", [True, False])
def test_boxes_of_all_sizes_and_images_go_together_in_any_order(aligned: bool) -> None:
    x = features(images=4, dtype=torch.float32)
    boxes = torch.tensor([[(3, 0, 2)[row % 3], *box] for row, box in enumerate(BOXES.values())])  # none in image 1
    expected = literal(x, boxes, sampling_ratio=0, aligned=aligned)
    found = roi_align(x, boxes, SIZE, spatial_scale=SCALE, aligned=aligned)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(found.square().sum(), x)
    (wanted,) = torch.autograd.grad(expected.square().sum(), x)
    torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-5)
    assert not gradient[1].any()


def test_gradients_are_those_of_finite_differences() -> None:
    boxes = torch.cat([boxes_of(*BOXES.values()), boxes_of(BOXES["inside"], image=1)])
    assert torch.autograd.gradcheck(lambda x: roi_align(x, boxes, SIZE, spatial_scale=SCALE), (features(),))


def test_no_boxes_give_no_rows_and_a_zero_gradient() -> None:
    x = features()
    found = roi_align(x, torch.zeros(0, 5), SIZE, spatial_scale=SCALE)
    assert found.shape == (0, 3, *SIZE)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert not gradient.any()


def test_no_gradient_goes_to_the_boxes() -> None:
    boxes = boxes_of(BOXES["inside"]).requires_grad_()
    roi_align(features(), boxes, SIZE, spatial_scale=SCALE).sum().backward()
    assert boxes.grad is None


def test_an_aligned_box_of_one_cell_a_bin_reads_these_cells() -> None:
    x = torch.arange(63.0).view(1, 1, *MAP)
    box = torch.tensor([[0, 8.0, 4.0, 16.0, 16.0]])  # columns 2 and 3, rows 1 to 3
    torch.testing.assert_close(roi_align(x, box, SIZE, spatial_scale=SCALE)[0, 0], x[0, 0, 1:4, 2:4])


def test_a_box_of_a_million_pixels_needs_little_memory() -> None:
    x = features(dtype=torch.float32)
    boxes = torch.tensor([[0, -5e5, -5e5, 5e5, 5e5], [0, *BOXES["inside"]]])
    found = roi_align(x, boxes, SIZE, spatial_scale=SCALE)
    alone = roi_align(x, boxes[1:], SIZE, spatial_scale=SCALE)
    torch.testing.assert_close(found[1:], alone)
    assert found[0].abs().max() < 1e-3  # nearly all points are outside


def test_half_precision_is_computed_in_single_precision() -> None:
    x, boxes = features(dtype=torch.float32).detach().bfloat16(), boxes_of(*BOXES.values(), dtype=torch.float32)
    exact = roi_align(x.float(), boxes, SIZE, spatial_scale=SCALE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = roi_align(x, boxes, SIZE, spatial_scale=SCALE)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.bfloat16())


@pytest.mark.parametrize(
    ("shape", "boxes", "options", "text"),
    [
        ((3, 7, 9), torch.zeros(1, 5), {}, "the features have the shape"),
        ((2, 3, 7, 9), torch.zeros(1, 4), {}, "the boxes have the shape"),
        ((2, 3, 7, 9), torch.tensor([[2.0, 0, 0, 8, 8]]), {}, "right would be 0 to 1"),
        ((2, 3, 7, 9), torch.tensor([[-1.0, 0, 0, 8, 8]]), {}, "right would be 0 to 1"),
        ((2, 3, 7, 9), torch.zeros(1, 5), {"sampling_ratio": -1}, "sampling ratio of -1"),
    ],
)
def test_what_cannot_be_pooled_is_refused(shape: Any, boxes: Tensor, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        roi_align(torch.zeros(shape), boxes, SIZE, spatial_scale=SCALE, **options)


def fake_torchvision(kernel: Any) -> types.ModuleType:
    module = types.ModuleType("torchvision.ops")
    module.roi_align = kernel  # type: ignore[attr-defined]
    return module


def test_the_kernel_of_torchvision_is_taken_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def kernel(*arguments: Any) -> Tensor:
        calls.append(arguments[2:])
        return plain_roi_align(*arguments)

    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.ops", fake_torchvision(kernel))
    torchvision_kernel.cache_clear()
    x, boxes = features(), boxes_of(BOXES["inside"])
    found = roi_align(x, boxes, SIZE, spatial_scale=SCALE, sampling_ratio=2, aligned=False)
    torch.testing.assert_close(found, literal(x, boxes, sampling_ratio=2, aligned=False))
    assert calls[-1] == (SIZE, SCALE, 2, False)


def test_a_kernel_that_does_not_run_is_reported_and_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def kernel(*arguments: Any) -> Tensor:
        raise RuntimeError("operator torchvision::roi_align does not exist")

    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.ops", fake_torchvision(kernel))
    torchvision_kernel.cache_clear()
    x, boxes = features(), boxes_of(BOXES["inside"])
    found = roi_align(x, boxes, SIZE, spatial_scale=SCALE)
    torch.testing.assert_close(found, literal(x, boxes, sampling_ratio=0, aligned=True))
    assert "operator torchvision::roi_align does not exist" in caplog.text


def test_features_without_content_give_the_shape_of_the_result() -> None:
    features = torch.empty((2, 4, 8, 8), device="meta", dtype=torch.float16)
    cut = roi_align(features, torch.tensor([[1.0, 0.0, 0.0, 32.0, 32.0]] * 3), (7, 5), spatial_scale=1 / 4)
    assert (cut.device.type, cut.dtype, cut.shape) == ("meta", torch.float16, (3, 4, 7, 5))
