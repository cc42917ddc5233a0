"""Data in the format of AVA whose videos begin at another second, or have another frame rate: the same samples."""

import re

import pytest
import torch

from slowfast.config import ConfigError, load_config
from slowfast.datasets import DatasetError, SampleKey, build_dataset
from slowfast.preparation.ava import AvaOptions, look_at_ava
from tests.datasets.ava_folders import Folder, write_folder

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("ava"))


@pytest.fixture
def from_zero(original, tmp_path):
    """The same data with seconds that count from 0."""
    (tmp_path / "frames").symlink_to(original.root / "frames")
    (tmp_path / "frame_lists").symlink_to(original.root / "frame_lists")
    folder = Folder(tmp_path)
    for path in (original.root / "annotations").iterdir():
        lines = path.read_text().splitlines()
        folder.set(f"annotations/{path.name}", [re.sub(r",09(\d\d),", r",\1,", line) for line in lines])
    return folder


@pytest.mark.parametrize("split", SPLITS)
def test_samples_are_those_of_seconds_from_900(original, from_zero, split):
    own = build_dataset(from_zero.cfg("AVA.START_SECOND", 0), split)
    usual = build_dataset(original.cfg(), split)
    assert len(own) == len(usual)
    for sample in range(len(usual)):
        one, other = own[SampleKey(0, sample)], usual[SampleKey(0, sample)]
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.times, other.times)
        assert torch.equal(one.keyframes.boxes, other.keyframes.boxes)
        assert torch.equal(one.keyframes.labels, other.keyframes.labels)
        assert torch.equal(one.keyframes.seconds + 900, other.keyframes.seconds)
    assert own.start_second == 0


def test_the_frame_rate_says_which_frame_a_second_shows(original):
    at_30, at_15 = (build_dataset(original.cfg("AVA.FPS", fps), "test")[SampleKey(0, 1)] for fps in (30, 15))
    assert at_30.keyframes.seconds[at_30.keyframes.main].tolist() == at_15.keyframes.seconds[at_15.keyframes.main].tolist()
    assert at_30.frames[1, 4, 0, 0] == 90
    assert at_15.frames[1, 4, 0, 0] == 45


def test_the_advice_of_the_refusal_leads_to_a_data_set_that_training_and_the_check_accept(from_zero):
    with pytest.raises(DatasetError, match="none of 36 boxes counts") as refusal:
        build_dataset(from_zero.cfg(), "train")
    key, value = re.search(r"for example (\S+) (\d+)$", str(refusal.value)).groups()
    for split in SPLITS:
        assert len(build_dataset(from_zero.cfg(key, int(value)), split))
    refused, usable = (
        look_at_ava(from_zero.root / "frames", from_zero.root / "annotations", jobs=1, options=options)
        for options in (AvaOptions(), AvaOptions.from_overrides([key, value]))
    )
    assert not refused.is_usable
    assert usable.is_usable
    sentences = [finding.what for checked in refused.lists for finding in checked.findings if finding.stops]
    assert any("for example AVA.START_SECOND 0" in sentence for sentence in sentences)


def test_seconds_that_all_lie_behind_the_ends_of_the_videos_are_refused(original):
    message = (
        "all 10 annotated seconds lie behind the end of their videos: the first is 902, which is frame 480 of a video of 2"
    )
    with pytest.raises(DatasetError, match=message):
        build_dataset(original.cfg("AVA.FPS", 240), "train")


def test_seconds_that_partly_lie_behind_the_ends_are_counted(original, caplog):
    with caplog.at_level("WARNING"):
        build_dataset(original.cfg("AVA.FPS", 60), "train")
    assert "AVA, train: 6 seconds lie behind the end of their videos, whose last frames are repeated" in caplog.text


@pytest.mark.parametrize("seconds", [[5], [5, 4], [1, 2, 3], [899, 950]])
def test_ranges_that_make_no_sense_are_refused(seconds):
    with pytest.raises(ConfigError, match=r"AVA\.ANNOTATED_SECONDS"):
        load_config(overrides=["AVA.ANNOTATED_SECONDS", seconds])


def test_clips_of_ava_without_detection_are_refused_with_what_works(original):
    with pytest.raises(ConfigError, match=r"DETECTION\.ENABLE = False: .* right would be: True, with MODEL\.LOSS_FUNC bce"):
        build_dataset(original.cfg("DETECTION.ENABLE", False, "MODEL.LOSS_FUNC", "bce_logit"), "train")
