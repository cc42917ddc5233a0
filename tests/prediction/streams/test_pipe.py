"""What is piped in has the scores of the file that it comes from."""

import io
import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from slowfast.datasets import DecodeError
from slowfast.engine.contract import Frames
from slowfast.prediction import Prediction, PredictionError, load_model, predict
from slowfast.prediction.loading import LoadedModel
from slowfast.prediction.predicting import hop_of
from slowfast.prediction.streams.pipe import LONGEST_GAP, Pipe, RawFormat
from slowfast.prediction.streams.pump import Note, Pump, Unwanted
from slowfast.prediction.streams.watching import Step, watch
from slowfast.prediction.windows import Window
from tests.datasets.videos import picture, write_video

FRAMES = Frames(seconds_apart=0.25, grid_fps=24, short_side=36, crop=32, mean=(0.45,) * 3, std=(0.225,) * 3)
FORMS: dict[str, dict[str, str]] = {"mkv": {}, "ts": {}, "mp4": {"movflags": "frag_keyframe+empty_moov"}, "nut": {}}


class Trickle(io.RawIOBase):
    """Cannot be sought in, and gives a few bytes at a time."""

    def __init__(self, content: bytes, block: int = 1000) -> None:
        self._source, self._block = io.BytesIO(content), block

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.readinto(memoryview(buffer)[: self._block])


def piped(content: bytes, raw: RawFormat | None = None) -> Pipe:
    return Pipe(Trickle(content), raw)


def steps_of(loaded: LoadedModel, pipe: Pipe, every: float | None = None) -> list[Step]:
    found = list(watch(loaded, pipe, hop_of(loaded, every), lambda: False))
    assert not [item for item in found if isinstance(item, Note)]
    return [item for item in found if isinstance(item, Step)]


def same(steps: list[Step], wanted: Prediction, *, fps: float) -> None:
    assert len(steps) == len(wanted.seconds)
    np.testing.assert_allclose([step.scores for step in steps], wanted.scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([step.start for step in steps[:-1]], wanted.seconds[:-1, 0], atol=1 / fps)
    for step, after in itertools.pairwise(steps):
        assert step.end == after.start
    assert not any(step.unseen for step in steps)


def written(folder: Path, form: str = "mkv") -> bytes:
    """A video of ten seconds in a form that can be read from its beginning."""
    return Path(write_video(folder / f"ten seconds.{form}", 300, container_options=FORMS[form])).read_bytes()


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize(("frames", "fps"), [(219, 30), (75, 25), (12, 24), (1, 24)])
def test_a_piped_video_has_the_scores_of_its_file(weights: Path, tmp_path: Path, frames: int, fps: int, form: str) -> None:
    loaded = load_model(weights)
    path = Path(write_video(tmp_path / f"x.{form}", frames, fps=fps, container_options=FORMS[form]))
    pipe = piped(path.read_bytes())
    wanted = predict(weights, path)[0]
    same(steps_of(loaded, pipe), wanted, fps=24)
    assert pipe.end == pytest.approx(wanted.duration, abs=1 / 24)


@pytest.mark.parametrize("every", [0.25, 0.75, 1.0])
def test_answers_come_as_often_as_asked(clipping: Path, tmp_path: Path, every: float) -> None:
    pipe = piped(written(tmp_path))
    wanted = predict(clipping, tmp_path / "ten seconds.mkv", every=every)[0]
    same(steps_of(load_model(clipping), pipe, every), wanted, fps=24)


def test_bare_pictures_have_the_scores_of_their_video(weights: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mkv", 100, fps=24, codec="ffv1", b_frames=0, pix_fmt="bgr0")
    with av.open(path) as container:
        content = b"".join(frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0))
    pipe = piped(content + content[:50], RawFormat.of("80x48@24"))  # the last picture is cut off
    same(steps_of(load_model(weights), pipe), predict(weights, path)[0], fps=24)


def test_a_recording_that_begins_in_the_middle_is_scored_from_its_first_whole_picture(stepping: Path, tmp_path: Path) -> None:
    content = written(tmp_path, "ts")
    cut = content[188 * (len(content) // 188 // 3) :]
    steps = steps_of(load_model(stepping), piped(cut))
    assert 0 < len(steps) < len(predict(stepping, tmp_path / "ten seconds.ts")[0].seconds)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "what is piped cannot be read as a video"),
        (b"no video" * 1000, "what is piped cannot be read as a video"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "what is piped cannot be read as a video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "what is piped cannot be read as a video"),
    ],
)
def test_what_is_no_video_is_told(stepping: Path, content: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=f"stdin: {text}"):
        steps_of(load_model(stepping), piped(content))
    with pytest.raises(DecodeError, match="not one whole picture of 80 x 48"):
        steps_of(load_model(stepping), piped(content[:1000], RawFormat.of("80x48@24")))


def test_an_mp4_file_whose_index_stands_at_its_end_is_told_what_would_be_right(stepping: Path, videos: Path) -> None:
    with pytest.raises(DecodeError, match="right would be what can be read from its beginning, as ffmpeg's -f matroska"):
        steps_of(load_model(stepping), piped((videos / "a.mp4").read_bytes()))


def read_out(content: bytes) -> tuple[int, list[str], str]:
    """(windows, notes, how it ended) of what is piped, without scoring it."""
    items: list[Window | Note] = []
    how = "ended"
    try:
        piped(content).read(FRAMES, length=4, hop=4, put=lambda item, **_: items.append(item))
    except DecodeError as error:
        how = error.reason
    return sum(isinstance(item, Window) for item in items), [item.text for item in items if isinstance(item, Note)], how


@pytest.mark.parametrize("form", list(FORMS))
def test_whatever_bytes_are_damaged_is_an_error_that_is_told_or_is_left_out_and_counted(tmp_path: Path, form: str) -> None:
    """Never another error, and never hours that a damaged clock makes up."""
    whole = written(tmp_path, form)
    most, _, _ = read_out(whole)
    ends = set()
    for seed in range(40):
        rng, content = random.Random(seed), bytearray(whole)
        begin = rng.choice([200, 2000, len(content) // 2])
        for _ in range(rng.choice([1, 20, 300])):
            content[rng.randrange(begin, len(content))] ^= rng.randrange(1, 256)
        windows, notes, how = read_out(bytes(content))
        assert windows <= most + LONGEST_GAP * 2
        assert not notes or "damaged pieces of what is piped were left out" in notes[0]
        ends |= {how} | ({"damaged"} if notes else set())
    assert len(ends) > 1, "some of it was noticed"


def test_a_clock_that_jumps_ends_what_is_piped_and_a_picture_that_stands_still_does_not(tmp_path: Path) -> None:
    for gap, right in ((20, "ended"), (100_000, "its clock jumped by 100000.0 s")):
        stamps = [40 * number + (1000 * gap if number >= 50 else 0) for number in range(100)]
        path = write_video(tmp_path / "x.mkv", 100, pts=stamps, b_frames=0)
        windows, _, how = read_out(Path(path).read_bytes())
        assert how == right
        assert windows >= 2


def test_sound_that_begins_in_the_middle_is_not_in_the_way(tmp_path: Path) -> None:
    """A transport stream may announce a track at any time."""
    for name, first, has_sound in (("a", 0, False), ("b", 72, True), ("c", 144, True)):
        with av.open(str(tmp_path / f"{name}.ts"), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
            if has_sound:
                sound = container.add_stream("mp2", rate=44100)
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16p", layout="mono")
                silence.sample_rate, silence.pts = 44100, first * 44100 // 24
                container.mux(sound.encode(silence))
                container.mux(sound.encode(None))
            for number in range(first, first + 72):
                frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    content = b"".join((tmp_path / f"{name}.ts").read_bytes() for name in "abc")
    windows, notes, how = read_out(content)
    assert (notes, how) == ([], "ended")
    alone, _, _ = read_out((tmp_path / "a.ts").read_bytes())
    assert windows >= 3 * alone - 2


@pytest.mark.parametrize(
    "text", ["", "640x360", "640@25", "0x48@24", "80x48@0", "80x48@24/0", "-80x48@24", "80 x 48 @ 24", "٨x8@1"]
)
def test_wrong_forms_of_bare_pictures_are_told(text: str) -> None:
    with pytest.raises(PredictionError, match="right would be WIDTHxHEIGHT@FPS"):
        RawFormat.of(text)


def test_rates_may_be_fractions() -> None:
    assert RawFormat.of("1280x720@30000/1001").fps == pytest.approx(29.97, abs=1e-3)


def test_a_sender_that_waits_does_not_keep_anybody_from_stopping(stepping: Path) -> None:
    class Silent:
        def read(self, size: int) -> bytes:
            time.sleep(60)
            return b""

    asked = time.monotonic()
    found = list(watch(load_model(stepping), Pipe(Silent()), 4, lambda: time.monotonic() > asked + 0.3))  # type: ignore[arg-type]
    assert found == []
    assert time.monotonic() < asked + 10


def window(number: int) -> Window:
    return Window(np.zeros((1, 1, 1, 3), np.uint8), number, number + 1, number, False)


def test_nothing_is_lost_where_nothing_is_late() -> None:
    def read(put: Any) -> None:
        for number in range(20):
            put(window(number))

    found = []
    for item in Pump(read).items(lambda: False):
        time.sleep(0.002)
        assert isinstance(item, Window)
        found.append(item.number)
    assert found == list(range(20))


def test_late_windows_give_way_to_later_ones_but_never_to_those_of_another_video() -> None:
    put_all = threading.Event()

    def read(put: Any) -> None:
        for number in range(5):
            put(window(number), late=lambda: True)
        put(Note("a break", ends=True))
        for number in range(3):
            put(window(number), late=lambda: True)
        put_all.set()

    items: Iterator[Window | Note] = Pump(read).items(lambda: not put_all.wait(5))
    assert [item.number if isinstance(item, Window) else item.text for item in items] == [4, "a break", 2]


def test_reading_ends_where_nobody_wants_any_more() -> None:
    ended = threading.Event()

    def read(put: Any) -> None:
        try:
            for number in range(1000):
                put(window(number))
        except Unwanted:
            ended.set()
            raise

    items = Pump(read).items(lambda: False)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert ended.wait(5)
