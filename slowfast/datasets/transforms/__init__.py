"""Where to look in a picture, and the pixels seen there."""

from slowfast.datasets.transforms.augmentation import Augmentation, clip_colours
from slowfast.datasets.transforms.colour import ClipColours, ColourDraw, ColourJitter, ColourRule, Unchanged
from slowfast.datasets.transforms.geometry import ViewBox, boxes_in_view, scale_short_side, uniform_crop
from slowfast.datasets.transforms.relative_crop import RelativeCrop
from slowfast.datasets.transforms.rules import (
    CropFrames,
    FixedCrops,
    RandomCrop,
    SeveralViews,
    SpatialRule,
    ViewDraw,
    WholePicture,
    random_crops,
)

__all__ = [
    "Augmentation",
    "ClipColours",
    "ColourDraw",
    "ColourJitter",
    "ColourRule",
    "CropFrames",
    "FixedCrops",
    "RandomCrop",
    "RelativeCrop",
    "SeveralViews",
    "SpatialRule",
    "Unchanged",
    "ViewBox",
    "ViewDraw",
    "WholePicture",
    "boxes_in_view",
    "clip_colours",
    "random_crops",
    "scale_short_side",
    "uniform_crop",
]
