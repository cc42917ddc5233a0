"""Small real video files, written once a session."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from videos import write_video

NUM_FRAMES = 100

VARIABLE_STAMPS = [number * 33 + (number % 5) * 6 + (2000 if number > 60 else 0) for number in range(NUM_FRAMES)]

KINDS = {
    "plain.mp4": {},
    "long_gop.mp4": {"gop": 250, "b_frames": 3},
    "open_gop.mp4": {"options": {"x264-params": "open-gop=1"}},
    "tiny_gop.mp4": {"gop": 2, "b_frames": 1},
    "intra.mp4": {"gop": 1, "b_frames": 0},
    "pyramid.mp4": {"gop": 40, "b_frames": 7, "options": {"x264-params": "b-pyramid=normal:b-adapt=0"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "matroska.mkv": {},
    "live.mkv": {"container_options": {"live": "1"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "stream.ts": {},
    "old.avi": {"codec": "mpeg4"},
    "raw.h264": {},
    "variable.mp4": {"pts": VARIABLE_STAMPS},
}


@pytest.fixture(scope="session")
def video_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def get_video(video_folder):
    """Path of a video of one of KINDS, 100 frames."""

    def get(kind):
        path = video_folder / kind
        return str(path) if path.exists() else write_video(path, NUM_FRAMES, **KINDS[kind])

    return get


@pytest.fixture(scope="session")
def plain_video(get_video):
    return get_video("plain.mp4")
