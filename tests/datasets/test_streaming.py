"""A video that is streamed shows the pictures that reading it at once shows, whatever made it, or ends where it breaks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slowfast.datasets.decoding import decode_frames, read_index, stream_frames
from slowfast.datasets.errors import DecodeError
from tests.datasets.conftest import KINDS, NUM_FRAMES

WANTED = {
    "all": np.arange(NUM_FRAMES),
    "strided": np.arange(0, NUM_FRAMES, 7),
    "from the middle": np.arange(41, NUM_FRAMES, 3),
    "repeated": np.array([0, 0, 5, 5, 5, 6, 90, 99, 99]),
    "one": np.array([57]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", WANTED)
def test_a_stream_shows_what_reading_at_once_shows(kind: str, wanted: str, get_video: Callable[[str], str]) -> None:
    path = get_video(kind)
    index = read_index(path)
    numbers = WANTED[wanted][WANTED[wanted] < index.num_frames]
    streamed = np.stack(list(stream_frames(path, index, numbers)))
    assert np.array_equal(streamed, decode_frames(path, index, numbers))


def test_a_stream_that_nobody_reads_on_closes_its_file(plain_video: str) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("counts open files by /proc")
    before = len(list(descriptors.iterdir()))
    pictures = stream_frames(plain_video, read_index(plain_video), np.arange(NUM_FRAMES))
    next(pictures)
    assert len(list(descriptors.iterdir())) > before
    pictures.close()  # type: ignore[attr-defined]
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_video_is_right_up_to_the_group_of_pictures_in_which_it_breaks(
    seed: int, plain_video: str, tmp_path: Path
) -> None:
    index = read_index(plain_video)
    whole = decode_frames(plain_video, index, np.arange(NUM_FRAMES))
    data = bytearray(Path(plain_video).read_bytes())
    rng = np.random.default_rng(seed)
    begin = int(rng.integers(len(data) // 3, 2 * len(data) // 3))
    data[begin : begin + 400] = rng.integers(0, 256, 400, dtype=np.uint8).tobytes()
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    seen = []
    with pytest.raises(DecodeError, match="frame"):
        for picture in stream_frames(str(damaged), index, np.arange(NUM_FRAMES)):
            seen.append(picture)
    right = int(index.pts.searchsorted(index.key_pts[index.keys_of(np.array([len(seen)]))[0]]))
    assert right and np.array_equal(np.stack(seen)[:right], whole[:right])


def test_a_shortened_video_ends_with_an_error(plain_video: str, tmp_path: Path) -> None:
    index = read_index(plain_video)
    shortened = tmp_path / "short.ts"
    shortened.write_bytes(Path(plain_video).read_bytes())
    with pytest.raises(DecodeError, match="does not come out of the decoder"):
        longer = read_index(plain_video)
        object.__setattr__(longer, "packets", np.where(index.packets == 99, 10**6, index.packets))
        list(itertools.islice(stream_frames(str(shortened), longer, np.arange(NUM_FRAMES)), 200))
