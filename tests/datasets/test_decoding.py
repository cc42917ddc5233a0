"""Decoding: exactly the frames asked for, from every kind of file; a reason for every file that cannot be read."""

import itertools
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from conftest import KINDS, NUM_FRAMES, VARIABLE_STAMPS
from videos import HEIGHT, WIDTH, decode_all, read_numbers, write_audio, write_video

from slowfast.datasets.decoding import VideoIndex, decode_frames, read_index, reader
from slowfast.datasets.decoding.plan import Stretch, plan_stretches
from slowfast.datasets.decoding.seeking import packets_from
from slowfast.datasets.errors import DecodeError


@pytest.fixture
def no_second_attempt(monkeypatch):
    """Decoding from the start would hide that the planned decoding missed a frame."""

    def fail(*_):
        raise AssertionError("the planned decoding missed a frame")

    monkeypatch.setattr(reader, "from_start", fail)


@pytest.mark.usefixtures("no_second_attempt")
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"raw.h264"}))
def test_any_set_of_frames_equals_decoding_everything(get_video, kind):
    check_random_sets(get_video(kind))


def test_frames_without_time_stamps_are_counted(get_video):
    assert read_index(get_video("raw.h264")).stamps == "count"
    check_random_sets(get_video("raw.h264"))


def check_random_sets(path):
    everything = decode_all(path)
    assert read_numbers(everything) == list(range(NUM_FRAMES)), "the file itself is wrong"
    index = read_index(path)
    assert index.num_frames == NUM_FRAMES
    rng = np.random.default_rng(5)
    for size in (1, 1, 1, 2, 8, 40):
        wanted = rng.integers(0, NUM_FRAMES, size)
        assert np.array_equal(decode_frames(path, index, wanted), everything[wanted]), wanted


@pytest.mark.parametrize("kind", ["plain.mp4", "open_gop.mp4", "matroska.mkv", "stream.ts"])
def test_every_single_frame_can_be_had_alone(get_video, kind):
    path = get_video(kind)
    index = read_index(path)
    assert [read_numbers(decode_frames(path, index, [number]))[0] for number in range(NUM_FRAMES)] == list(range(NUM_FRAMES))


@pytest.mark.parametrize("kind", ["plain.mp4", "long_gop.mp4", "open_gop.mp4", "tiny_gop.mp4", "intra.mp4"])
def test_planned_stretches_begin_at_keys_and_hold_every_wanted_packet(get_video, kind):
    index = read_index(get_video(kind))
    rng = np.random.default_rng(6)
    for _ in range(50):
        wanted = np.unique(rng.integers(0, NUM_FRAMES, 5))
        stretches = plan_stretches(index, wanted)
        assert all(stretch.first == index.key_packets[stretch.key] for stretch in stretches)
        assert all(before.last + 1 < after.first for before, after in itertools.pairwise(stretches))
        for packet in index.packets[wanted]:
            assert any(stretch.first <= packet <= stretch.last for stretch in stretches)


def test_groups_of_pictures_without_wanted_frames_are_not_decoded(get_video):
    index = read_index(get_video("plain.mp4"))
    assert index.key_packets.tolist() == list(range(0, NUM_FRAMES, 12))
    assert plan_stretches(index, np.array([0, 24, 60])) == [Stretch(0, 0, 0), Stretch(2, 24, 24), Stretch(5, 60, 60)]


def test_decoding_begins_at_the_key_before_the_first_wanted_frame(plain_video, monkeypatch):
    index, seeks = read_index(plain_video), []

    class Spy:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def seek(self, target, **arguments):
            seeks.append(target)
            self.container.seek(target, **arguments)

    monkeypatch.setattr(reader, "packets_from", lambda c, *rest, original=reader.packets_from: original(Spy(c), *rest))
    decode_frames(plain_video, index, [55])
    assert seeks == [index.key_pts[4]]


def test_index_tells_rate_and_duration_where_headers_do_not(get_video):
    for kind in ("plain.mp4", "live.mkv", "fragmented.mp4", "stream.ts"):
        index = read_index(get_video(kind))
        assert index.duration_sec == pytest.approx(NUM_FRAMES / 30, abs=0.002), kind
        assert index.fps == pytest.approx(30, abs=0.02), kind


@pytest.mark.parametrize("kind", ["plain.mp4", "matroska.mkv", "stream.ts", "variable.mp4"])
def test_grid_shows_the_last_frame_not_after_its_moment(get_video, kind):
    index = read_index(get_video(kind))
    stamps = [s / 1000 for s in VARIABLE_STAMPS] if kind == "variable.mp4" else [i / 30 for i in range(NUM_FRAMES)]
    length = index.grid_length(24)
    assert length == pytest.approx(index.duration_sec * 24, abs=1)
    shown = index.on_grid(np.arange(length), 24).tolist()
    expected = [max(i for i, stamp in enumerate(stamps) if stamp <= position / 24 + 0.0006) for position in range(length)]
    assert shown == expected


def test_video_at_the_rate_of_the_grid_is_the_grid(tmp_path):
    for name in ("video.mp4", "video.mkv"):
        index = read_index(write_video(tmp_path / name, 30, fps=24))
        assert index.grid_length(24) == 30
        assert index.on_grid(np.arange(30), 24).tolist() == list(range(30))


def test_grid_has_a_frame_even_when_the_video_is_shorter_than_one(tmp_path):
    index = read_index(write_video(tmp_path / "one.mp4", 1, fps=60))
    assert index.grid_length(24) == 1
    assert read_numbers(decode_frames(str(tmp_path / "one.mp4"), index, index.on_grid(np.zeros(4, int), 24))) == [0] * 4


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_rotated_videos_are_shown_upright(tmp_path, turn):
    path = write_video(tmp_path / "turned.mp4", 3, rotation=turn)
    with av.open(path) as container:
        stated = next(container.decode(video=0)).rotation
    assert abs(stated) == abs(turn)
    frames = decode_frames(path, read_index(path), [0, 1, 2])
    assert np.array_equal(frames, np.rot90(decode_all(path), stated // 90, axes=(1, 2)))


def test_frames_hidden_by_an_edit_list_do_not_count(tmp_path, get_video):
    path = str(tmp_path / "cut.mp4")
    with av.open(get_video("long_gop.mp4")) as source, av.open(path, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        shift = round(1 / source.streams.video[0].time_base)  # the first 30 frames get negative time stamps
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                target.mux(packet)
    index = read_index(path)
    assert index.num_frames < NUM_FRAMES
    expected = decode_all(path)
    assert index.num_frames == len(expected)
    assert np.array_equal(decode_frames(path, index, [0, 5, index.num_frames - 1]), expected[[0, 5, -1]])


def cut(path, target, share):
    content = Path(path).read_bytes()
    Path(target).write_bytes(content[: int(len(content) * share)])
    return str(target)


class LateContainer:
    """Packets 0, 10, ... 90 (pts), every one a key; a seek lands `late` packets behind its target."""

    def __init__(self, late):
        self.late, self.place = late, 0

    def seek(self, target, stream):
        self.place = min(target // 10 + self.late, 9)

    def demux(self, stream):
        yield from (SimpleNamespace(pts=10 * place, size=1) for place in range(self.place, 10))


@pytest.mark.parametrize("late", [-2, 0, 1, 3])
def test_a_seek_that_lands_too_late_is_tried_farther_back(late):
    numbers = np.arange(10)
    index = VideoIndex(
        time_base=Fraction(1, 100), pts=numbers * 10, end=100, packets=numbers, num_packets=10,
        key_pts=numbers * 10, key_dts=numbers * 10, key_packets=numbers,
    )  # fmt: skip
    packets = list(packets_from(LateContainer(late), None, index, 5))
    assert packets[0][0] <= 5
    assert packets[-1][0] == 9
    assert all(packet.pts == 10 * number for number, packet in packets)


def test_no_packet_is_given_out_when_no_seek_leads_far_enough_back():
    numbers = np.arange(10)
    index = VideoIndex(
        time_base=Fraction(1, 100), pts=numbers * 10, end=100, packets=numbers, num_packets=10,
        key_pts=numbers * 10, key_dts=numbers * 10, key_packets=numbers,
    )  # fmt: skip
    assert list(packets_from(LateContainer(9), None, index, 5)) == []


def test_damage_where_wanted_frames_lie_is_an_error_and_elsewhere_is_none(tmp_path, monkeypatch):
    path = write_video(tmp_path / "good.mkv", 60, codec="ffv1", b_frames=0, gop=1)
    with av.open(path) as container:
        packet = next(p for p in container.demux(video=0) if p.pts and p.pts > 1000)
        payload = bytes(packet)
    content = Path(path).read_bytes()
    place = content.index(payload)
    bad = tmp_path / "bad.mkv"
    bad.write_bytes(content[:place] + b"\xff" * len(payload) + content[place + len(payload) :])
    index = read_index(str(bad))
    number = int(np.searchsorted(index.pts, packet.pts))
    with monkeypatch.context() as patch:
        patch.setattr(reader, "from_start", None)  # the damaged packet must not even be decoded
        assert read_numbers(decode_frames(str(bad), index, [number - 1, number + 1])) == [number - 1, number + 1]
    with pytest.raises(DecodeError, match=rf"bad\.mkv: frame {number} of 60 is damaged") as caught:
        decode_frames(str(bad), index, [3, number])
    assert caught.value.path == str(bad)


def test_frames_that_never_come_are_an_error(tmp_path):
    path = write_video(tmp_path / "short.mp4", 20, b_frames=0)
    promising = read_index(write_video(tmp_path / "long.mp4", 40, b_frames=0))
    with pytest.raises(DecodeError, match=r"short\.mp4: frame 35 of 40 does not come out of the decoder"):
        decode_frames(path, promising, [10, 19, 35])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "the file does not exist"),
        (lambda path: path.write_bytes(b""), "cannot be read as a video"),
        (lambda path: path.write_bytes(b"<html>not found</html>" * 100), "cannot be read as a video"),
        (lambda path: path.mkdir(), "cannot be read as a video"),
        (lambda path: write_audio(path), "holds no video stream"),
        (lambda path: cut(write_video(path.with_name("w.mp4"), 10), path, 0.5), "cannot be read as a video"),
    ],
    ids=["missing", "empty", "html", "folder", "audio only", "mp4 without its table"],
)
def test_unreadable_files_say_path_and_reason(tmp_path, make, reason):
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(DecodeError, match=reason) as caught:
        read_index(str(path))
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert ": " not in caught.value.reason


def test_a_transform_writes_every_frame_in_place(plain_video):
    class Corner:
        def output_size(self, height, width):
            assert (height, width) == (HEIGHT, WIDTH)
            return 4, 6

        def __call__(self, image, out):
            out[:] = image[:4, :6]

    index = read_index(plain_video)
    frames = decode_frames(plain_video, index, [7, 3, 7], Corner())
    assert np.array_equal(frames, decode_all(plain_video)[[7, 3, 7], :4, :6])
