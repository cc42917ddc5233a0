"""Annotated videos: every picture at its time, with its sound, above a panel that says what the scores say."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from slowfast.evaluation.timed import JoinRule
from slowfast.prediction import Prediction, find_inputs
from slowfast.prediction.annotated import SMALLEST, write_annotated
from slowfast.prediction.panel import BACKGROUND, EVENT, HIGH, LOW, NAMES_SHARE, SECONDS_SHOWN, Panel
from tests.datasets.videos import picture, write_video

CLASSES = ("Müll trennen", "跳", "a name that is by far too long for the room that there is for it", "run")


def prediction(duration: float, *, every: float = 0.5, seed: int = 0) -> Prediction:
    begins = np.arange(0, duration, every)
    seconds = np.stack([begins, np.minimum(begins + every, duration)], axis=1)
    scores = np.random.default_rng(seed).random((len(begins), len(CLASSES))).astype(np.float32)
    rule = JoinRule.of(len(CLASSES), threshold=0.5)
    return Prediction(name="x", classes=CLASSES, seconds=seconds, scores=scores, duration=duration, rule=rule)


def with_sound(path: Path, codec: str, *, seconds: float = 2.0, rate: int = 44100) -> Path:
    """A video of 25 frames a second and a tone as long."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 80, 48, "yuv420p"
        sound = out.add_stream(codec, rate=rate)
        sound.layout = "mono"
        tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        for number in range(round(seconds * 25)):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        resampler = av.AudioResampler(format=sound.codec_context.format, layout="mono", rate=rate)
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray((0.3 * tone[start : start + 1024])[None].astype(np.float32), "fltp", "mono")
            frame.rate, frame.pts = rate, start
            for part in resampler.resample(frame):
                out.mux(sound.encode(part))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def annotated(path: Path, out: Path, duration: float, **options: Any) -> Path:
    [given] = find_inputs([path], **options)
    write_annotated(out / "annotated.mp4", given, prediction(duration), chosen=(0, 1, 2, 3))
    return out / "annotated.mp4"


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


@pytest.mark.parametrize("pts", [None, [0, 40, 100, 140, 400, 410, 900, 1500, 1540, 1600]], ids=["steady", "uneven"])
def test_every_picture_is_shown_when_it_was(pts: list[int] | None, tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "v.mkv", 10, fps=25, pts=pts, b_frames=0))
    found = times(annotated(path, tmp_path, 2.0))
    assert found == pytest.approx([time - times(path)[0] for time in times(path)], abs=1e-3)


def test_pictures_are_those_of_the_video_above_the_panel(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "v.mkv", 12, codec="ffv1", b_frames=0, pix_fmt="bgr0"))
    with av.open(str(annotated(path, tmp_path, 1.0))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 12
    height, width = frames[0].shape[:2]
    assert width == SMALLEST, "80 pixels are too few for names"
    assert height % 2 == 0
    top = frames[5][: width * 48 // 80]
    small = top.reshape(48, 4, 80, 4, 3).mean(axis=(1, 3))
    assert np.abs(small[:20] - picture(5)[:20]).mean() < 20, "the bars that say which frame it is"


@pytest.mark.parametrize(("height", "rotation"), [(48, 90), (48, 0), (90, 180)])
def test_sizes_are_even_and_pictures_upright(height: int, rotation: int, tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "v.mp4", 5, height=height, rotation=rotation))
    with av.open(str(annotated(path, tmp_path, 1.0))) as container:
        frame = next(container.decode(video=0))
    assert frame.width % 2 == frame.height % 2 == 0
    assert frame.rotation == 0
    assert (frame.height > frame.width) == (rotation == 90 or height == 90)


@pytest.mark.parametrize(
    ("codec", "ending"),
    [("aac", "mp4"), ("libmp3lame", "mp4"), ("flac", "mkv"), ("aac", "ts"), ("pcm_s16le", "mov")],
)
def test_sound_is_kept(codec: str, ending: str, tmp_path: Path) -> None:
    path = with_sound(tmp_path / f"v.{ending}", codec)
    with av.open(str(annotated(path, tmp_path, 2.0))) as container:
        [sound] = container.streams.audio
        heard = [frame.to_ndarray().astype(float) for frame in container.decode(sound)]
        rate = sound.rate
    samples = np.concatenate([each.mean(axis=0) if each.shape[0] > 1 else each.ravel() for each in heard])
    assert len(samples) / rate == pytest.approx(2.0, abs=0.12)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * rate / len(samples) == pytest.approx(440, abs=2)


def test_sound_that_is_copied_is_the_same_to_the_bit(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "v.mp4", "aac")

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    wanted, found = packets(path), packets(annotated(path, tmp_path, 2.0))
    assert found == wanted[-len(found) :]
    assert len(wanted) - len(found) <= 1, "what begins before the first picture"


def test_pictures_of_a_folder_are_shown_at_their_rate(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "folder").mkdir()
    for number in range(11):
        Image.fromarray(picture(number)).save(tmp_path / "folder" / f"{number}.png")
    found = times(annotated(tmp_path / "folder", tmp_path, 5.5, fps=2))
    assert found == pytest.approx([number / 2 for number in range(11)])


def test_what_proceed_raises_ends_it_before_the_next_picture(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "v.mp4", 30))
    calls = []

    def proceed() -> None:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_annotated(tmp_path / "a.mp4", find_inputs([path])[0], prediction(1.0), chosen=(0,), proceed=proceed)
    assert len(calls) == 4


@pytest.mark.parametrize("width", [320, 641, 1280])
@pytest.mark.parametrize("second", [0.0, 3.26, 9.99])
def test_the_panel_is_as_bright_at_now_as_the_score_is_high(width: int, second: float) -> None:
    each = prediction(10.0)
    panel = Panel(each, width=width, chosen=(0, 1, 3))
    shown = panel.at(second).astype(float)
    assert shown.shape == (panel.height, width, 3)
    scores = each.timed.at(np.array([second]))[0]
    left = round(width * NAMES_SHARE)
    column = left + (width - left) // 2 - 3  # left of the line that stands for now
    scale = (width - left) / SECONDS_SHOWN
    if abs(second % 0.5 - 0.25) > 0.2 or second - 4 / scale < 0:
        second, column = second, left + (width - left) // 2 + 3
        scores = each.timed.at(np.array([min(second + 3 / scale, 9.99)]))[0]
    line = max(12, round(width / 36))
    colours = {tuple(shown[round((row + 0.6) * line), column]) for row in range(3)}
    wanted = [np.round(np.array(LOW) + (np.array(HIGH) - np.array(LOW)) * float(scores[number])) for number in (0, 1, 3)]
    for colour in wanted:
        assert min(np.abs(np.array(found) - colour).max() for found in colours) <= 1 or second > 9.9


def test_a_bar_says_where_an_event_is_and_nothing_is_drawn_outside_the_video() -> None:
    each = prediction(4.0)
    panel = Panel(each, width=640, chosen=(3,))
    start, end, label = next((event.start, event.end, event.label) for event in each.events if event.label == "run")
    middle = panel.at((start + end) / 2)
    left = round(640 * NAMES_SHARE)
    now = left + (640 - left) // 2
    assert label == "run"
    assert (middle[:8, now + 2] == EVENT).all(axis=1).any()
    assert (panel.at(0.0)[:10, left + 5] == BACKGROUND).all(), "ten seconds before the beginning"


def test_more_classes_than_rows_leave_those_that_last_longest() -> None:
    scores = np.zeros((4, 9), np.float32)
    scores[:, 7], scores[:2, 2], scores[0, 5] = 0.9, 0.8, 0.7
    seconds = np.stack([np.arange(4.0), np.arange(1.0, 5.0)], axis=1)
    each = Prediction(
        name="x", classes=tuple("abcdefghi"), seconds=seconds, scores=scores, duration=4.0, rule=JoinRule.of(9, threshold=0.5)
    )
    assert Panel(each, width=640, chosen=tuple(range(9)))._rows[:3] == [7, 2, 5]


def test_times_of_the_file_begin_with_its_first_picture(tmp_path: Path) -> None:
    """A recording that begins at second 10 of its own time is annotated from 0 on, sound and pictures alike."""
    with av.open(str(tmp_path / "late.mkv"), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 80, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = 10000 + 40 * number, Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    found = times(annotated(tmp_path / "late.mkv", tmp_path, 1.0))
    assert found == pytest.approx([number / 25 for number in range(25)], abs=1e-3)


def test_the_name_of_a_video_is_no_address_for_its_sound_either(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "v.mp4", "aac").rename(tmp_path / "tcp:127.0.0.1.mp4")
    with av.open(str(annotated(path, tmp_path, 2.0))) as container:
        assert len(container.streams.audio) == 1
