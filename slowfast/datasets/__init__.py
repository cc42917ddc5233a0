"""Annotations, video files, and the clips and batches made of them.

Importing this package files the data sets in `slowfast.registry.DATASETS`.
"""

from slowfast.datasets.ava import AvaDataset, build_ava
from slowfast.datasets.build import build_dataset, build_loader
from slowfast.datasets.charades import build_charades
from slowfast.datasets.clip_dataset import ClipDataset, SampleKey
from slowfast.datasets.errors import DatasetError, DecodeError, TooManyBadVideosError
from slowfast.datasets.folder import build_folder
from slowfast.datasets.kinetics import build_kinetics
from slowfast.datasets.lane_loader import LaneLoader
from slowfast.datasets.loader import ClipLoader
from slowfast.datasets.ssv2 import build_ssv2
from slowfast.datasets.video_dataset import VideoDataset

__all__ = [
    "AvaDataset",
    "ClipDataset",
    "ClipLoader",
    "DatasetError",
    "DecodeError",
    "LaneLoader",
    "SampleKey",
    "TooManyBadVideosError",
    "VideoDataset",
    "build_ava",
    "build_charades",
    "build_dataset",
    "build_folder",
    "build_kinetics",
    "build_loader",
    "build_ssv2",
]
