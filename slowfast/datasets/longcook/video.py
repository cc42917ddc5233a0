"""Encodes frames so that nothing of one event leaks into the code of another.

A predicted frame carries coding errors of the frames before it, and rate control gives a frame the bits that earlier ones left
over: either way a network could read from the pouring what came before it. Every event therefore starts with a key frame (an
IDR picture, which forbids any reference across it), the quantiser is constant, and there is neither look-ahead nor a frame
shown out of order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import PictureType

from slowfast.datasets.longcook.paint import HEIGHT, WIDTH

_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "23",
    "forced-idr": "1",
    "x264-params": "keyint=infinite:scenecut=0:log-level=error",
}


def encode(path: Path, frames: Iterable[np.ndarray], *, fps: int, key_frames: Collection[int]) -> None:
    """Writes frames, uint8 (HEIGHT, WIDTH, 3), RGB, as H.264 in MP4. key_frames: numbers of the frames that start anew."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(frames):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            frame.pict_type = PictureType.I if number in key_frames else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
