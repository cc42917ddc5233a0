"""Where to look in a picture, and the pixels seen there."""

from slowfast.datasets.transforms.geometry import ViewBox, scale_short_side, uniform_crop
from slowfast.datasets.transforms.rules import CropFrames, FixedCrops, RandomCrop, SpatialRule, ViewDraw

__all__ = ["CropFrames", "FixedCrops", "RandomCrop", "SpatialRule", "ViewBox", "ViewDraw", "scale_short_side", "uniform_crop"]
