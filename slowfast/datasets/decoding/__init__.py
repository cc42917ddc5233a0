"""Video files: path and frame numbers in, pictures out."""

from slowfast.datasets.decoding.index import VideoIndex
from slowfast.datasets.decoding.index_cache import IndexCache
from slowfast.datasets.decoding.indexing import read_index
from slowfast.datasets.decoding.reader import (
    FrameTransform,
    WholeFrame,
    check_frames,
    decode_frames,
    each_picture,
    stream_frames,
)

__all__ = [
    "FrameTransform",
    "IndexCache",
    "VideoIndex",
    "WholeFrame",
    "check_frames",
    "decode_frames",
    "each_picture",
    "read_index",
    "stream_frames",
]
