"""Small real video files, written once a session."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from videos import write_video

from slowfast.config import load_config
from slowfast.datasets.decoding import decode_frames, read_index
from slowfast.datasets.frame_lists import HEADER

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


CHARADES_TRAIN = {
    "AAAAA": (60, 30, "c000 0.00 1.00;c002 0.50 9.00"),
    "BBBBB": (45, 25, "c001 0.30 0.31"),
    "CCCCC": (30, 30, ""),
    "DDDDD": (50, 24, "c003 1.00 1.20;c003 0.10 0.20"),
    "EEEEE": (72, 30, "c001 0.00 3.00;c000 2.00 2.10"),
}
CHARADES_TEST = {
    "VVVVV": (60, 30, "c000 0.00 0.10;c002 1.80 2.00"),
    "WWWWW": (20, 30, "c003 0.00 0.50"),
    "XXXXX": (48, 24, "c001 0.00 2.00;c002 5.00 6.00"),
}


def write_annotation(path, videos):
    """A csv as Charades has it, with commas, quotes and line breaks in the fields that nobody reads."""
    lines = ["id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length"]
    for video_id, (num_frames, fps, actions) in videos.items():
        lines.append(
            f'{video_id},S1,Kitchen,6,7,Yes,"He says ""hi"",\nthen leaves","a;b",He,"{actions}",{num_frames / fps:.2f}'
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def charades_folder(tmp_path_factory):
    """Five training and three test videos, 80 x 80 pixels, whose pictures carry their number; four classes."""
    folder = tmp_path_factory.mktemp("charades")
    (folder / "videos").mkdir()
    for split, videos in (("train", CHARADES_TRAIN), ("test", CHARADES_TEST)):
        write_annotation(folder / f"Charades_v1_{split}.csv", videos)
        for video_id, (num_frames, fps, _) in videos.items():
            write_video(folder / "videos" / f"{video_id}.mp4", num_frames, fps=fps, height=80)
    return folder


@pytest.fixture
def make_cfg(charades_folder):
    """Config for that folder; the crop is the whole picture, so that numbers can be read from it."""

    def make(*overrides):
        return load_config(
            overrides=[
                "TRAIN.DATASET", "charades", "TEST.DATASET", "charades", "DATA.PATH_TO_DATA_DIR", str(charades_folder),
                "DATA.NUM_FRAMES", 4, "DATA.SAMPLING_RATE", 5, "DATA.TRAIN_JITTER_SCALES", [80, 80],
                "DATA.TRAIN_CROP_SIZE", 80, "DATA.TEST_CROP_SIZE", 80, "DATA.RANDOM_FLIP", False,
                "TEST.NUM_ENSEMBLE_VIEWS", 2, "TEST.NUM_SPATIAL_CROPS", 3, "MODEL.NUM_CLASSES", 4, "MODEL.ARCH", "slow",
                *overrides,
            ]
        )  # fmt: skip

    return make


def is_on(start, end, place):
    """At frame `place` of 24 a second; brief ones are on at the frame that is shown then."""
    return start <= place / 24 <= end or place / 24 < start <= end < (place + 1) / 24


def write_frame_lists(folder, charades_folder):
    """The data set of `charades_folder` as folders of pictures at 24 a second and lists of them; lossless pictures."""
    for name, videos in (("train", CHARADES_TRAIN), ("val", CHARADES_TEST)):
        rows = [HEADER]
        for number, (video_id, (_, _, actions)) in enumerate(videos.items()):
            path = str(charades_folder / "videos" / f"{video_id}.mp4")
            index = read_index(path)
            frames = decode_frames(path, index, index.on_grid(np.arange(index.grid_length(24)), 24))
            (folder / video_id).mkdir(parents=True)
            for place, frame in enumerate(frames):
                picture = f"{video_id}/{video_id}-{place + 1:06d}.png"
                cv2.imwrite(str(folder / picture), frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
                on = [action.split() for action in actions.split(";") if action]
                labels = sorted({int(code[1:]) for code, start, end in on if is_on(float(start), float(end), place)})
                rows.append(f'{video_id} {number} {place} {picture} "{",".join(map(str, labels))}"')
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory, charades_folder):
    return write_frame_lists(tmp_path_factory.mktemp("frames"), charades_folder)
