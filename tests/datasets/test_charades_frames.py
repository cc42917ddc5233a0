"""Charades from lists of frames: the same samples as from the videos, and pictures of every kind."""

import pickle
import shutil
import time

import cv2
import numpy as np
import pytest
import torch

from slowfast.datasets import DatasetError, DecodeError, SampleKey, build_dataset
from slowfast.datasets.frame_folder import FrameFolderSource, read_picture
from slowfast.datasets.frame_lists import HEADER, FramePaths, read_frame_list

AUGMENTED = ("DATA.TRAIN_JITTER_SCALES", [64, 90], "DATA.TRAIN_CROP_SIZE", 48, "DATA.RANDOM_FLIP", True)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_samples_equal_those_of_the_videos(make_cfg, frames_folder, split):
    videos = build_dataset(make_cfg(*AUGMENTED), split)
    frames = build_dataset(make_cfg(*AUGMENTED, "DATA.PATH_TO_DATA_DIR", str(frames_folder)), split)
    assert len(frames) == len(videos)
    for index in range(len(videos)):
        for epoch in range(3 if split == "train" else 1):
            one, other = videos[SampleKey(epoch, index)], frames[SampleKey(epoch, index)]
            assert one.name == other.name
            for name in ("frames", "times", "label", "frame_labels"):
                assert torch.equal(getattr(one, name), getattr(other, name)), (one.name, name)


def test_the_original_annotation_goes_before_lists_of_frames(make_cfg, charades_folder, frames_folder, tmp_path):
    shutil.copytree(charades_folder, tmp_path / "both")
    shutil.copy(frames_folder / "train.csv", tmp_path / "both")
    dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "both")), "train")
    assert dataset.records[0].path.endswith("AAAAA.mp4")


def test_a_data_set_of_lists_can_be_pickled_and_is_small(make_cfg, frames_folder):
    dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(frames_folder)), "train")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[SampleKey(0, 0)].frames, dataset[SampleKey(0, 0)].frames)
    assert len(pickle.dumps(dataset)) < 8000


def test_folders_that_hold_neither_format_say_what_would_be_right(make_cfg, tmp_path):
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match=r"neither Charades_v1_train\.csv nor train\.csv is here; expected"):
        build_dataset(cfg, "train")
    (tmp_path / "train.csv").write_text("video.mp4 3\n")
    with pytest.raises(DatasetError, match=r"train\.csv is no list of frames.*with the header 'original_vido_id"):
        build_dataset(cfg, "train")


def test_pictures_are_looked_for_below_the_prefix(make_cfg, frames_folder, tmp_path):
    for name in ("train", "val"):
        shutil.copy(frames_folder / f"{name}.csv", tmp_path)
    with pytest.raises(DatasetError, match=r"first picture of none of the 5 listed videos.*like AAAAA/AAAAA-000001\.png"):
        build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path)), "train")
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(frames_folder))
    assert build_dataset(cfg, "train")[SampleKey(0, 0)].frames.shape == (3, 4, 80, 80)


def read_rows(tmp_path, *rows, header=HEADER):
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_frame_list(path, 157)


def intervals(video, fps=24):
    return [(action.label, action.start_sec * fps, action.end_sec * fps) for action in video.actions(fps)]


def test_labels_of_rows_become_stretches_of_time(tmp_path):
    labels = ["", "3", "3,5", "5", "", "3", "156,3", "156"]
    videos = read_rows(tmp_path, *(f'AAAAA 0 {i} AAAAA/AAAAA-{i + 1:06d}.jpg "{text}"' for i, text in enumerate(labels)))
    assert list(videos) == ["AAAAA"]
    assert intervals(videos["AAAAA"]) == [(3, 1, 2), (5, 2, 3), (3, 5, 6), (156, 6, 7)]


def test_paths_of_any_order_and_name_are_kept():
    names = ["a/1.jpg", "a/2.jpg", "a/4.jpg", "b/4.jpg", "a/5.jpg", "x.jpg", "x.jpg", "a/09.jpg", "a/10.jpg", "a/11", "a/12"]
    names += [f"c/{number:06d}.jpg" for number in range(999_997, 1_000_003)] + ["7", "8"]
    paths = FramePaths()
    for name in names:
        paths.append(name)
    assert list(paths) == [paths[i] for i in range(len(paths))] == names
    assert (paths[-1], paths[3:6]) == ("8", names[3:6])
    with pytest.raises(IndexError):
        paths[len(names)]


def test_a_regular_video_takes_one_run():
    paths = FramePaths()
    for number in range(10_000):
        paths.append(f"AAAAA/AAAAA-{number + 1:06d}.jpg")
    assert len(pickle.dumps(paths)) < 400


def source(tmp_path, *names, one_size=False):
    paths = FramePaths()
    for name in names:
        paths.append(name)
    return FrameFolderSource(frames={"video": paths}, prefix=str(tmp_path), fps=24, one_size=one_size)


class Whole:
    def output_size(self, height, width):
        return height, width

    def __call__(self, image, out):
        out[:] = image


def gradient(height=20, width=30):
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width) * 4, 100
    image[..., 2] = np.arange(height)[:, None] * 8
    return image


def test_pictures_are_read_as_rgb_whatever_their_colours(tmp_path):
    image = gradient()
    grey = image[..., 0]
    cv2.imwrite(str(tmp_path / "colour.png"), image[..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([image[..., ::-1], np.full_like(grey, 128)]))
    cv2.imwrite(str(tmp_path / "photo.jpg"), image[..., ::-1])
    assert np.array_equal(read_picture(str(tmp_path / "colour.png")), image)
    assert np.array_equal(read_picture(str(tmp_path / "grey.png")), np.dstack([grey] * 3))
    assert np.array_equal(read_picture(str(tmp_path / "alpha.png")), image)
    assert np.abs(read_picture(str(tmp_path / "photo.jpg")).astype(int) - image).mean() < 8


def test_pictures_that_are_asked_for_twice_are_read_once(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / "1.png"), gradient()[..., ::-1])
    cv2.imwrite(str(tmp_path / "2.png"), gradient()[..., ::-1] + 1)
    read = []
    monkeypatch.setattr("slowfast.datasets.frame_folder.read_picture", lambda path: read.append(path) or read_picture(path))
    clip = source(tmp_path, "1.png", "2.png").open("video").read(np.array([0, 0, 1, 1, 1]), Whole())
    assert len(read) == 2
    assert np.array_equal(clip, np.stack([gradient()] * 2 + [gradient() + 1] * 3))


def test_pictures_of_differing_sizes_are_scaled_to_the_first_with_a_warning_or_refused(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "1.png"), gradient())
    cv2.imwrite(str(tmp_path / "2.png"), gradient(40, 60))
    clip = source(tmp_path, "1.png", "2.png").open("video").read(np.array([0, 1]), Whole())
    assert clip.shape == (2, 20, 30, 3)
    assert "2.png: a picture of 60 x 40 among others of 30 x 20 is scaled to their size" in caplog.text
    with pytest.raises(DecodeError, match=r"2\.png: a picture of 60 x 40"):
        source(tmp_path, "1.png", "2.png", one_size=True).open("video").read(np.array([0, 1]), Whole())


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "the file does not exist"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "the picture is damaged"),
        (lambda path: path.write_bytes(b"<html>" * 50), "the picture is damaged"),
        (lambda path: path.unlink() or path.mkdir(), "the file cannot be read"),
    ],
    ids=["missing", "empty", "cut off", "html", "folder"],
)
def test_a_damaged_picture_is_tried_three_times_then_named(tmp_path, monkeypatch, damage, reason):
    path = tmp_path / "1.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))
    assert read_picture(str(path)).shape == (40, 40, 3)
    damage(path)
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(DecodeError, match=rf"1\.jpg: {reason}"):
        read_picture(str(path))
    assert len(pauses) == (1 if "exist" in reason else 3)
    assert sum(pauses) < 0.5


def test_a_picture_that_arrives_late_is_read(tmp_path, monkeypatch):
    path = tmp_path / "1.png"
    path.write_bytes(b"")
    monkeypatch.setattr(time, "sleep", lambda seconds: seconds and cv2.imwrite(str(path), gradient()))
    assert read_picture(str(path)).shape == (20, 30, 3)
