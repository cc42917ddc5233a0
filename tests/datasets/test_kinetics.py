"""Kinetics end to end on tiny videos: lists, views, labels."""

import pickle

import numpy as np
import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.datasets import DatasetError, SampleKey, build_dataset
from slowfast.datasets.clip_sampling import CyclicSpacedClips


def write_lists(folder, text):
    for split in ("train", "val", "test"):
        (folder / f"{split}.csv").write_text(text)


@pytest.fixture
def kinetics_cfg(get_video, tmp_path):
    """Config of a folder with lists of three videos, 100 frames each, in containers of three kinds."""
    paths = [get_video(kind) for kind in ("plain.mp4", "matroska.mkv", "vp9.webm")]
    write_lists(tmp_path, "".join(f"{path} {label}\n" for label, path in enumerate(paths)))

    def make(*overrides):
        return load_config(
            overrides=[
                "TRAIN.DATASET", "kinetics", "TEST.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path),
                "DATA.NUM_FRAMES", 4, "DATA.SAMPLING_RATE", 5, "DATA.TRAIN_JITTER_SCALES", [48, 48],
                "DATA.TRAIN_CROP_SIZE", 48, "DATA.TEST_CROP_SIZE", 48, "DATA.RANDOM_FLIP", False,
                "TEST.NUM_ENSEMBLE_VIEWS", 2, "TEST.NUM_SPATIAL_CROPS", 3, "MODEL.NUM_CLASSES", 4, "MODEL.ARCH", "slow",
                *overrides,
            ]
        )  # fmt: skip

    return make


def shown(clip):
    """Numbers of the frames that the clip says it shows, in a video of 30 frames a second."""
    return (clip.times * 30).round().long().tolist()


@pytest.mark.parametrize(("view", "expected"), [(0, [0, 6, 12, 19]), (1, [40, 46, 52, 59])])
def test_test_clips_are_spaced_over_their_stretch(kinetics_cfg, view, expected):
    dataset = build_dataset(kinetics_cfg(), "test")
    assert (len(dataset), dataset.num_views) == (18, 6)
    for video in range(3):
        clip = dataset[SampleKey(0, video * 6 + view * 3)]
        assert shown(clip) == expected
        assert (clip.label.item(), clip.label.dtype, clip.video, clip.view) == (video, torch.int64, video, view * 3)
        assert clip.frame_labels is None
        # The left crop of 48 pixels shows the six lowest bits.
        bits = clip.frames[:, :, 2:22].float().mean(dim=(0, 2))[:, 4::8] > 128
        assert (bits.long() << torch.arange(6)).sum(dim=1).tolist() == [number % 64 for number in expected]


@pytest.mark.parametrize(
    ("options", "starts"),
    [(("DATA.USE_OFFSET_SAMPLING", True), [0, 40, 80]), (("DATA.CYCLIC_LOAD", True), [0, 20, 40])],
)
def test_views_may_reach_the_end_or_follow_each_other(kinetics_cfg, options, starts):
    dataset = build_dataset(kinetics_cfg(*options, "TEST.NUM_ENSEMBLE_VIEWS", 3), "test")
    assert [shown(dataset[SampleKey(0, 3 * view)]) for view in range(3)] == [
        [start, start + 6, start + 12, start + 19] for start in starts
    ]


def test_training_and_validation_take_random_clips(kinetics_cfg):
    for split in ("train", "val"):
        dataset = build_dataset(kinetics_cfg(), split)
        assert (len(dataset), dataset.num_views) == (3, 1)
        starts = {shown(dataset[SampleKey(epoch, 1)])[0] for epoch in range(12)}
        assert len(starts) > 5
        assert max(starts) <= 80
        assert torch.equal(dataset[SampleKey(3, 1)].frames, pickle.loads(pickle.dumps(dataset))[SampleKey(3, 1)].frames)


def test_a_single_crop_is_the_middle_of_a_picture_scaled_for_training(kinetics_cfg):
    dataset = build_dataset(
        kinetics_cfg("TEST.NUM_SPATIAL_CROPS", 1, "DATA.TEST_CROP_SIZE", 24, "DATA.TRAIN_JITTER_SCALES", [48, 60]), "test"
    )
    whole = build_dataset(kinetics_cfg("TEST.NUM_SPATIAL_CROPS", 3), "test")
    middle = whole[SampleKey(0, 1)].frames  # 48 of 80 columns, from column 16 on
    assert torch.equal(dataset[SampleKey(0, 0)].frames, middle[:, :, 12:36, 12:36])


def test_records_are_made_on_demand_and_say_where_they_stand(kinetics_cfg, tmp_path):
    write_lists(tmp_path, "\n".join(f"class {i % 3}/video {i}.mp4 {i % 3}" for i in range(1000)))
    records = build_dataset(kinetics_cfg(), "train").records
    assert len(records) == 1000
    assert records[-1] == records[999]
    assert records[998].path == str(tmp_path / "class 2/video 998.mp4")
    assert (records[998].label, records[998].source) == (2, f"{tmp_path}/train.csv, row 999")
    assert [record.video_id for record in records[10:12]] == ["class 1/video 10.mp4", "class 2/video 11.mp4"]
    assert len(pickle.dumps(records)) < 60_000
    with pytest.raises(IndexError):
        records[1000]


@pytest.mark.parametrize(
    ("prefix", "name", "path"),
    [
        ("", "a/b.mp4", "{folder}/a/b.mp4"),
        ("/videos", "a/b.mp4", "/videos/a/b.mp4"),
        ("/videos", "/root/b.mp4", "/root/b.mp4"),
        ("s3://bucket/k400", "a/b.mp4", "s3://bucket/k400/a/b.mp4"),
        ("/videos", "s3://bucket/b.mp4", "s3://bucket/b.mp4"),
    ],
)
def test_paths_are_below_the_prefix_unless_they_are_whole(kinetics_cfg, tmp_path, prefix, name, path):
    write_lists(tmp_path, f"{name} 0\n")
    dataset = build_dataset(kinetics_cfg("DATA.PATH_PREFIX", prefix), "train")
    assert dataset.records[0].path == path.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("separator", "line", "path"),
    [
        (" ", "dir a/video b.mp4 3", "dir a/video b.mp4"),
        (",", "a,b.mp4,3", "a,b.mp4"),
        ("\t", "a b.mp4\t3", "a b.mp4"),
        (" ", "spaced.mp4   3  ", "spaced.mp4"),
    ],
)
def test_lines_are_split_at_the_last_separator(kinetics_cfg, tmp_path, separator, line, path):
    write_lists(tmp_path, line + "\n")
    (record,) = build_dataset(kinetics_cfg("DATA.PATH_LABEL_SEPARATOR", separator), "test").records
    assert (record.video_id, record.label) == (path, 3)


def test_class_names_come_from_their_file(kinetics_cfg, tmp_path):
    assert build_dataset(kinetics_cfg(), "test").class_names == ("0", "1", "2", "3")
    (tmp_path / "classes.txt").write_text("abseiling\nair drumming\narchery\nzumba\n")
    assert build_dataset(kinetics_cfg(), "test").class_names == ("abseiling", "air drumming", "archery", "zumba")
    (tmp_path / "classes.txt").write_text("abseiling\narchery\n")
    with pytest.raises(DatasetError, match=r"classes\.txt: 2 names.*expected 4 different names"):
        build_dataset(kinetics_cfg(), "test")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("DATA.PATH_TO_DATA_DIR", ""), r"DATA\.PATH_TO_DATA_DIR"),
        (("DATA.PATH_LABEL_SEPARATOR", ""), r"DATA\.PATH_LABEL_SEPARATOR"),
        (("DATA.MULTI_LABEL", True, "DATA.ENSEMBLE_METHOD", "max"), r"DATA\.MULTI_LABEL"),
    ],
)
def test_options_that_do_not_fit_are_refused(kinetics_cfg, options, message):
    with pytest.raises(ConfigError, match=message):
        build_dataset(kinetics_cfg(*options), "train")


def test_a_missing_folder_is_named(kinetics_cfg, tmp_path):
    with pytest.raises(DatasetError, match="nowhere: there is no such folder"):
        build_dataset(kinetics_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "nowhere")), "train")


def test_cyclic_views_run_over_the_end_of_the_video():
    frames = CyclicSpacedClips(36, 8, 30, 2).frames(300, 30, 1, np.random.default_rng(0)).tolist()
    assert (frames[:6], frames[-1]) == ([288, 296, 4, 12, 20, 29], 275)


def test_training_changes_colours_where_asked_and_nothing_else_does(kinetics_cfg):
    options = ("DATA.SSL_COLOR_JITTER", True, "DATA.COLOR_RND_GRAYSCALE", 1.0)
    for split in ("train", "val", "test"):
        plain, changed = (build_dataset(cfg, split)[SampleKey(0, 0)].frames for cfg in (kinetics_cfg(), kinetics_cfg(*options)))
        assert plain.shape == changed.shape
        assert torch.equal(plain, changed) is (split != "train")
