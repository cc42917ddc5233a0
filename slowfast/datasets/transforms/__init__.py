"""Where to look in a picture, and the pixels seen there."""

from slowfast.datasets.transforms.colour import ClipColours, ColourDraw, ColourJitter, ColourRule, Unchanged
from slowfast.datasets.transforms.geometry import ViewBox, boxes_in_view, scale_short_side, uniform_crop
from slowfast.datasets.transforms.relative_crop import RelativeCrop
from slowfast.datasets.transforms.rules import (
    CropFrames,
    FixedCrops,
    RandomCrop,
    SpatialRule,
    ViewDraw,
    WholePicture,
    random_crops,
)

__all__ = [
    "ClipColours",
    "ColourDraw",
    "ColourJitter",
    "ColourRule",
    "CropFrames",
    "FixedCrops",
    "RandomCrop",
    "RelativeCrop",
    "SpatialRule",
    "Unchanged",
    "ViewBox",
    "ViewDraw",
    "WholePicture",
    "boxes_in_view",
    "random_crops",
    "scale_short_side",
    "uniform_crop",
]
