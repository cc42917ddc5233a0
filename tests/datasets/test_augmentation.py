"""Training clips are augmented as AUG says, by seed, epoch and sample alone; evaluation never is."""

import shutil

import numpy as np
import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.datasets import SampleKey, build_dataset, build_loader
from slowfast.datasets.clip_dataset import SAMPLE_STREAM
from slowfast.datasets.transforms import CropFrames
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.registry import DATASETS
from slowfast.structures import Clip

ON = ("AUG.ENABLE", True, "AUG.AA_TYPE", "rand-m9-n4-mstd0.5-inc1", "AUG.RE_PROB", 0.0)
ALL = (
    *("AUG.ENABLE", True, "AUG.AA_TYPE", "rand-m7-n4-mstd0.5-inc1", "AUG.RE_PROB", 0.5, "AUG.RE_COUNT", 2, "AUG.NUM_SAMPLE", 2),
    *("DATA.TRAIN_JITTER_SCALES", [40, 60], "DATA.TRAIN_CROP_SIZE", 32, "DATA.RANDOM_FLIP", True),
    *("DATA.TRAIN_JITTER_SCALES_RELATIVE", [0.3, 1.0], "DATA.TRAIN_JITTER_ASPECT_RELATIVE", [0.75, 1.3333]),
    *("DATA.SSL_COLOR_JITTER", True),
)
ERASING = ("AUG.ENABLE", True, "AUG.AA_TYPE", "", "AUG.COLOR_JITTER", 0.0, "AUG.RE_PROB", 1.0, "AUG.RE_MODE", "const")


def read(cfg, split="train", index=0, epoch=0) -> Clip:
    return build_dataset(cfg, split)[SampleKey(epoch, index)]


def same(first, second) -> bool:
    return all(torch.equal(a.frames, b.frames) and a.names == b.names for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_never_augments(make_cfg, split):
    plain, augmented = make_cfg(*ALL[-12:], "DATA.FULL_TIME_EVAL", False), make_cfg(*ALL, "DATA.FULL_TIME_EVAL", False)
    for index in range(3):
        first, second = read(plain, split, index), read(augmented, split, index)
        assert torch.equal(first.frames, second.frames) and not second.others


def test_batches_are_the_same_whatever_the_workers_and_differ_from_epoch_to_epoch(make_cfg):
    cfg = make_cfg(*ALL)
    alone = build_loader(cfg, "train", batch_size=2)
    with build_loader(cfg, "train", batch_size=2, num_workers=2) as shared:
        for epoch in range(2):
            assert same(list(alone.batches(epoch)), list(shared.batches(epoch)))
    assert not torch.equal(read(cfg, epoch=0).frames, read(cfg, epoch=1).frames)


def test_one_draw_of_operations_changes_all_pictures_of_a_clip(make_cfg):
    """The crop is the whole picture, so that what is seen is what the operations made of it."""
    cfg = make_cfg(*ON)
    data: VideoDataset = build_dataset(cfg, "train")
    changed = 0
    for index in range(5):
        rng = np.random.default_rng((SAMPLE_STREAM, cfg.RNG_SEED, 0, index))
        opened = data.source.open(data.records[index].path)
        frames = data.clips.frames(opened.num_frames, opened.fps, 0, rng)
        draws = data.crops.draw(0, rng), data.colours.draw(rng), data.augmentation.pictures.draw(rng)
        plain = opened.read(frames, CropFrames(draws[0]))
        expected = np.stack([draws[2](picture) for picture in plain])
        assert np.array_equal(data[SampleKey(0, index)].frames.permute(1, 2, 3, 0).numpy(), expected)
        changed += not np.array_equal(plain, expected)
    assert changed >= 3


def test_crops_are_those_of_a_training_without_augmentations(make_cfg):
    """What is drawn besides comes later, so that switching it on changes nothing else."""
    crop = ("DATA.TRAIN_JITTER_SCALES", [40, 60], "DATA.TRAIN_CROP_SIZE", 32, "DATA.RANDOM_FLIP", True)
    nothing = ("AUG.ENABLE", True, "AUG.AA_TYPE", "", "AUG.COLOR_JITTER", 0.0, "AUG.RE_PROB", 0.0)
    assert torch.equal(read(make_cfg(*crop)).frames, read(make_cfg(*crop, *nothing)).frames)


def test_colours_jitter_where_no_operations_are_asked_for(make_cfg):
    jitter = ("AUG.ENABLE", True, "AUG.AA_TYPE", "", "AUG.RE_PROB", 0.0)
    plain, changed = read(make_cfg()).frames.float(), read(make_cfg(*jitter)).frames.float()
    assert not torch.equal(plain, changed)
    # Brightness, contrast and saturation are affine in a picture's colours.
    for before, after in zip(plain.unbind(1), changed.unbind(1), strict=True):
        inside = ((after > 0) & (after < 255)).all(0)
        colours = torch.cat([before[:, inside], torch.ones(1, int(inside.sum()))]).T
        fitted = torch.linalg.lstsq(colours, after[:, inside].T).solution
        assert (colours @ fitted - after[:, inside].T).abs().max() < 1.5


def test_operations_take_the_place_of_the_colour_jitter(make_cfg):
    with pytest.warns(UserWarning, match=r"AUG\.COLOR_JITTER .*AUG\.AA_TYPE rand-m9-n4-mstd0\.5-inc1 changes colours"):
        cfg = make_cfg(*ON, "AUG.COLOR_JITTER", 0.9)
    assert torch.equal(read(cfg).frames, read(make_cfg(*ON)).frames)


def test_repeated_augmentation_decodes_a_clip_once_and_makes_rows_that_differ(make_cfg, monkeypatch):
    cfg = make_cfg(*ALL, "AUG.NUM_SAMPLE", 3)
    loader = build_loader(cfg, "train", batch_size=2)
    source, calls = loader.dataset.source, []
    plain = type(source).open
    monkeypatch.setattr(type(source), "open", lambda *given: (calls.append(given), plain(*given))[1])
    batches = list(loader.batches(0))
    assert len(batches) == len(loader) == 2 and loader.global_batch_size == 2
    assert len(calls) == 4
    for batch in batches:
        assert batch.frames.shape == (6, 3, 4, 32, 32) and batch.frames.permute(0, 2, 3, 4, 1).is_contiguous()
        assert len(batch.names) == len(batch.videos) == len(batch.labels) == len(batch.frame_labels) == 6
        for values in (batch.times, batch.labels, batch.frame_labels, batch.videos):
            assert torch.equal(values[0], values[2]) and torch.equal(values[3], values[5])
        assert len(set(batch.names)) == 2
        for first, second in ((0, 1), (1, 2), (3, 4)):
            assert not torch.equal(batch.frames[first], batch.frames[second])


def test_rows_of_a_clip_show_the_same_frames(make_cfg):
    """Without crops and operations all that differs is what is erased."""
    clip = read(make_cfg(*ERASING, "AUG.NUM_SAMPLE", 2))
    plain = read(make_cfg()).frames
    for frames in (clip.frames, *clip.others):
        kept = (frames != round(255 * 0.45)).any(0)
        assert torch.equal(frames[:, kept], plain[:, kept])
        assert not torch.equal(frames, plain)


def test_first_row_of_a_clip_can_be_spared_from_erasing(make_cfg):
    clip = read(make_cfg(*ERASING, "AUG.NUM_SAMPLE", 2, "AUG.RE_SPLIT", True))
    plain = read(make_cfg()).frames
    assert torch.equal(clip.frames, plain)
    assert not torch.equal(clip.others[0], plain)


def test_unreadable_videos_are_told_once_however_many_rows_a_clip_has(make_cfg, charades_folder, tmp_path):
    shutil.copytree(charades_folder, tmp_path / "copy")
    (tmp_path / "copy/videos/BBBBB.mp4").write_bytes(b"")
    where = ("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy"), "TRAIN.MAX_BAD_SHARE", 0.9)
    (once,), (twice,) = (
        build_loader(make_cfg(*ALL, *where, "AUG.NUM_SAMPLE", rows), "train", batch_size=5).batches(0) for rows in (1, 2)
    )
    assert len(twice.frames) == 2 * len(once.frames) == 10
    assert twice.replaced == once.replaced and once.replaced


def test_resuming_in_mid_epoch_gives_the_tail_of_the_epoch(make_cfg):
    loader = build_loader(make_cfg(*ALL), "train", batch_size=1)
    whole = list(loader.batches(1))
    assert same(list(loader.batches(1, 3)), whole[3:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("AUG.NUM_SAMPLE", 2), r"AUG\.NUM_SAMPLE = 2: only augmentations .*right would be: 1, or AUG\.ENABLE True"),
        (("AUG.ENABLE", True, "DETECTION.ENABLE", True), r"AUG\.ENABLE = True: pictures would move and boxes"),
        (("AUG.ENABLE", True, "TRAIN.DATASET", "ava"), r"AUG\.ENABLE = True: pictures would move and boxes"),
        (("AUG.ENABLE", True, "AUG.AA_TYPE", "", "DATA.SSL_COLOR_JITTER", True), r"AUG\.COLOR_JITTER = 0\.4"),
        (("AUG.RE_MODE", "zero"), r"AUG\.RE_MODE"),
        (("AUG.INTERPOLATION", "lanczos"), r"AUG\.INTERPOLATION"),
    ],
)
def test_what_cannot_be_augmented_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        load_config(overrides=options)


WHOLE = (
    *("PGT.ENABLE", True, "PGT.STEPS", "all", "PGT.TRAIN_TOGETHER", True, "MODEL.MODEL_NAME", "ResNet", "MODEL.ARCH", "slow"),
    *("TEST.NUM_ENSEMBLE_VIEWS", 1, "AUG.ENABLE", True),
)


def test_whole_videos_have_one_draw_of_operations_but_no_erasing_and_no_repeated_rows():
    assert load_config(overrides=[*WHOLE, "AUG.RE_PROB", 0.0]).DATA.LANE_PIECES
    with pytest.raises(ConfigError, match=r"AUG\.RE_PROB = 0\.25: whole videos .*right would be: 0\.0"):
        load_config(overrides=WHOLE)
    with pytest.raises(ConfigError, match=r"AUG\.NUM_SAMPLE = 2: whole videos .*right would be: 1"):
        load_config(overrides=[*WHOLE, "AUG.RE_PROB", 0.0, "AUG.NUM_SAMPLE", 2])


def test_none_is_how_pyslowfast_writes_no_colour_jitter(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("AUG: {ENABLE: True, AA_TYPE: '', COLOR_JITTER: None}")
    assert load_config(path).AUG.COLOR_JITTER == 0.0


def test_a_data_set_that_does_not_augment_says_so(make_cfg, monkeypatch):
    def build(cfg, split):
        data = DATASETS.get("charades")(cfg, split)
        data.augments = False
        return data

    monkeypatch.setitem(DATASETS._entries, "own", build)
    with pytest.raises(ConfigError, match=r"AUG\.ENABLE = True: the data set 'own' does not augment its clips"):
        build_dataset(make_cfg(*ON, "TRAIN.DATASET", "own"), "train")
    build_dataset(make_cfg(*ON, "TRAIN.DATASET", "own"), "val")
