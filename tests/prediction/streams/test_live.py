"""Streams that break off and come back, from a real server on this machine."""

import functools
import http.server
import itertools
import threading
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from slowfast.datasets import DecodeError
from slowfast.prediction import PredictionError, find_inputs, load_model, predict
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.predicting import hop_of
from slowfast.prediction.scoring import Scorer
from slowfast.prediction.streams import live as live_module
from slowfast.prediction.streams import places
from slowfast.prediction.streams.live import Live
from slowfast.prediction.streams.places import Address, Camera, place_of
from slowfast.prediction.streams.pump import Note
from slowfast.prediction.streams.watching import Step, watch
from tests.datasets.videos import picture, write_video
from tests.prediction.streams.servers import Served, serving

SECRET = "geheim"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds as a transport stream with a key picture twice a second."""
    return Path(write_video(tmp_path_factory.mktemp("live") / "x.ts", 144, fps=24, gop=12))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "FIRST_WAIT", 0.05)


def whole(content: Path) -> Served:
    """A file on a server, whose size is known."""
    data = content.read_bytes()
    return Served(data, head=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))


def seen(loaded: LoadedModel, live: Live, steps: int, every: float | None = None) -> list[Step | Note]:
    """What comes up to so many steps, for at most a minute."""
    found: list[Step | Note] = []
    until = time.monotonic() + 60

    def stop() -> bool:
        return sum(isinstance(item, Step) for item in found) >= steps or time.monotonic() > until

    for item in watch(loaded, live, hop_of(loaded, every), stop):
        found.append(item)
    assert time.monotonic() < until
    return found


def steps_of(found: list[Step | Note]) -> list[Step]:
    return [item for item in found if isinstance(item, Step)]


def test_a_cut_connection_is_made_anew_and_what_follows_is_another_video(weights: Path, content: Path) -> None:
    data = content.read_bytes()
    wanted = predict(weights, content)[0].scores
    began = time.time()
    with serving([Served(data[: len(data) * 2 // 3]), Served(data, holds=True)]) as host:
        found = seen(load_model(weights), Live(Address.of(f"http://me:{SECRET}@{host}/x.ts")), 12)
    breaks = [place for place, item in enumerate(found) if isinstance(item, Note)]
    first, second = breaks
    assert isinstance(found[first], Note) and isinstance(found[second], Note)
    assert found[first].text.startswith(f"http://{host} broke off (")  # type: ignore[union-attr]
    assert found[first].text.endswith("; trying again in 0.05 s")  # type: ignore[union-attr]
    assert found[second].text == f"http://{host} is back; what came before is forgotten"  # type: ignore[union-attr]
    before, after = steps_of(found[:first]), steps_of(found[second:])
    assert second == first + 1 and len(before) >= 2 and len(after) >= 3
    np.testing.assert_allclose([step.scores for step in before[:-1]], wanted[: len(before) - 1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([step.scores for step in after], wanted[: len(after)], rtol=1e-5, atol=1e-6)
    assert began <= before[0].start <= before[0].start + 60
    assert after[0].start >= before[-1].end
    for one, other in [*itertools.pairwise(before), *itertools.pairwise(after)]:
        assert other.start == pytest.approx(one.end)
    assert not any(step.unseen for step in steps_of(found))


def test_waits_grow_until_the_stream_is_back(stepping: Path, content: Path) -> None:
    data = content.read_bytes()
    nothing = Served(b"", head=b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    with serving([Served(data), nothing, nothing, nothing, Served(data, holds=True)]) as host:
        found = seen(load_model(stepping), Live(Address.of(f"http://{host}/x.ts")), 10)
    waits = [item.text.rpartition(" in ")[2] for item in found if isinstance(item, Note) and not item.ends]
    assert waits == ["0.05 s", "0.1 s", "0.2 s", "0.4 s"]
    assert [item.ends for item in found if isinstance(item, Note)][-1]


def test_a_silent_sender_is_a_break(stepping: Path, content: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE", 1.0)
    data = content.read_bytes()
    with serving([Served(data, holds=True)]) as host:
        found = seen(load_model(stepping), Live(Address.of(f"http://{host}/x.ts")), 9)
    [told, *_] = [item.text for item in found if isinstance(item, Note)]
    assert told == f"http://{host} broke off (nothing came for 1 seconds); trying again in 0.05 s"


SLOW_SEC = 2.5


class Slow(Scorer):
    """Takes longer for a step than it lasts."""

    def __call__(self, windows: Any) -> Any:
        time.sleep(SLOW_SEC)
        return super().__call__(windows)


@pytest.mark.parametrize("kind", ["stepping", pytest.param("clipping", marks=pytest.mark.slow)])
def test_a_network_that_is_too_slow_leaves_out_frames_counts_them_and_stays_in_time(
    kind: str, content: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("slowfast.prediction.streams.watching.Scorer", Slow)
    loaded = load_model(request.getfixturevalue(kind))
    behind = 0.0
    hop = hop_of(loaded, None)
    length, apart = loaded.length, loaded.seconds_apart
    with serving([Served(content.read_bytes(), seconds=6.0, holds=True)]) as host:
        live = Live(Address.of(f"http://{host}/x.ts"))
        steps: list[Step] = []
        for item in watch(loaded, live, hop, lambda: len(steps) >= 3):
            assert isinstance(item, Step)
            steps.append(item)
            behind = time.time() - item.end
    assert sum(step.unseen for step in steps) > 0
    # Of steps that follow one another it is what lies between them; clips overlap, and speak for half of what they see.
    for one, other in itertools.pairwise(steps):
        moved = round((other.end - one.end) / apart)
        assert moved % hop == 0
        assert other.unseen == max(0, moved - length)
    # A window waits until the one before is scored, but no longer than the next one is ready. Were none left out, the third
    # would be behind by three times what a step takes too long.
    assert behind < SLOW_SEC + hop * apart + 1.2 < hop * apart + 3 * (SLOW_SEC - hop * apart)


def test_pictures_that_come_fast_are_all_seen_while_the_network_is_in_time(
    stepping: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([whole(content)]) as host:
        found = seen(load_model(stepping), Live(Address.of(f"http://{host}/x.ts")), 1000)
    wanted = predict(stepping, content)[0]
    np.testing.assert_allclose([step.scores for step in steps_of(found)], wanted.scores, rtol=1e-5, atol=1e-6)
    assert len(found) == len(wanted.scores), "a file on a server ends where it ends"


def test_a_list_of_parts_on_a_server_is_read_from_part_to_part(stepping: Path, content: Path, tmp_path: Path) -> None:
    with av.open(str(content)) as source, av.open(
        str(tmp_path / "x.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}
    ) as parts:  # fmt: skip
        stream = parts.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                parts.mux(packet)
    assert len(list(tmp_path.glob("*.ts"))) > 3
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = seen(load_model(stepping), Live(Address.of(f"http://127.0.0.1:{server.server_port}/x.m3u8")), 1000)
        server.shutdown()
    wanted = predict(stepping, content)[0].scores
    np.testing.assert_allclose([step.scores for step in steps_of(found)], wanted, rtol=1e-5, atol=1e-6)
    assert len(found) == len(wanted), "its end is the end of the video"


def test_pictures_of_a_network_camera_are_taken_at_the_moments_at_which_they_come(stepping: Path) -> None:
    """They have no stamps."""
    parts = b""
    for number in range(40):
        _, jpeg = cv2.imencode(".jpg", picture(number))
        parts += b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        parts += jpeg.tobytes() + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    began = time.time()
    with serving([Served(parts, head=head, seconds=4.0, holds=True)]) as host:
        steps = steps_of(seen(load_model(stepping), Live(Address.of(f"http://{host}/")), 3))
    assert steps[-1].end - steps[0].start == pytest.approx(2.25, abs=0.01)
    assert 2 < time.time() - began < 10, "ten pictures a second, not the 25 that such a stream is taken for"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said: object) -> None: ...


def test_a_file_on_a_server_that_breaks_off_is_no_stream(stepping: Path, content: Path) -> None:
    data = content.read_bytes()
    cut = Served(data[: len(data) // 2], head=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
    with serving([cut]) as host, pytest.raises(DecodeError, match="right would be to fetch it first"):
        seen(load_model(stepping), Live(Address.of(f"http://{host}/x.ts")), 1000)


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (Served(b"", head=b"HTTP/1.1 404 Not Found\r\n\r\n"), "404"),
        (Served(b"", head=b"HTTP/1.1 401 Unauthorized\r\n\r\n"), "401"),
        (Served(b"<html>hello</html>" * 100, holds=True), "nothing came for 1 seconds"),
        (Served(b"<html>hello</html>" * 100, head=b"HTTP/1.1 200 OK\r\nContent-Length: 1800\r\n\r\n"), "Invalid data"),
        (Served(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"), ""),
    ],
)
def test_what_is_no_stream_from_the_beginning_is_told_without_secrets(
    stepping: Path, served: Served, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PATIENCE", 1.0)
    with serving([served]) as host, pytest.raises(DecodeError) as caught:
        seen(load_model(stepping), Live(Address.of(f"http://me:{SECRET}@{host}/{SECRET}?key={SECRET}")), 1)
    assert str(caught.value).startswith(f"http://{host}: ")
    assert reason in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__, "a traceback would show the address"


def test_a_place_where_nobody_answers_is_told(stepping: Path) -> None:
    with pytest.raises(DecodeError, match=r"^http://127\.0\.0\.1:9: Connection refused$"):
        seen(load_model(stepping), Live(Address.of(f"http://me:{SECRET}@127.0.0.1:9/x")), 1)


@pytest.mark.parametrize(
    ("text", "name", "label"),
    [
        (f"rtsp://me:{SECRET}@cam.example:554/{SECRET}?t={SECRET}", "rtsp_cam.example_554", "rtsp://cam.example:554"),
        (f"HTTPS://cam.example/{SECRET}#{SECRET}", "https_cam.example", "https://cam.example"),
        (f"http://{SECRET}@[::1]:80/x", "http___1_80", "http://[::1]:80"),
        (f"rtsps://a%20b:{SECRET}%40@host", "rtsps_host", "rtsps://host"),
        ("7", "camera_7", "camera 7"),
    ],
)
def test_addresses_are_shown_without_their_secrets(
    text: str, name: str, label: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "camera_device", lambda number: tmp_path)
    place = place_of(text)
    assert place is not None
    assert (place.name, place.label) == (name, label)
    assert SECRET not in repr(place)
    assert SECRET not in repr(Live(place))


@pytest.mark.parametrize("text", ["http://", f"rtsp://me:{SECRET}@", f"http://me:{SECRET}@host:port/", f"http://[{SECRET}/"])
def test_addresses_that_are_none_are_told_without_their_secrets(text: str) -> None:
    with pytest.raises(PredictionError, match="names no computer; right would be") as caught:
        place_of(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a.mp4", "-7", "tcp://x", "file:///etc/passwd", "http:/x", "concat:a|b", "1000", "٣", "7.5", ""]
)
def test_nothing_else_is_an_address_or_a_camera(text: str) -> None:
    assert place_of(text) is None


def test_a_file_is_never_taken_for_an_address_or_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, videos: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").write_bytes((videos / "d.mp4").read_bytes())
    assert place_of("7") is None
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "x").write_bytes((videos / "d.mp4").read_bytes())
    [found] = find_inputs(["htt*//x"])
    assert found.path.resolve() == (tmp_path / "http:" / "x").resolve()


def test_a_camera_that_is_not_there_is_told_before_anything_begins() -> None:
    with pytest.raises(PredictionError, match="neither a file of this name nor a camera /dev/video987; right would be"):
        place_of("987")


class Captured:
    """A camera of ten pictures a second, that is unplugged after some of them."""

    opened = 0

    def __init__(self, number: int) -> None:
        type(self).opened += 1
        self._left, self._number = (25 if type(self).opened == 1 else 1000), 0
        self._is_open = number == 3

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._is_open

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.1)
        self._number += 1
        return (True, picture(self._number)[..., ::-1]) if self._number < self._left else (False, None)

    def release(self) -> None:
        self._is_open = False


def test_a_camera_is_scored_as_it_goes_and_may_be_unplugged(stepping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.cv2, "VideoCapture", Captured)
    Captured.opened = 0
    began = time.time()
    found = seen(load_model(stepping), Live(Camera(3)), 4)
    texts = [item.text for item in found if isinstance(item, Note)]
    assert texts == [
        "camera 3 broke off (it gives no more pictures); trying again in 0.05 s",
        "camera 3 is back; what came before is forgotten",
    ]
    steps = steps_of(found)
    assert began <= steps[0].start < began + 5
    assert steps[-1].end - steps[0].start == pytest.approx(time.time() - began, abs=2)
    with pytest.raises(DecodeError, match="camera 4: it cannot be opened"):
        seen(load_model(stepping), Live(Camera(4)), 1)


def test_a_clock_that_jumps_is_a_break(stepping: Path, content: Path, tmp_path: Path) -> None:
    pts = [number * 40 + (3_600_000 if number > 60 else 0) for number in range(120)]
    path = write_video(tmp_path / "jumps.mkv", 120, pts=pts, b_frames=0)
    with serving([Served(Path(path).read_bytes()), Served(content.read_bytes(), holds=True)]) as host:
        found = seen(load_model(stepping), Live(Address.of(f"http://{host}/x")), 5)
    assert any(isinstance(item, Note) and "its clock jumped by 3600.0 s" in item.text for item in found)
