"""Damaged files of every container: exactly the frames that are asked for, or DecodeError. Nothing else."""

import random
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from odd_streams import write_fields
from videos import decode_all, read_numbers, write_audio, write_video

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding import check_frames, decode_frames, read_index
from slowfast.preparation.probing import probe_video

NUM_FRAMES = 40

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
INDEXED_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof+global_sidx"}
FAST_VPX = {"codec": "libvpx", "b_frames": 0, "options": {"deadline": "realtime", "cpu-used": "8"}}

CONTAINERS = {
    "plain.mp4": {},
    "faststart.mp4": {"container_options": {"movflags": "faststart"}},
    "fragments.mp4": {"container_options": FRAGMENTS},
    "indexed_fragments.mp4": {"container_options": INDEXED_FRAGMENTS},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "faststart.mov": {"container_options": {"movflags": "faststart"}},
    "mpeg4.3gp": {"codec": "mpeg4"},
    "plain.mkv": {},
    "live.mkv": {"container_options": {"live": "1"}},
    "vp8.webm": FAST_VPX,
    "h264.avi": {},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "b_frames": 0, "options": {"strict": "-1"}},
    "h264.ts": {},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "h264.m2ts": {},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "mpeg2.vob": {"codec": "mpeg2video"},
    "h264.flv": {},
    "flv1.flv": {"codec": "flv", "b_frames": 0},
    "wmv2.wmv": {"codec": "wmv2", "b_frames": 0},
    "h264.asf": {},
    "vp8.ogv": FAST_VPX,
    "grey.gif": {"codec": "gif", "b_frames": 0, "pix_fmt": "gray"},
    "mpeg2.mxf": {"codec": "mpeg2video"},
    "vp8.ivf": FAST_VPX,
    "raw.h264": {},
}


@pytest.fixture(scope="module")
def get_whole(tmp_path_factory):
    """Path of a whole file of one of CONTAINERS."""
    folder = tmp_path_factory.mktemp("whole")

    def get(kind):
        path = folder / kind
        return path if path.exists() else Path(write_video(path, NUM_FRAMES, **CONTAINERS[kind]))

    return get


def flip_bits(content, rng):
    for _ in range(rng.choice([1, 1, 5, 50])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def cut_off(content, rng):
    del content[rng.randrange(len(content)) :]


def overwrite(content, rng):
    begin, length = rng.randrange(len(content)), rng.choice([4, 64, 1000, 10000])
    filling = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    content[begin : begin + length] = filling[: len(content) - begin]


def swap_blocks(content, rng):
    length = rng.choice([16, 512, 2000])
    first, second = (rng.randrange(max(len(content) - length, 1)) for _ in range(2))
    content[first : first + length], content[second : second + length] = (
        content[second : second + length],
        content[first : first + length],
    )


def insert_rubbish(content, rng):
    place = rng.choice([0, len(content), rng.randrange(len(content))])
    content[place:place] = rng.randbytes(rng.choice([1, 50, 4096]))


def leave_out(content, rng):
    begin = rng.randrange(len(content))
    del content[begin : begin + rng.choice([1, 188, 1000])]


DAMAGE = (flip_bits, cut_off, overwrite, swap_blocks, insert_rubbish, leave_out)


def contents(path):
    """(header of the codec, [bytes of each packet]) of the video stream."""
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        stream = next(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
        return bytes(stream.codec_context.extradata or b""), [bytes(p) for p in container.demux(stream) if p.size]


def wrong_frames(path, index, wanted, frames, original):
    """Those of the frames `wanted` that are not exact, though nothing that they are decoded from was damaged."""
    (good_header, good_packets), good_pictures = original
    header, packets = contents(path)
    if header != good_header:
        return []
    wrong = []
    for number, frame in zip(wanted, frames, strict=True):
        last, key = int(index.packets[number]), int(index.keys_of(np.array([number]))[0])
        needed = packets[int(index.key_packets[key]) if key >= 0 else 0 : last + 1]
        place = good_packets.index(needed[0]) if needed[0] in good_packets else 0
        if needed != good_packets[place : place + len(needed)]:
            continue  # what it shows now is for the decoder to say
        if not is_shown_as(frame, good_pictures[place + len(needed) - 1]):
            wrong.append(number)
    return wrong


def is_shown_as(frame, picture):
    """Equality, but for turns and stretches that a damaged header of the container may ask for."""
    if frame.shape != picture.shape:
        return True
    return any(np.array_equal(frame, picture[::down, ::across]) for down in (1, -1) for across in (1, -1))


FILES_A_CONTAINER = 75  # two thousand in all


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_damaged_file_gives_exact_frames_or_an_error(get_whole, tmp_path, kind):
    whole = get_whole(kind)
    content, rng = whole.read_bytes(), random.Random(whole.name)
    index = read_index(str(whole))
    pictures = decode_frames(str(whole), index, range(NUM_FRAMES))
    assert read_numbers(pictures) == list(range(NUM_FRAMES))
    original = contents(whole), dict(zip(index.packets.tolist(), pictures, strict=True))
    for number in range(FILES_A_CONTAINER):
        damaged = bytearray(content)
        damage = DAMAGE[number % len(DAMAGE)]
        damage(damaged, rng)
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(damaged)
        try:
            index = read_index(str(path))
            wanted = sorted({0, index.num_frames - 1, *rng.sample(range(index.num_frames), min(3, index.num_frames))})
            frames = decode_frames(str(path), index, wanted)
        except DecodeError as error:
            assert error.path == str(path)
            assert error.reason
        else:
            assert wrong_frames(path, index, wanted, frames, original) == [], (damage.__name__, path)
        path.unlink()


BLIND_TO_LOSSES = {"fragments.mp4", "live.mkv", "h264.ts", "mpeg2.ts", "mpeg2.mpg", "mpeg2.vob", "grey.gif", "raw.h264"}
"""Bytes may go missing from these in such a way that what is left is a file without a flaw."""


@pytest.mark.parametrize("kind", sorted(set(CONTAINERS) - BLIND_TO_LOSSES))
def test_bytes_that_are_missing_from_the_middle_are_noticed(get_whole, tmp_path, kind):
    whole = get_whole(kind)
    content, rng = whole.read_bytes(), random.Random(kind)
    good = decode_frames(str(whole), read_index(str(whole)), range(NUM_FRAMES))
    path = tmp_path / kind
    noticed = 0
    for _ in range(8):
        begin = rng.randrange(600, len(content))
        path.write_bytes(content[:begin] + content[begin + rng.choice([188, 1000, 4000]) :])
        try:
            index = read_index(str(path))
            frames = decode_frames(str(path), index, range(index.num_frames))
        except DecodeError:
            noticed += 1
        else:  # then it is not the video that is missing
            assert np.array_equal(frames, good)
    assert noticed > 3


WITHOUT_KNOWN_END = {"raw.h264"}


@pytest.mark.parametrize("kind", sorted(set(CONTAINERS) - WITHOUT_KNOWN_END))
def test_a_file_that_was_cut_off_never_counts_as_a_shorter_one(get_whole, tmp_path, kind):
    content, rng = get_whole(kind).read_bytes(), random.Random(kind)
    path = tmp_path / kind
    # At multiples of 188 bytes a transport stream may end.
    places = [rng.randrange(600, len(content)) // 188 * 188 + 87 for _ in range(15)]
    named = 0
    for place in places:
        path.write_bytes(content[:place])
        try:
            index = read_index(str(path))
        except DecodeError as error:
            named += "is cut off" in error.reason
        else:  # then it is not the video that is missing
            assert read_numbers(decode_frames(str(path), index, range(index.num_frames))) == list(range(NUM_FRAMES))
    may_be_named = kind not in ("plain.mp4", "mpeg4.3gp", "hevc.mp4")  # their table stands at the end
    assert not may_be_named or named > 5


@pytest.mark.parametrize(
    ("kind", "much"),
    [
        ("faststart.mp4", r"[12]\d of 40 frames"),
        ("faststart.mov", r"[12]\d of 40 frames"),
        ("h264.avi", r"[12]\d of 40 frames"),
        ("vp8.ivf", r"[12]\d of 40 frames"),
        ("plain.mkv", r"[12]\d frames, 0\.\d of 1\.3 s"),
        ("vp8.webm", r"[12]\d frames, 0\.\d of 1\.3 s"),
        ("h264.flv", r"[12]\d frames, 0\.\d of 1\.\d s"),
        ("fragments.mp4", r"[12]\d frames"),
        ("h264.ts", r"[12]\d frames"),
    ],
)
def test_an_error_says_how_much_of_a_cut_off_file_is_there(get_whole, tmp_path, kind, much):
    content = get_whole(kind).read_bytes()
    path = tmp_path / kind
    path.write_bytes(content[: len(content) * 65 // 100 // 188 * 188 + 9])
    with pytest.raises(DecodeError, match=rf"^{path}: the file is cut off, {much} can be found in it$"):
        read_index(str(path))
    assert "is cut off" in probe_video(str(path)).problem


def damage_packet(path, number):
    """Overwrites the middle of a packet of a file."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
        content = path.read_bytes()
        place, length = content.index(bytes(packet)[: packet.size // 2]) + packet.size // 4, packet.size // 4
        path.write_bytes(content[:place] + b"\xff" * length + content[place + length :])


@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "a.mov"])
def test_what_the_decoder_marks_as_corrupt_is_an_error_and_so_is_what_refers_to_it(tmp_path, kind):
    path = tmp_path / kind
    write_video(path, 60, b_frames=0, gop=20)
    good = decode_all(path)
    damage_packet(path, 25)
    index = read_index(str(path))
    assert index.num_frames == 60
    others = [*range(25), *range(40, 60)]
    assert np.array_equal(decode_frames(str(path), index, others), good[others])
    for number in (25, 26, 33, 39):
        with pytest.raises(DecodeError, match=rf"frame {number} of 60 is damaged"):
            decode_frames(str(path), index, [number])
    with pytest.raises(DecodeError, match="frame 25 of 60 is damaged"):
        check_frames(str(path), index)
    assert not probe_video(str(path)).problem
    assert "frame 25 of 60 is damaged" in probe_video(str(path), every_frame=True).problem


def test_damage_reaches_frames_shown_before_an_open_key_and_none_behind_it(tmp_path):
    path = tmp_path / "open.mp4"
    write_video(path, 60, b_frames=3, options={"x264-params": "open-gop=1:b-adapt=0"})
    index = read_index(str(path))
    key = int(np.searchsorted(index.pts, index.key_pts[1]))
    assert index.packets[key - 1] > index.packets[key]  # shown before the key, coded after it
    good = decode_all(path)
    damage_packet(path, int(index.packets[key - 4]))
    with pytest.raises(DecodeError, match=rf"frame {key - 1} of 60"):
        decode_frames(str(path), index, [key - 1])
    assert np.array_equal(decode_frames(str(path), index, [key, key + 3]), good[[key, key + 3]])


def test_time_stamps_that_contradict_the_decoder_are_an_error(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, 40, gop=40)
    content = path.read_bytes()
    table = content.index(b"ctts") + 12  # entries of (how many frames, how much later they are shown than decoded)
    path.write_bytes(content[: table + 8 * 3 + 4] + (5000).to_bytes(4, "big") + content[table + 8 * 3 + 8 :])
    index = read_index(str(path))
    with pytest.raises(DecodeError, match=r"frame \d+ comes out of the decoder behind frame \d+"):
        check_frames(str(path), index)


def test_damage_to_one_field_is_damage_to_its_frame(tmp_path):
    path = Path(write_fields(tmp_path / "fields.mp4", 12, stamps_a_frame=2))
    damage_packet(path, 9)
    index = read_index(str(path))
    with pytest.raises(DecodeError, match="frame 4 of 12 is damaged"):
        decode_frames(str(path), index, [4])


def test_a_file_without_streams_and_one_of_an_unknown_codec_are_errors(get_whole, tmp_path):
    content = get_whole("faststart.mp4").read_bytes()
    path = tmp_path / "codec.mp4"
    path.write_bytes(content.replace(b"avc1", b"zzz1"))
    with pytest.raises(DecodeError, match="its codec is unknown"):
        read_index(str(path))
    path = tmp_path / "no_track.mp4"
    path.write_bytes(content.replace(b"trak", b"free"))
    with pytest.raises(DecodeError, match="holds no video stream"):
        read_index(str(path))
    with pytest.raises(DecodeError, match="holds no video stream"):
        read_index(write_audio(tmp_path / "sound.m4a"))
