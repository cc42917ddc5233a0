"""Paths are files, whatever they look like, and files are read alone; a cover picture is no video."""

import shutil
import socket

import av
import numpy as np
import pytest
from av.stream import Disposition
from videos import read_numbers, write_video

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding import IndexCache, decode_frames, read_index
from slowfast.preparation.probing import probe_video

ODD_NAMES = [
    "tcp:x.mp4", "file:x.mp4", "http:x.mp4", "concat:a.mp4|b.mp4", "pipe:0", "data:,x.mp4", "-x.mp4", "-", "a%03d.mp4",
    "%s%n.mp4", "a:b.mp4", "a?b.mp4", "a#b.mp4", "a b\tc.mp4", "ü\u202e.mp4", "b\udcff.mp4", "no ending", ".mp4", "a\nb.mp4",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_that_a_file_can_have_is_a_name(plain_video, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(plain_video, name)
    assert read_numbers(decode_frames(name, IndexCache("cache").read(name), [3, 50])) == [3, 50]
    assert probe_video(name).num_frames == 100


@pytest.mark.parametrize(
    "name", ["a\0b.mp4", "\ud800.mp4", "x" * 300, "", "missing.mp4", "file:missing.mp4", "concat:good.mp4"]
)
def test_names_that_no_file_can_have_and_missing_files_are_errors(plain_video, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(plain_video, "good.mp4")
    for read in (read_index, IndexCache("cache").read):
        with pytest.raises(DecodeError, match=r"the file (does not exist|cannot be opened)") as caught:
            read(name)
        assert caught.value.path == name
    assert probe_video(name).problem


@pytest.fixture
def server():
    """Listens on a port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.05)
        yield listener


def visitors(listener):
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


SCRIPTS = {
    "ffconcat": "ffconcat version 1.0\nfile good.mp4\n",
    "ffconcat address": "ffconcat version 1.0\nfile tcp://127.0.0.1:PORT\n",
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ngood.mp4\n#EXT-X-ENDLIST\n",
    "playlist of addresses": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:PORT/a.ts\n#EXT-X-ENDLIST\n",
    "main playlist": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:PORT/a.m3u8\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
    "<BaseURL>http://127.0.0.1:PORT/</BaseURL></MPD>",
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video PORT RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("ending", ["mp4", "m3u8", "ffconcat", "ts", "sdp", "mpd"])
@pytest.mark.parametrize("kind", SCRIPTS)
def test_lists_of_other_files_and_addresses_open_nothing(plain_video, tmp_path, monkeypatch, server, kind, ending):
    monkeypatch.chdir(tmp_path)
    shutil.copy(plain_video, "good.mp4")
    script = tmp_path / f"list.{ending}"
    script.write_text(SCRIPTS[kind].replace("PORT", str(server.getsockname()[1])))
    with pytest.raises(DecodeError, match="cannot be read as a video"):
        read_index(str(script))
    assert visitors(server) == 0


def test_an_address_opens_nothing(server):
    port = server.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", f"http://127.0.0.1:{port}/a.mp4", f"tcp:127.0.0.1:{port}"):
        with pytest.raises(DecodeError, match="does not exist"):
            read_index(address)
    assert visitors(server) == 0


def write_with_cover(path, video=None):
    """A file with a cover picture, sound, and behind them the stream of a video if there is one."""
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1, options={"strict": "-1"})
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 64, 64, "yuvj420p", Disposition.attached_pic
        heard = container.add_stream("aac", rate=16000)
        packets = cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
        if video:
            with av.open(str(video)) as source:
                shown = container.add_stream_from_template(source.streams.video[0])
                container.mux(packets)
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream = shown
                        container.mux(packet)
        else:
            container.mux(packets)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16000
        container.mux(heard.encode(frame))
        container.mux(heard.encode(None))
    return str(path)


@pytest.mark.parametrize("name", ["sound.m4a", "sound.mp4"])
def test_a_cover_picture_is_no_video(tmp_path, name):
    path = write_with_cover(tmp_path / name)
    with av.open(path) as container:
        assert container.streams.video[0].disposition & Disposition.attached_pic
    with pytest.raises(DecodeError, match="holds no video stream"):
        read_index(path)
    assert probe_video(path).problem == "the file holds no video stream"


def test_a_cover_picture_before_a_video_is_passed_over(tmp_path):
    path = write_with_cover(tmp_path / "video.mp4", video=write_video(tmp_path / "plain.mp4", 20))
    index = read_index(path)
    assert read_numbers(decode_frames(path, index, range(20))) == list(range(20))


def test_a_stream_that_begins_in_the_middle_of_a_file_does_not_disturb(tmp_path):
    """Broadcasts add streams of sound when they like."""
    video = (tmp_path / "a.ts", tmp_path / "b.ts")
    write_video(video[0], 30)
    with av.open(str(video[0])) as source, av.open(str(video[1]), "w") as target:
        shown = target.add_stream_from_template(source.streams.video[0])
        heard = target.add_stream("mp2", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16", layout="mono")
        frame.rate = 48000
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts + 90000, packet.dts + 90000, shown
                target.mux(packet)
        frame.pts = 48000
        target.mux(heard.encode(frame))
        target.mux(heard.encode(None))
    joined = tmp_path / "joined.ts"
    padding = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 40000  # so that the beginning shows no sound
    joined.write_bytes(video[0].read_bytes() + padding + video[1].read_bytes())
    index = read_index(str(joined))
    assert index.num_frames == 60
    assert read_numbers(decode_frames(str(joined), index, [0, 29, 30, 59])) == [0, 29, 0, 29]


@pytest.mark.parametrize("ending", ["h264", "mp3", "mp4"])
def test_a_file_that_was_never_filled_is_an_error_at_once(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DecodeError, match="bytes are zeros, as of a file that was never filled"):
        read_index(str(path))
