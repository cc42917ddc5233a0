"""Pictures are shown as players show them: turned, mirrored, stretched to square pixels, without what edit lists hide."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from videos import HEIGHT, WIDTH, decode_all, picture, read_numbers, write_video

from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.transforms import CropFrames, FixedCrops
from slowfast.preparation.encoding import Encoding, encode_copy
from slowfast.preparation.probing import probe_video

ONE = 1 << 16

ORIENTATIONS = {  # (a, b, c, d): a point (x, y) is shown at (a x + c y, b x + d y)
    "as it is": ((1, 0, 0, 1), lambda image: image),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda image: image[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    "quarter turn to the right": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "quarter turn to the left": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "transposed the other way": ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
}


def orient(path, matrix):
    """Writes a display matrix into the header of an mp4 file."""
    a, b, c, d = matrix
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 40  # behind version, times, number, duration, layer, volume
    entries = struct.pack(">9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + entries + content[place + 36 :])


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_pictures_are_turned_and_mirrored_as_the_file_says(tmp_path, name):
    matrix, apply = ORIENTATIONS[name]
    path = tmp_path / "video.mp4"
    write_video(path, 12)
    plain = decode_all(path)
    orient(path, matrix)
    frames = decode_frames(str(path), read_index(str(path)), range(12))
    assert np.array_equal(frames, np.stack([apply(image) for image in plain]))
    encode_copy(str(path), tmp_path / "copy.mp4", Encoding(short_side=256, crf=0))
    copy = decode_frames(str(tmp_path / "copy.mp4"), read_index(str(tmp_path / "copy.mp4")), range(12))
    assert copy.shape == frames.shape
    assert np.abs(copy.astype(int) - frames).mean() < 4


def write_stretched(path, ratio, size=(WIDTH, HEIGHT), rotation=0):
    """Six pictures whose pixels are `ratio` times as wide as high."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.sample_aspect_ratio = ratio
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(6):
            image = av.VideoFrame.from_ndarray(picture(number, size[1], size[0]), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return str(path)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "ts"])
@pytest.mark.parametrize(
    ("ratio", "width"),
    [(Fraction(4, 3), 107), (Fraction(2), 160), (Fraction(1, 2), 40), (Fraction(12, 11), 87), (Fraction(64, 45), 114)],
)
def test_pixels_that_are_not_square_are_stretched(tmp_path, ending, ratio, width):
    path = write_stretched(tmp_path / f"video.{ending}", ratio)
    frames = decode_frames(path, read_index(path), range(6))
    assert frames.shape == (6, HEIGHT, width, 3)
    bars = frames[:, HEIGHT // 4, ::1].mean(axis=2)
    numbers = [sum(int(bars[i, int((bit + 0.5) * width / 10)] > 128) << bit for bit in range(10)) for i in range(6)]
    assert numbers == list(range(6))
    probe = probe_video(path)
    assert (probe.height, probe.width) == (HEIGHT, width)


def test_copies_have_square_pixels_and_the_shape_that_is_shown(tmp_path):
    path = write_stretched(tmp_path / "video.mp4", Fraction(4, 3))
    encode_copy(path, tmp_path / "copy.mp4", Encoding(short_side=256, crf=12))
    with av.open(str(tmp_path / "copy.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (108, HEIGHT)  # sides are even
        assert stream.sample_aspect_ratio in (None, 1)


def test_stretching_comes_before_turning(tmp_path):
    path = write_stretched(tmp_path / "video.mp4", Fraction(2), rotation=90)
    assert decode_frames(path, read_index(path), [3]).shape == (1, 2 * WIDTH, HEIGHT, 3)


@pytest.mark.parametrize("ratio", [Fraction(1), Fraction(0), Fraction(256, 255), Fraction(1, 1000), Fraction(1000)])
def test_pixels_that_are_nearly_square_or_absurd_are_left_alone(tmp_path, ratio):
    path = write_stretched(tmp_path / "video.mp4", ratio)
    assert read_numbers(decode_frames(path, read_index(path), range(6))) == list(range(6))


def test_crops_are_taken_from_the_stretched_picture(tmp_path):
    path = write_stretched(tmp_path / "video.mp4", Fraction(2))
    crop = CropFrames(FixedCrops(size=HEIGHT).draw(0, np.random.default_rng(0)))
    frames = decode_frames(path, read_index(path), [5], crop)
    whole = decode_frames(path, read_index(path), [5])[0]
    middle = (2 * WIDTH - HEIGHT) // 2
    assert np.abs(frames[0].astype(int) - whole[:, middle : middle + HEIGHT]).mean() < 12


def set_edits(path, edits, scale_ratio):
    """Replaces the edit list of an mp4 file by (duration in frames, first frame, or -1 for a pause) each."""
    content = path.read_bytes()
    place = content.index(b"elst") - 4
    old = int.from_bytes(content[place : place + 4])
    movie, media = scale_ratio
    rows = b"".join(struct.pack(">iiI", round(n * movie), -1 if first < 0 else round(first * media), ONE) for n, first in edits)
    entry = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, len(edits)) + rows
    grown = len(entry) - old
    content = content[:place] + entry + content[place + old :]
    for name in (b"edts", b"trak", b"moov"):
        box = content.index(name) - 4
        size = int.from_bytes(content[box : box + 4]) + grown
        content = content[:box] + size.to_bytes(4) + content[box + 4 :]
    path.write_bytes(content)  # the table stands behind the pictures, whose places stay the same


@pytest.mark.parametrize(
    "edits",
    [[(20, 10)], [(30, 0)], [(25, 5)], [(10, -1), (30, 0)], [(10, 20), (10, 0)], [(10, 3), (10, 30)], [(5, 0), (5, 0)]],
    ids=["middle", "end hidden", "beginning hidden", "pause first", "swapped", "hole", "shown twice"],
)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_edit_lists_are_followed_as_the_decoder_follows_them(tmp_path, b_frames, edits):
    path = tmp_path / "video.mp4"
    write_video(path, 40, gop=8, b_frames=b_frames)
    with av.open(str(path)) as container:
        media = float(1 / container.streams.video[0].time_base / 30)
    shift = 2 if b_frames else 0  # a B-frame delay of two frames stands in front
    set_edits(path, [(n, first + shift if first >= 0 else first) for n, first in edits], (1000 / 30, media))
    everything = decode_all(path)
    index = read_index(str(path))
    numbers = read_numbers(everything)
    assert index.num_frames == len(everything)
    assert set(numbers) < set(range(40)) or edits[0] == (10, -1)
    assert read_numbers(decode_frames(str(path), index, range(index.num_frames))) == numbers
    for number in range(index.num_frames):
        assert np.array_equal(decode_frames(str(path), index, [number])[0], everything[number])
