"""Something-Something v2: json files, lists of frames, videos, and which frames a clip takes."""

import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.datasets import DatasetError, SampleKey, build_dataset
from slowfast.datasets.clip_sampling import SegmentClip
from slowfast.datasets.frame_lists import HEADER
from slowfast.datasets.ssv2_lists import ANNOTATION_FILES, LABEL_FILE, read_labels, read_videos
from slowfast.preparation.checkers import CHECKERS, Asked, Said

LABELS = {"Holding something": "1", "Pushing something from left to right": "0", "Showing that something is empty": "2"}
VIDEOS = {
    "train": [("7", "Holding [something]", 20), ("78687", "Pushing [something] from left to right", 33)],
    "val": [("41", "Showing that [something] is empty", 12), ("9", "Holding [something]", 1)],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Frames whose brightness is four times their number."""
    root = tmp_path_factory.mktemp("ssv2")
    (root / LABEL_FILE).write_text(json.dumps(LABELS))
    for split, videos in VIDEOS.items():
        entries = [{"id": name, "label": "a label", "template": template, "placeholders": []} for name, template, _ in videos]
        (root / ANNOTATION_FILES[split]).write_text(json.dumps(entries))
        rows = [HEADER]
        for number, (name, _, frames) in enumerate(videos):
            (root / name).mkdir()
            for frame in range(frames):
                cv2.imwrite(str(root / name / f"{name}_{frame + 1:06d}.png"), np.full((40, 60, 3), 4 * frame, np.uint8))
                rows.append(f'{name} {number} {frame} {name}/{name}_{frame + 1:06d}.png ""')
        (root / f"{split}.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture
def ssv2_cfg(folder):
    def make(*overrides):
        return load_config(
            overrides=[
                "TRAIN.DATASET", "ssv2", "TEST.DATASET", "ssv2", "DATA.PATH_TO_DATA_DIR", str(folder), "DATA.NUM_FRAMES", 8,
                "DATA.TRAIN_JITTER_SCALES", [32, 40], "DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32,
                "TEST.NUM_ENSEMBLE_VIEWS", 1, "MODEL.NUM_CLASSES", 3, "MODEL.ARCH", "slow", "DATA.RANDOM_FLIP", False,
                *overrides,
            ]
        )  # fmt: skip

    return make


@pytest.fixture
def own(folder, tmp_path):
    """A copy to spoil."""
    shutil.copytree(folder, tmp_path / "own")
    return tmp_path / "own"


def shown(clip):
    return (clip.frames.float().mean(dim=(0, 2, 3)) / 4).round().long().tolist()


@pytest.mark.parametrize(
    ("num_frames", "length", "expected"),
    [
        (20, 8, [1, 3, 6, 8, 11, 13, 15, 18]),
        (12, 8, [0, 2, 3, 5, 6, 7, 9, 10]),
        (1, 4, [0, 0, 0, 0]),
        (3, 8, [0, 0, 0, 1, 1, 1, 2, 2]),
        (9, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_fixed_clips_take_the_middle_frame_of_each_part(num_frames, length, expected):
    """Values worked out by hand from parts whose borders are rounded half to even."""
    rule = SegmentClip(length, randomly=False)
    assert rule.frames(num_frames, 30.0, 0, np.random.default_rng(0)).tolist() == expected


def test_random_clips_take_any_frame_of_each_part_borders_included():
    rule, rng = SegmentClip(4, randomly=True), np.random.default_rng(0)
    drawn = np.array([rule.frames(21, 30.0, 0, rng) for _ in range(400)])
    assert (drawn.min(axis=0).tolist(), drawn.max(axis=0).tolist()) == ([0, 5, 10, 15], [5, 10, 15, 20])
    assert (np.diff(drawn, axis=1) >= 0).all()


def test_test_samples_span_their_videos_in_one_temporal_view(ssv2_cfg, caplog):
    dataset = build_dataset(ssv2_cfg("TEST.NUM_ENSEMBLE_VIEWS", 4), "test")
    assert (len(dataset), dataset.num_views) == (6, 3)
    assert "TEST.NUM_ENSEMBLE_VIEWS = 4: every clip spans its whole video" in caplog.text
    clip = dataset[SampleKey(0, 1)]
    assert shown(clip) == [0, 2, 3, 5, 6, 7, 9, 10]
    assert (clip.name, clip.label.item(), clip.frame_labels, clip.view) == ("41", 2, None, 1)
    assert shown(dataset[SampleKey(0, 3)]) == [0] * 8


def test_training_samples_change_from_epoch_to_epoch_and_validation_frames_do_not(ssv2_cfg):
    train, val = (build_dataset(ssv2_cfg(), split) for split in ("train", "val"))
    assert [record.label for record in train.records] == [1, 0]
    assert len({tuple(shown(train[SampleKey(epoch, 1)])) for epoch in range(8)}) > 1
    assert {tuple(shown(val[SampleKey(epoch, 0)])) for epoch in range(8)} == {(0, 2, 3, 5, 6, 7, 9, 10)}


def test_classes_are_named_by_their_templates_in_the_order_of_their_numbers(ssv2_cfg):
    names = ("Pushing something from left to right", "Holding something", "Showing that something is empty")
    assert build_dataset(ssv2_cfg(), "val").class_names == names


def test_videos_are_read_where_there_is_no_list_of_frames(ssv2_cfg, own, get_video):
    (own / "train.csv").unlink()
    (own / "20bn-something-something-v2").mkdir()
    for name in ("7", "78687"):
        shutil.copy(get_video("vp9.webm"), own / "20bn-something-something-v2" / f"{name}.webm")
    dataset = build_dataset(ssv2_cfg("DATA.PATH_TO_DATA_DIR", str(own)), "train")
    clip = dataset[SampleKey(0, 0)]
    assert clip.frames.shape == (3, 8, 32, 32)
    assert clip.times[-1] > 2.8  # of 3.3 seconds
    checker = next(checker for checker in CHECKERS if checker.recognises(own))
    assert [listed.files for read in list(checker.lists(Asked(folder=own)))[:2] for listed in read(Said())] == [
        (str(own / "20bn-something-something-v2" / f"{name}.webm"),) for name in ("7", "78687")
    ]


def test_mirrored_training_is_warned_of(ssv2_cfg, caplog):
    build_dataset(ssv2_cfg("DATA.RANDOM_FLIP", True), "train")
    assert "classes of Something-Something tell left from right" in caplog.text


def test_a_data_set_can_be_pickled(ssv2_cfg):
    dataset = build_dataset(ssv2_cfg(), "val")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[SampleKey(0, 0)].frames, dataset[SampleKey(0, 0)].frames)


def test_the_checker_reads_annotation_and_lists(folder):
    checker = next(checker for checker in CHECKERS if checker.recognises(folder))
    assert checker.format.startswith("ssv2")
    listed = [row for read in checker.lists(Asked(folder=folder)) for row in read(Said())]
    assert [len(row.files) for row in listed] == [20, 33, 12, 1]


def spoil_json(own, name, change):
    content = json.loads((own / name).read_text())
    content = change(content) or content
    (own / name).write_text(json.dumps(content))


TRAIN = ANNOTATION_FILES["train"]


def labels(change):
    return lambda own: spoil_json(own, LABEL_FILE, change)


def train(change):
    return lambda own: spoil_json(own, TRAIN, change)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda own: (own / LABEL_FILE).unlink(), r"labels\.json: there is no such file"),
        (lambda own: (own / TRAIN).unlink(), r"train\.json: there is no such file"),
        (lambda own: (own / TRAIN).write_text('[{"id": "7",\n]'), r"train\.json, row 2: this is not json"),
        (lambda own: (own / TRAIN).write_text("{}"), r"train\.json: a dict, not a list"),
        (lambda own: (own / TRAIN).write_text("[]"), r"train\.json: no video"),
        (lambda own: (own / TRAIN).write_bytes(b'["\xff"]'), "not UTF-8"),
        (lambda own: (own / LABEL_FILE).write_text("[]"), r"labels\.json: a list, not a dict"),
        (labels(lambda c: c.update({"Holding something": "one"})), "'Holding something' is 'one'"),
        (labels(lambda c: c.update({"Holding something": "7"})), "each number from 0 to 2 once"),
        (labels(lambda c: c.update({"Holding something": "0"})), "each number from 0 to 2 once"),
        (train(lambda c: c[1].pop("template") and c), r"entry 2: .*without 'template'; expected a video"),
        (train(lambda c: [c[0], "7"]), r"entry 2: \"7\", without 'id'"),
        (train(lambda c: c[0].update(id="")), r"entry 1: id ''"),
        (train(lambda c: c[0].update(template=3)), r"entry 1: template 3"),
        (train(lambda c: c[1].update(id="7")), r"entry 2: video '7' again, after entry 1"),
        (
            train(lambda c: c[0].update(template="Holdin [something]")),
            r"entry 1: template 'Holdin \[something\]'; expected one of .* such as 'Holding something'",
        ),
        (
            lambda own: (own / "train.csv").write_text(f'{HEADER}\n7 0 0 7/7_000001.png ""\n'),
            r"entry 2: video '78687' has no frame in .*train\.csv, nor have 0 others; expected frames of all 2 videos",
        ),
        (lambda own: (own / "train.csv").unlink(), r"none of the 2 videos.*no list of frames train\.csv.*files like 7\.webm"),
        (lambda own: [shutil.rmtree(own / name) for name in ("7", "78687")], "first picture of none of the 2 listed videos"),
        (lambda own: shutil.rmtree(own), "there is no such folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_entry(ssv2_cfg, own, spoil, words):
    spoil(own)
    with pytest.raises(DatasetError, match=words):
        build_dataset(ssv2_cfg("DATA.PATH_TO_DATA_DIR", str(own)), "train")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("MODEL.NUM_CLASSES", 174), r"MODEL\.NUM_CLASSES = 174: .* has 3 classes; right would be: 3"),
        (("DATA.PATH_TO_DATA_DIR", ""), "nothing says where the data set lies"),
        (("DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "bce_logit"), "one label"),
    ],
)
def test_options_that_do_not_fit_are_refused(ssv2_cfg, options, words):
    with pytest.raises(ConfigError, match=words):
        build_dataset(ssv2_cfg(*options), "train")


def test_videos_without_a_label_are_left_out_and_told(ssv2_cfg, own, caplog):
    spoil_json(own, TRAIN, lambda content: content[:1])
    assert len(build_dataset(ssv2_cfg("DATA.PATH_TO_DATA_DIR", str(own)), "train").records) == 1
    assert "1 videos without a label are left out" in caplog.text


def test_numbers_may_stand_where_texts_are_usual(own):
    spoil_json(own, LABEL_FILE, lambda content: {name: int(number) for name, number in content.items()})
    spoil_json(own, TRAIN, lambda content: content[0].update(id=7))
    assert read_videos(own / TRAIN, read_labels(own / LABEL_FILE))[0].video_id == "7"


def test_options_that_only_other_data_sets_read_are_told(ssv2_cfg):
    for key, value in (("DATA.SAMPLING_RATE", 3), ("DATA.TARGET_FPS", 12), ("DATA.CYCLIC_LOAD", True)):
        with pytest.warns(UserWarning, match=f"{key}: no effect"):
            build_dataset(ssv2_cfg(key, value), "test")
