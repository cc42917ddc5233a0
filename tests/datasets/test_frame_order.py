"""Files whose time stamps do not tell the order of their frames: the decoder does, and every frame can still be had alone."""

import av
import numpy as np
import pytest
from odd_streams import luma_of, mux, packets_of, write_fields, write_packed_avi
from videos import decode_all, read_numbers, write_video

from slowfast.datasets.decoding import check_frames, decode_frames, indexing, read_index, reader

NUM_FRAMES = 60

WITHOUT_STAMPS = {
    "packed.avi": write_packed_avi,
    "packed_pairs.avi": lambda path, count: write_packed_avi(path, count, b_frames=1, gop=9),
    "mpeg4.avi": lambda path, count: write_video(path, count, codec="mpeg4"),
    "mpeg4_in_order.avi": lambda path, count: write_video(path, count, codec="mpeg4", b_frames=0),
    "h264.avi": write_video,
    "h264_pyramid.avi": lambda path, count: write_video(
        path, count, gop=20, b_frames=5, options={"x264-params": "b-pyramid=normal:b-adapt=0"}
    ),
    "h264_open.avi": lambda path, count: write_video(path, count, options={"x264-params": "open-gop=1"}),
    "h264_in_order.avi": lambda path, count: write_video(path, count, b_frames=0),
    "mjpeg.avi": lambda path, count: write_video(path, count, codec="mjpeg", b_frames=0, options={"strict": "-1"}),
    "h264.asf": write_video,
    "mpeg4.wmv": lambda path, count: write_video(path, count, codec="mpeg4"),
    "wmv2.wmv": lambda path, count: write_video(path, count, codec="wmv2", b_frames=0),
    "mpeg1.mpg": lambda path, count: write_video(path, count, codec="mpeg1video"),
    "raw.h264": write_video,
    "raw.hevc": lambda path, count: write_video(path, count, codec="libx265", options={"x265-params": "log-level=none"}),
    "raw.m2v": lambda path, count: write_video(path, count, codec="mpeg2video"),
    "stamps_of_decoding.mp4": lambda path, count: remux_in_coding_order(path, count),
    "stamps_of_decoding.mkv": lambda path, count: remux_in_coding_order(path, count),
    "stamps_of_decoding.flv": lambda path, count: remux_in_coding_order(path, count),
}


def remux_in_coding_order(path, count):
    """What copying a stream out of AVI makes: every frame claims to be shown when it is decoded."""
    plain = write_video(path.with_name(f"plain_of_{path.stem}.mp4"), count)
    return mux(path, plain, packets_of(plain))


@pytest.mark.parametrize("kind", WITHOUT_STAMPS)
def test_frames_come_in_the_order_of_the_decoder(tmp_path, monkeypatch, kind):
    path = WITHOUT_STAMPS[kind](tmp_path / kind, NUM_FRAMES)
    everything = decode_all(path)
    assert read_numbers(everything) == list(range(NUM_FRAMES)), "the file itself is wrong"
    index = read_index(path)
    assert index.num_frames == NUM_FRAMES
    assert np.array_equal(decode_frames(path, index, range(NUM_FRAMES)), everything)
    check_frames(path, index)
    if index.stamps != "count" and not kind.endswith(".mpg"):  # where FFmpeg's seeks may lead nowhere
        monkeypatch.setattr(reader, "from_start", None)  # any frame can be had without decoding all before it
    rng = np.random.default_rng(7)
    for size in (1, 1, 1, 1, 2, 8):
        wanted = rng.integers(0, NUM_FRAMES, size)
        assert np.array_equal(decode_frames(path, index, wanted), everything[wanted]), wanted


@pytest.mark.parametrize("kind", [kind for kind in WITHOUT_STAMPS if kind.endswith((".avi", ".asf", ".wmv", ".mp4", ".mkv"))])
def test_frames_without_stamps_of_their_own_are_shown_at_a_constant_rate(tmp_path, kind):
    path = WITHOUT_STAMPS[kind](tmp_path / kind, 30)
    with av.open(str(path)) as container:
        if kind.endswith(".mkv") and container.streams.video[0].average_rate != 30:
            pytest.skip("this version of PyAV writes no frame rate into Matroska, whose stamps are whole milliseconds")
    index = read_index(path)
    assert index.duration_sec == pytest.approx(1, abs=0.003)
    np.testing.assert_allclose(index.seconds(np.arange(30)), np.arange(30) / 30, atol=0.0011)


FIELDS = {
    "one_stamp_a_picture.ts": {},
    "a_stamp_a_field.ts": {"stamps_a_frame": 2},
    "a_packet_a_field.mp4": {"stamps_a_frame": 2},
    "a_packet_a_field.mkv": {"stamps_a_frame": 2},
    "a_packet_a_picture.mp4": {"packets_a_frame": 1},
    "a_packet_a_picture.mkv": {"packets_a_frame": 1},
    "a_stamp_a_field.avi": {"stamps_a_frame": 2},
    "raw.h264": {},
}


@pytest.mark.parametrize("kind", FIELDS)
def test_two_fields_are_one_frame(tmp_path, kind):
    path = write_fields(tmp_path / kind, 40, **FIELDS[kind])
    index = read_index(path)
    assert index.num_frames == 40
    if not kind.endswith(".avi"):  # where the first second of the stamps is a pause
        assert index.duration_sec == pytest.approx(1.6, abs=0.041)
        assert index.fps == pytest.approx(25, abs=0.7)
    everything = decode_all(path)
    greys = everything.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, [(luma_of(frame) - 16) * 255 / 219 for frame in range(40)], atol=1)
    for wanted in ([0], [39], [17], [3, 4, 30]):
        assert np.array_equal(decode_frames(path, index, wanted), everything[wanted])


@pytest.mark.parametrize("kind", ["one_stamp_a_picture.ts", "a_packet_a_field.mp4", "a_packet_a_picture.mkv"])
def test_fields_are_told_without_decoding(tmp_path, monkeypatch, kind):
    path = write_fields(tmp_path / kind, 40, **FIELDS[kind])
    monkeypatch.setattr(indexing, "_decoding_order", None)
    assert read_index(path).num_frames == 40


def test_interlaced_frames_that_are_not_cut_into_fields_stay_what_they_are(tmp_path):
    path = write_video(tmp_path / "interlaced.mp4", 40, options={"x264-params": "tff=1"})
    index = read_index(path)
    assert (index.num_frames, index.fps, index.stamps) == (40, 30, "pts")
    assert np.array_equal(decode_frames(path, index, range(40)), decode_all(path))


def test_pictures_that_avi_drops_are_shown_longer(tmp_path):
    plain = write_video(tmp_path / "plain.avi", 20, codec="mpeg4", b_frames=0)
    stamps = [(number + 5 * (number > 9),) * 2 for number in range(20)]
    path = mux(tmp_path / "dropped.avi", plain, packets_of(plain), stamps=stamps)
    index = read_index(path)
    assert index.num_frames == 20
    assert index.seconds(np.array([9, 10])) * 30 == pytest.approx([9, 15])
    assert read_numbers(decode_frames(path, index, range(20))) == list(range(20))


def test_vp8_frames_that_are_never_shown_do_not_count(tmp_path):
    plain = write_video(tmp_path / "plain.webm", 20, codec="libvpx", b_frames=0, options={"deadline": "realtime"})
    packets = packets_of(plain)
    content, _ = packets[7]
    packets.insert(7, (bytes([content[0] & ~0x10]) + content[1:], False))  # the same frame, not to be shown
    stamps = [(number,) * 2 for number in range(21)]
    path = mux(tmp_path / "hidden.webm", plain, packets, stamps=stamps)
    index = read_index(path)
    assert index.num_frames == 20
    assert len(decode_frames(path, index, range(20))) == 20


def test_a_recording_that_begins_in_the_middle_has_the_frames_that_can_be_decoded(tmp_path):
    write_video(tmp_path / "plain.ts", 60, options={"x264-params": "open-gop=1"})
    content = (tmp_path / "plain.ts").read_bytes()
    path = tmp_path / "later.ts"
    path.write_bytes(content[188 * (len(content) // 188 // 3) :])
    numbers = read_numbers(decode_all(path))
    index = read_index(str(path))
    found = read_numbers(decode_frames(str(path), index, range(index.num_frames)))
    assert found == numbers[-len(found) :] == list(range(60 - len(found), 60))
    assert len(found) > 30
