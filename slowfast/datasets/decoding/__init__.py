"""Video files: path and frame numbers in, pictures out."""

from slowfast.datasets.decoding.index import VideoIndex, read_index
from slowfast.datasets.decoding.index_cache import IndexCache
from slowfast.datasets.decoding.reader import FrameTransform, WholeFrame, decode_frames

__all__ = ["FrameTransform", "IndexCache", "VideoIndex", "WholeFrame", "decode_frames", "read_index"]
