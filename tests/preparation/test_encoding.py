"""Copies show the same frames at the same times, upright and small, and decode from near anywhere."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.errors import DecodeError
from slowfast.preparation.encoding import GOP, Encoding, encode_copy
from slowfast.runtime.atomic_files import WriteError
from tests.datasets.videos import HEIGHT, WIDTH, read_numbers, write_video

SAME_SIZE = Encoding(short_side=256, crf=12)
FRAMES = 30
KINDS = {
    "plain.mp4": {"fps": 30},
    "ntsc.mkv": {"fps": Fraction(30000, 1001), "b_frames": 3},
    "variable.mp4": {"pts": [number * 33 + (400 if number > 12 else 0) for number in range(FRAMES)]},
    "raw.h264": {},
    "old.avi": {"codec": "mpeg4", "fps": 24},
}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_their_times_are_kept(tmp_path: Path, kind: str) -> None:
    source = write_video(tmp_path / kind, FRAMES, **KINDS[kind])
    encode_copy(source, tmp_path / "new" / "copy.mp4", SAME_SIZE)
    old, new = read_index(source), read_index(str(tmp_path / "new" / "copy.mp4"))
    everything = np.arange(FRAMES)
    np.testing.assert_allclose(new.seconds(everything), old.seconds(everything), atol=1e-9)
    assert new.duration_sec == pytest.approx(old.duration_sec)
    frames = decode_frames(str(tmp_path / "new" / "copy.mp4"), new, everything)
    assert read_numbers(frames) == list(range(FRAMES))
    difference = frames.astype(int) - decode_frames(source, old, everything)
    assert np.abs(difference).mean() < 6
    assert abs(difference.mean()) < 1  # colours are not shifted


def test_every_eighth_frame_is_a_key_and_none_comes_out_of_order(tmp_path: Path) -> None:
    encode_copy(write_video(tmp_path / "a.mp4", FRAMES, gop=250), tmp_path / "copy.mp4", SAME_SIZE)
    index = read_index(str(tmp_path / "copy.mp4"))
    assert index.key_packets.tolist() == list(range(0, FRAMES, GOP))
    assert index.packets.tolist() == list(range(FRAMES))


def test_short_side_shrinks_and_never_grows(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", 3)
    for short_side, size in ((24, (24, 40)), (25, (26, 42)), (100, (HEIGHT, WIDTH))):
        encode_copy(source, tmp_path / "copy.mp4", Encoding(short_side, 20))
        assert decode_frames(str(tmp_path / "copy.mp4"), read_index(str(tmp_path / "copy.mp4")), [0]).shape[1:3] == size


def test_rotation_is_carried_out(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", 4, rotation=90)
    encode_copy(source, tmp_path / "copy.mp4", SAME_SIZE)
    pictures = [decode_frames(path, read_index(path), [3])[0].astype(int) for path in (source, str(tmp_path / "copy.mp4"))]
    assert pictures[0].shape == pictures[1].shape == (WIDTH, HEIGHT, 3)
    assert np.abs(pictures[0] - pictures[1]).mean() < 6
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) * 6 // 10], r"a\.mp4: the file is cut off"),
        (lambda content: content[:4000] + b"\xff" * 800 + content[4800:], r"a\.mp4: frame \d+ of 30 is damaged"),
    ],
    ids=["cut off", "damaged in the middle"],
)
def test_a_damaged_source_leaves_nothing_behind(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    source = tmp_path / "a.mp4"
    write_video(source, FRAMES, container_options={"movflags": "faststart"})
    source.write_bytes(damage(source.read_bytes()))
    with pytest.raises(DecodeError, match=message):
        encode_copy(str(source), tmp_path / "copy.mp4", SAME_SIZE)
    assert list(tmp_path.iterdir()) == [source]


def test_a_full_disk_is_not_blamed_on_the_source(tmp_path: Path, small_disk: Path, filled: Callable[[Path], None]) -> None:
    source = write_video(tmp_path / "a.mp4", 40, height=128)
    filled(small_disk)
    with pytest.raises(WriteError, match=r"/copy\.mp4: cannot be written: .*free on the disk of"):
        encode_copy(source, small_disk / "copy.mp4", SAME_SIZE)
    assert [path.name for path in small_disk.iterdir()] == ["filling"]


def test_a_stream_that_changes_size_keeps_its_first(tmp_path: Path) -> None:
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    for path, height in zip(parts, (HEIGHT, HEIGHT * 2), strict=True):
        write_video(path, 5, height=height)
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(path.read_bytes() for path in parts))
    index = read_index(str(both))
    encode_copy(str(both), tmp_path / "copy.mp4", SAME_SIZE)
    copy = read_index(str(tmp_path / "copy.mp4"))
    assert copy.num_frames == index.num_frames
    assert decode_frames(str(tmp_path / "copy.mp4"), copy, [copy.num_frames - 1]).shape[1:3] == (HEIGHT, WIDTH)
