"""Charades end to end on tiny videos: folders, views, labels, determinism."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from conftest import CHARADES_TEST, CHARADES_TRAIN
from videos import read_numbers, write_video

from slowfast.config import ConfigError
from slowfast.datasets import DatasetError, DecodeError, SampleKey, TooManyBadVideosError, build_dataset


def numbers(clip):
    """Source frames that a clip shows."""
    return read_numbers(clip.frames.permute(1, 2, 3, 0).numpy())


def on_grid(positions, fps):
    """Source frames of a file at `fps` shown at positions of the 24 fps grid, by definition."""
    return [int(np.floor(position / 24 * fps + 1e-6)) for position in positions]


def same(first, second):
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in ((getattr(first, name), getattr(second, name)) for name in first.__slots__)
    )


def test_splits_read_their_lists(make_cfg):
    assert [r.video_id for r in build_dataset(make_cfg(), "train").records] == list(CHARADES_TRAIN)
    for split in ("val", "test"):
        assert [r.video_id for r in build_dataset(make_cfg(), split).records] == list(CHARADES_TEST)


def test_validation_reads_a_list_of_its_own_where_there_is_one(make_cfg, charades_folder, tmp_path):
    for name in ("Charades_v1_train.csv", "Charades_v1_test.csv"):
        shutil.copy(charades_folder / name, tmp_path / name)
    shutil.copy(charades_folder / "Charades_v1_train.csv", tmp_path / "Charades_v1_val.csv")
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(charades_folder))
    assert [r.video_id for r in build_dataset(cfg, "val").records] == list(CHARADES_TRAIN)
    assert [r.video_id for r in build_dataset(cfg, "test").records] == list(CHARADES_TEST)


def test_records_say_where_they_stand(make_cfg, charades_folder):
    record = build_dataset(make_cfg(), "train").records[1]
    assert record.source == f"{charades_folder}/Charades_v1_train.csv, row 4"


def test_test_views_are_times_by_crops(make_cfg):
    dataset = build_dataset(make_cfg(), "test")
    assert (dataset.num_views, len(dataset), dataset.num_classes) == (6, 18, 4)
    assert dataset.class_names == ("c000", "c001", "c002", "c003")
    seen = [(clip.video, clip.view, clip.name) for clip in (dataset[SampleKey(0, i)] for i in (0, 5, 6, 17))]
    assert seen == [(0, 0, "VVVVV"), (0, 5, "VVVVV"), (1, 0, "WWWWW"), (2, 5, "XXXXX")]


def test_test_clips_show_the_pictures_of_the_grid(make_cfg):
    dataset = build_dataset(make_cfg(), "test")
    # VVVVV: 60 frames at 30 fps are 48 on the grid; a clip spans 16; two views start at 0 and 32.
    for view, start in ((0, 0), (1, 32)):
        clip = dataset[SampleKey(0, view * 3 + 1)]
        positions = [start + 5 * j for j in range(4)]
        assert numbers(clip) == on_grid(positions, 30)
        assert clip.times.tolist() == pytest.approx([position / 24 for position in positions])
    # WWWWW: 20 frames at 30 fps are 16 on the grid: exactly one clip, and both views show it.
    assert numbers(dataset[SampleKey(0, 6)]) == numbers(dataset[SampleKey(0, 9)]) == on_grid([0, 5, 10, 15], 30)


def test_crops_of_wide_pictures_are_left_middle_right(make_cfg, charades_folder, tmp_path):
    for name in ("Charades_v1_train.csv", "Charades_v1_test.csv"):
        shutil.copy(charades_folder / name, tmp_path / name)
    write_video(tmp_path / "VVVVV.mp4", 60, height=40)
    dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.TEST_CROP_SIZE", 40), "test")
    left, middle, right = (dataset[SampleKey(0, crop)].frames for crop in range(3))
    assert torch.equal(left[..., 20:], middle[..., :20])
    assert torch.equal(middle[..., 20:], right[..., :20])
    single = build_dataset(
        make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.TEST_CROP_SIZE", 40, "TEST.NUM_SPATIAL_CROPS", 1), "test"
    )
    assert torch.equal(single[SampleKey(0, 0)].frames, middle)


def test_evaluation_labels_are_those_of_the_whole_video(make_cfg):
    for split, views in (("val", 2), ("test", 6)):
        dataset = build_dataset(make_cfg(), split)
        assert dataset.num_views == views
        labels = [dataset[SampleKey(0, video * views)].label.tolist() for video in range(3)]
        assert labels == [[1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_validation_takes_fixed_views_or_random_clips(make_cfg):
    fixed = build_dataset(make_cfg(), "val")
    assert same(fixed[SampleKey(0, 1)], fixed[SampleKey(1, 1)])
    random = build_dataset(make_cfg("DATA.FULL_TIME_EVAL", False), "val")
    assert random.num_views == 1
    assert len({tuple(numbers(random[SampleKey(epoch, 0)])) for epoch in range(8)}) > 2
    assert random[SampleKey(0, 0)].label.tolist() == [1, 0, 1, 0]


def test_training_labels_are_those_between_first_and_last_frame(make_cfg):
    dataset = build_dataset(make_cfg(), "train")
    # EEEEE: class 1 always, class 0 at grid frames 48 .. 50 alone.
    seen = set()
    for epoch in range(30):
        clip = dataset[SampleKey(epoch, 4)]
        first, last = (round(float(clip.times[place]) * 24) for place in (0, -1))
        expected = [float(first <= 50 and last >= 48), 1.0, 0.0, 0.0]
        assert clip.label.tolist() == expected
        assert clip.frame_labels.any(dim=0).float().tolist() == expected
        seen.add(expected[0])
    assert seen == {0.0, 1.0}


def test_samples_depend_on_seed_epoch_and_number_alone(make_cfg):
    augmented = ("DATA.TRAIN_JITTER_SCALES", [64, 90], "DATA.TRAIN_CROP_SIZE", 48, "DATA.RANDOM_FLIP", True)
    dataset = build_dataset(make_cfg(*augmented), "train")
    clip = dataset[SampleKey(3, 0)]
    dataset[SampleKey(3, 1)]
    assert same(clip, dataset[SampleKey(3, 0)])
    assert same(clip, pickle.loads(pickle.dumps(dataset))[SampleKey(3, 0)])
    assert same(clip, build_dataset(make_cfg(*augmented), "train")[SampleKey(3, 0)])
    assert not same(clip, dataset[SampleKey(4, 0)])
    assert not same(clip, build_dataset(make_cfg(*augmented, "RNG_SEED", 1), "train")[SampleKey(3, 0)])


def test_clips_have_the_shapes_and_types_of_their_contract(make_cfg):
    clip = build_dataset(make_cfg(), "train")[SampleKey(0, 0)]
    assert (clip.frames.shape, clip.frames.dtype) == ((3, 4, 80, 80), torch.uint8)
    assert (clip.times.shape, clip.times.dtype) == ((4,), torch.float32)
    assert (clip.label.shape, clip.label.dtype) == ((4,), torch.float32)
    assert (clip.frame_labels.shape, clip.frame_labels.dtype) == ((4, 4), torch.bool)


@pytest.fixture
def damaged_folder(charades_folder, tmp_path):
    """The same data set with one training video and one test video of zero bytes."""
    shutil.copytree(charades_folder, tmp_path / "copy")
    for name in ("BBBBB", "VVVVV"):
        (tmp_path / "copy/videos" / f"{name}.mp4").write_bytes(b"")
    return tmp_path / "copy"


def test_training_replaces_unreadable_videos_the_same_way_each_time_and_says_so(make_cfg, damaged_folder):
    dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(damaged_folder)), "train")
    clips = [dataset[SampleKey(epoch, 1)] for epoch in range(12)]
    for clip in clips:
        assert clip.name != "BBBBB"
        assert dataset.records[clip.video].video_id == clip.name
        assert set(clip.replaced) == {f"{damaged_folder}/videos/BBBBB.mp4: {clip.replaced[0].rpartition(': ')[2]}"}
    assert len({clip.name for clip in clips}) > 1
    assert all(same(clip, dataset[SampleKey(epoch, 1)]) for epoch, clip in enumerate(clips))
    assert dataset[SampleKey(0, 0)].replaced == ()


def test_evaluation_never_replaces(make_cfg, damaged_folder):
    for split in ("val", "test"):
        dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(damaged_folder)), split)
        with pytest.raises(DecodeError, match=r"VVVVV\.mp4: the file cannot be read as a video"):
            dataset[SampleKey(0, 0)]


def test_training_gives_up_when_nothing_can_be_read(make_cfg, damaged_folder):
    dataset = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(damaged_folder)), "train")
    for record in dataset.records:
        (damaged_folder / "videos" / f"{record.video_id}.mp4").unlink()
    with pytest.raises(TooManyBadVideosError, match="11 videos drawn one after the other"):
        dataset[SampleKey(0, 0)]


@pytest.mark.parametrize("place", ["", "videos", "Charades_v1_480", "Charades_v1"])
def test_videos_are_found_where_the_archives_unpack(make_cfg, charades_folder, tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    shutil.copy(charades_folder / "videos/CCCCC.mp4", tmp_path / place)
    dataset = build_dataset(make_cfg("DATA.PATH_PREFIX", str(tmp_path)), "train")
    assert dataset.records[2].path == str(tmp_path / place / "CCCCC.mp4")


def test_missing_folders_and_videos_are_named_when_the_data_set_is_built(make_cfg, charades_folder, tmp_path):
    with pytest.raises(ConfigError, match=r"DATA.PATH_TO_DATA_DIR.*nothing says where"):
        build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", ""), "train")
    with pytest.raises(DatasetError, match="nowhere: there is no such folder"):
        build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "nowhere")), "train")
    with pytest.raises(DatasetError, match=r"neither Charades_v1_train\.csv nor train\.csv is here"):
        build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path)), "train")
    with pytest.raises(DatasetError, match=r"none of the 5 listed videos.*files like AAAAA\.mp4"):
        build_dataset(make_cfg("DATA.PATH_PREFIX", str(tmp_path)), "train")


def test_unknown_data_sets_are_refused_with_the_known_names(make_cfg):
    with pytest.raises(ConfigError, match=r"TRAIN.DATASET.*did you mean 'charades'"):
        build_dataset(make_cfg("TRAIN.DATASET", "charade"), "val")
    with pytest.raises(ConfigError, match=r"DATA\.NUM_FRAMES"):
        build_dataset(make_cfg("DATA.NUM_FRAMES", 0), "train")


def test_options_of_other_sampling_rules_are_said_to_have_no_effect(make_cfg):
    with pytest.warns(UserWarning, match=r"^DATA\.CYCLIC_LOAD, DATA\.TARGET_FPS: no effect, as clips are taken at 24 frames"):
        build_dataset(make_cfg("DATA.CYCLIC_LOAD", True, "DATA.TARGET_FPS", 25), "test")
