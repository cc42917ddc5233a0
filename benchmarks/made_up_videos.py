"""Videos that cost an encoder and a decoder about what real ones do: texture that moves, things that cross it, sensor noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

FPS = 30


def write_video(path: Path, *, width: int, height: int, seconds: int, gop: int, seed: int, crf: int = 23) -> None:
    """H.264 as video sites make it: preset medium, B frames, a key picture at least every `gop` frames."""
    beside = path.with_suffix(".part.mp4")
    with av.open(str(beside), "w") as container:
        options = {"preset": "medium", "crf": str(crf), "x264-params": f"keyint={gop}:scenecut=0:log-level=error"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in _pictures(width, height, seconds * FPS, seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    beside.replace(path)


def _pictures(width: int, height: int, count: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    scene = _texture(rng, 2 * max(width, height))
    actors = [(_texture(rng, height // part), rng.uniform(0.5, 4, 2)) for part in (2, 3, 4, 4)]
    noise = [rng.normal(0, 4, (height, width, 1)).astype(np.float32) for _ in range(17)]
    for number in range(count):
        time = number / FPS
        picture = cv2.warpAffine(scene, _camera(time, width, height), (width, height), flags=cv2.WARP_INVERSE_MAP)
        for texture, speed in actors:
            # People turn and bend, so that what crosses the scene does not keep its look.
            size, angle = len(texture), 25 * np.sin(3 * speed[0] * time)
            actor = cv2.warpAffine(texture, cv2.getRotationMatrix2D((size / 2, size / 2), angle, 1.5), (size, size))
            left, top = (
                int(room * (0.5 + 0.5 * np.sin(pace * time + pace)))
                for room, pace in zip((width - size, height - size), speed, strict=True)
            )
            picture[top : top + size, left : left + size] = actor
        yield np.clip(picture + noise[number * 7 % 17], 0, 255).astype(np.uint8)


def _camera(time: float, width: int, height: int) -> NDArray[np.float64]:
    """From the picture to the scene: the camera, held in a hand, pans, sways and zooms a little."""
    zoom, turn = 1.0 + 0.1 * np.sin(0.4 * time), 0.02 * np.sin(time)
    across = width / 4 * (1 + np.sin(0.6 * time)) + 2 * np.sin(7 * time)
    down = height / 4 * (1 + np.cos(0.5 * time)) + 2 * np.sin(9 * time)
    return np.array([[zoom, turn, across], [-turn, zoom, down]])


def _texture(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Noise of all sizes, each weighing about as much as in photographs."""
    image = np.full((size, size, 3), 128, np.float32)
    for cells in (4, 8, 16, 32, 64, 128):
        coarse = rng.normal(0, 110 / cells**0.6, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return image
