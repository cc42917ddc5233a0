"""The data set AVA, end to end on tiny folders: frames, persons, splits, and what may be wrong with files and options."""

import logging
import shutil

import av
import numpy as np
import pytest
import torch

from slowfast.config import ConfigError
from slowfast.datasets import DatasetError, DecodeError, SampleKey, build_dataset, build_loader
from slowfast.datasets.ava.build import rules_of
from slowfast.datasets.collate import collate
from slowfast.datasets.transforms import RandomCrop
from slowfast.structures import Keyframes
from tests.datasets.ava_folders import PERSONS, VIDEOS, detected_rows, greys, picture, row, truth_rows, write_folder

ALL_SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("ava"))


@pytest.fixture
def other_folder(folder, tmp_path):
    """A copy whose lists may be changed; the pictures are shared."""
    for name in ("annotations", "frame_lists"):
        shutil.copytree(folder.root / name, tmp_path / name)
    (tmp_path / "frames").symlink_to(folder.root / "frames")
    return type(folder)(tmp_path)


def clips_of(folder, split, *overrides, epoch=0):
    dataset = build_dataset(folder.cfg(*overrides), split)
    return [dataset[SampleKey(epoch, number)] for number in range(len(dataset))]


def own(clip):
    return clip.keyframes[clip.keyframes.main]


def samples(dataset):
    persons = dataset.persons
    return [(dataset.records[v].video_id, int(s)) for v, s in zip(persons.videos, persons.seconds, strict=True)]


def test_samples_are_the_seconds_with_boxes_video_by_video(folder):
    cfg = folder.cfg()
    assert samples(build_dataset(cfg, "train")) == [(v.name, s) for v in VIDEOS["train"] for s in range(902, 907)]
    assert samples(build_dataset(cfg, "val")) == [(v.name, 904) for v in VIDEOS["val"]]
    assert samples(build_dataset(cfg, "test")) == [(v.name, s) for v in VIDEOS["val"] for s in range(902, 907)]
    full = build_dataset(folder.cfg("AVA.FULL_TEST_ON_VAL", True), "val")
    assert samples(full) == samples(build_dataset(cfg, "test"))


def test_validation_may_have_videos_of_its_own(other_folder):
    other_folder.set("annotations/ava_dev.csv", detected_rows(VIDEOS["train"], ""))
    boxes = ["AVA.VAL_GROUNDTRUTH_FILE", "truths.csv", "AVA.VAL_PREDICT_BOX_LISTS", ["ava_dev.csv"]]
    own_files = ["AVA.VAL_LISTS", ["train.csv"], *boxes]
    cfg = other_folder.cfg("AVA.FULL_TEST_ON_VAL", True, *own_files)
    assert {video for video, _ in samples(build_dataset(cfg, "val"))} == {video.name for video in VIDEOS["train"]}
    assert {video for video, _ in samples(build_dataset(cfg, "test"))} == {video.name for video in VIDEOS["val"]}


def test_validation_and_tests_see_no_truth(other_folder):
    other_folder.set("annotations/ava_val_v2.2.csv", ["nothing that could be read"])
    for split in ("val", "test"):
        for clip in clips_of(other_folder, split):
            assert not clip.keyframes.labels.any()
            assert own(clip).original.tolist() == [list(box) for box in PERSONS]


def test_training_joins_truths_and_detections(folder):
    for clip in clips_of(folder, "train"):
        persons = own(clip)
        second = int(persons.seconds[0])
        labels = [(row.nonzero()[:, 0] + 1).tolist() for row in persons.labels]
        assert labels == ([sorted({1, 2 + second % 4}), []] if second < 906 else [[], []])
        assert clip.label.tolist() == persons.labels.amax(dim=0).tolist()
        assert clip.frame_labels is None


@pytest.mark.parametrize(
    "name", ["ava_train_v2.2.csv", "./../annotations/ava_train_v2.2.csv", "lists/link.csv", "lists/copy.csv"]
)
@pytest.mark.parametrize("person", [0, 1, 17])
def test_annotated_boxes_among_the_detected_ones_change_nothing(other_folder, caplog, name, person):
    """Settings of PySlowFast name the same list twice; there the second one finds persons that are there already."""
    caplog.set_level("INFO")
    annotations = other_folder.root / "annotations"
    other_folder.set("annotations/ava_train_v2.2.csv", [line.rpartition(",")[0] + f",{person}" for line in truth_rows()])
    plain = build_dataset(other_folder.cfg(), "train").persons
    (annotations / "lists").mkdir()
    (annotations / "lists/link.csv").symlink_to(annotations / "ava_train_v2.2.csv")
    shutil.copy(annotations / "ava_train_v2.2.csv", annotations / "lists/copy.csv")
    lists = [name, "ava_train_predicted_boxes.csv"]
    twice = build_dataset(other_folder.cfg("AVA.TRAIN_PREDICT_BOX_LISTS", lists), "train").persons
    assert (twice.boxes == plain.boxes).all()
    assert (twice.labels == plain.labels).all()
    assert "left out of AVA.TRAIN_PREDICT_BOX_LISTS: it is in AVA.TRAIN_GT_BOX_LISTS" in caplog.text
    alone = build_dataset(other_folder.cfg("AVA.TRAIN_PREDICT_BOX_LISTS", [name]), "train").persons
    assert len(alone.boxes) == 8


@pytest.mark.parametrize("place", [-1, 0, 6])
@pytest.mark.parametrize("split", ALL_SPLITS)
def test_clip_is_every_rth_frame_around_its_second(folder, split, place):
    number = SampleKey(0, 2 if split != "val" else 0)
    whole = ["DATA.TRAIN_JITTER_SCALES", [48, 48], "DATA.TRAIN_CROP_SIZE", 48]
    clip = build_dataset(folder.cfg("AVA.CENTER_FRAME", place, *whole), split)[number]
    assert own(clip).seconds.tolist() == [904, 904]
    expected = np.clip(120 - (4 if place < 0 else place) * 8 + 8 * np.arange(8), 0, 199)
    assert greys(clip.frames.numpy()) == expected.tolist()
    np.testing.assert_allclose(clip.times, expected / 30, rtol=1e-6)


@pytest.mark.parametrize(("length", "step", "place"), [(8, 8, -1), (16, 8, -1), (22, 8, 18), (3, 2, 0), (4, 8, 3)])
@pytest.mark.parametrize("split", ALL_SPLITS)
def test_a_clip_brings_the_persons_of_every_second_that_it_shows(folder, split, length, step, place):
    cfg = folder.cfg("DATA.NUM_FRAMES", length, "DATA.SAMPLING_RATE", step, "AVA.CENTER_FRAME", place)
    dataset = build_dataset(cfg, split)
    known = samples(dataset)
    for number, (video, second) in enumerate(known):
        clip = dataset[SampleKey(0, number)]
        keyframes = clip.keyframes
        first, last = clip.times[0].item(), clip.times[-1].item()
        expected = [s for v, s in known if v == video and (first - 1e-3 <= s - 900 <= last + 1e-3 or s == second)]
        assert keyframes.seconds.unique_consecutive().tolist() == expected
        assert (keyframes.main == (keyframes.seconds == second)).all()
        assert keyframes.numbers.tolist() == [0, 1] * len(expected)
        assert set(keyframes.videos.tolist()) == {clip.video}
        assert (clip.view, clip.name) == (0, video)


def test_a_box_has_the_same_key_and_corners_wherever_it_turns_up(folder):
    found = {}
    for clip in clips_of(folder, "test", "DATA.NUM_FRAMES", 16):
        k = clip.keyframes
        for number in range(len(k)):
            key = tuple(int(column[number]) for column in (k.videos, k.seconds, k.numbers))
            found.setdefault(key, []).append((*k.original[number].tolist(), *k.boxes[number].tolist()))
    assert len(found) == 3 * 5 * 2
    assert all(len(set(boxes)) == 1 for boxes in found.values())
    assert max(len(boxes) for boxes in found.values()) > 2


@pytest.mark.parametrize(
    "overrides",
    [(), ("AVA.TEST_FORCE_FLIP", True), ("AVA.BGR", True), ("DATA.TEST_CROP_SIZE", 90, "DATA.TRAIN_JITTER_SCALES", [60, 90])],
    ids=["plain", "flip", "bgr", "scaled"],
)
@pytest.mark.parametrize("split", ALL_SPLITS)
def test_boxes_lie_on_the_persons(folder, split, overrides):
    red = 2 if "AVA.BGR" in overrides else 0
    for clip in clips_of(folder, split, *overrides):
        picture = clip.frames[:, 4].numpy().astype(int)
        is_person = (picture[red] > 190) & (picture[2 - red] < 60)
        covered = np.zeros_like(is_person)
        for x1, y1, x2, y2 in own(clip).boxes.tolist():
            inside = (
                slice(round(y1) + 3, max(round(y2) - 2, 0)),
                slice(round(x1) + 3, max(round(x2) - 2, 0)),
            )  # but for the blur
            assert is_person[inside].all()
            covered[max(round(y1) - 3, 0) : round(y2) + 4, max(round(x1) - 3, 0) : round(x2) + 4] = True
        assert covered[is_person].all()
        assert is_person.any()


def test_samples_depend_on_seed_epoch_and_number_alone(folder):
    overrides = ("AVA.TRAIN_USE_COLOR_AUGMENTATION", True, "AVA.TRAIN_PCA_JITTER_ONLY", False)
    first, again, later, other = (
        clips_of(folder, "train", *overrides, "RNG_SEED", seed, epoch=epoch) for epoch, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    for clip, same in zip(first, again, strict=True):
        assert torch.equal(clip.frames, same.frames)
        assert torch.equal(clip.keyframes.boxes, same.keyframes.boxes)
    for clips in (later, other):
        assert any(not torch.equal(a.frames, b.frames) for a, b in zip(first, clips, strict=True))


def test_colour_augmentation_changes_training_only(folder):
    changed = ("AVA.TRAIN_USE_COLOR_AUGMENTATION", True, "AVA.TRAIN_PCA_EIGVAL", [10.0, 10.0, 10.0])
    for split in ALL_SPLITS:
        same = [
            torch.equal(a.frames, b.frames)
            for a, b in zip(clips_of(folder, split), clips_of(folder, split, *changed), strict=True)
        ]
        assert all(same) if split != "train" else not any(same)


def as_lists(batch):
    return [batch.frames.tolist(), *(getattr(batch.keyframes, name).tolist() for name in Keyframes.__slots__)]


@pytest.mark.parametrize("split", ALL_SPLITS)
def test_workers_do_not_change_batches(folder, split):
    found = []
    for workers in (0, 2):
        with build_loader(folder.cfg(), split, batch_size=2, num_workers=workers) as loader:
            found.append([as_lists(batch) for batch in loader.batches(1)])
    assert found[0] == found[1]


@pytest.mark.parametrize("world_size", [1, 2])
def test_test_batches_hold_one_video_each_and_every_sample_once(folder, world_size):
    seen = []
    for rank in range(world_size):
        with build_loader(folder.cfg(), "test", batch_size=4, rank=rank, world_size=world_size) as loader:
            batches = list(loader.batches(0))
            assert len(batches) == len(loader)
            for batch in batches:
                assert len(set(batch.names)) == 1
                keyframes = batch.keyframes[batch.keyframes.main]
                seen += zip(batch.names, keyframes.seconds[::2].tolist(), strict=True)
    assert seen == samples(build_dataset(folder.cfg(), "test"))


def test_a_batch_numbers_the_clips_of_its_persons(folder):
    clips = clips_of(folder, "train")
    batch = collate(clips[1:4])
    assert batch.keyframes.clips.tolist() == [n for n, clip in enumerate(clips[1:4]) for _ in range(len(clip.keyframes))]
    assert torch.equal(batch.keyframes.boxes, torch.cat([clip.keyframes.boxes for clip in clips[1:4]]))
    assert batch.keyframes.rois().shape == (len(batch.keyframes), 5)


def write_video(path, video):
    """Without loss, so that every grey level tells its frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "bgr0"
        for number in range(video.num_frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture(video, number), format="rgb24").reformat(format="bgr0"))
            )
        container.mux(stream.encode(None))


def test_videos_give_the_same_clips_as_their_pictures(other_folder, tmp_path):
    (tmp_path / "videos").mkdir()
    for video in (*VIDEOS["train"], *VIDEOS["val"]):
        write_video(tmp_path / "videos" / f"{video.name}.mkv", video)
    videos = build_dataset(other_folder.cfg("AVA.VIDEO_DIR", str(tmp_path / "videos")), "test")
    assert sorted(samples(videos)) == sorted((v.name, s) for v in VIDEOS["val"] for s in range(902, 907))
    assert [record.video_id for record in videos.records] == sorted(video.name for video in VIDEOS["val"])
    clip = videos[SampleKey(0, 2)]
    pictures = build_dataset(other_folder.cfg(), "test")
    assert greys(clip.frames.numpy()) == list(range(88, 152, 8))
    assert torch.equal(clip.frames, pictures[SampleKey(0, 2)].frames)
    assert torch.equal(clip.times, pictures[SampleKey(0, 2)].times)


def test_a_second_behind_the_end_repeats_the_last_frame_and_keeps_its_persons(other_folder, caplog):
    name = VIDEOS["val"][0].name
    other_folder.set("annotations/ava_val_predicted_boxes.csv", [row(name, s, PERSONS[0], "", 0.95) for s in (906, 907, 908)])
    with caplog.at_level(logging.WARNING):
        clips = clips_of(other_folder, "test")
    assert "2 seconds lie behind the end of their videos" in caplog.text
    assert "2 videos have no box" in caplog.text
    assert greys(clips[2].frames.numpy()) == [199] * 8
    assert clips[2].keyframes.seconds.tolist() == [908]
    assert clips[2].keyframes.main.tolist() == [True]
    assert clips[1].keyframes.seconds.tolist() == [906, 907]


def test_rows_that_do_not_count_are_told(other_folder, caplog):
    other_folder.set(
        "annotations/ava_train_v2.2.csv",
        [*truth_rows(), row(VIDEOS["train"][0].name, 901, PERSONS[0], 1, 0), row("gone", 902, PERSONS[0], 1, 0)],
    )
    with caplog.at_level(logging.WARNING):
        assert len(build_dataset(other_folder.cfg(), "train")) == 10
    assert "1 rows are outside of the annotated seconds" in caplog.text
    assert "1 rows are about videos that are not there" in caplog.text


def cut_list(folder, split, keep):
    path = folder.root / "frame_lists" / f"{split}.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if keep(line)))


def replace_in_list(folder, split, old, new):
    path = folder.root / "frame_lists" / f"{split}.csv"
    path.write_text(path.read_text().replace(old, new))


def test_missing_pictures_stop_an_evaluation_and_are_replaced_in_training(other_folder):
    replace_in_list(other_folder, "val", f"{VIDEOS['val'][0].name}_000121.png", "gone.png")
    replace_in_list(other_folder, "train", f"{VIDEOS['train'][0].name}_000121.png", "gone.png")
    with pytest.raises(DecodeError, match=r"frames/valvideo__1: .*gone\.png, the file does not exist"):
        clips_of(other_folder, "test")
    clips = clips_of(other_folder, "train")
    replaced = [clip for clip in clips if clip.replaced]
    assert replaced
    videos = {clip.replaced[0].rpartition(": ")[0] for clip in replaced}
    assert videos == {f"{other_folder.root}/frames/{VIDEOS['train'][0].name}"}  # one bad video, however many seconds it has
    assert all(len(own(clip)) == 2 for clip in clips)


def test_pictures_that_change_size_within_a_video_are_an_error(other_folder):
    wide, narrow = VIDEOS["val"][:2]
    replace_in_list(other_folder, "val", f"{wide.name}/{wide.name}_000121.png", f"{narrow.name}/{narrow.name}_000121.png")
    with pytest.raises(DecodeError, match="64 x 48 among others of 80 x 48"):
        clips_of(other_folder, "test")


def test_a_frame_list_without_header_is_an_error(other_folder):
    cut_list(other_folder, "train", lambda line: not line.startswith("original"))
    with pytest.raises(DatasetError, match=r"train\.csv, row 1: .*expected the header"):
        build_dataset(other_folder.cfg(), "train")


def test_a_folder_without_the_listed_pictures_is_an_error(other_folder, tmp_path):
    with pytest.raises(DatasetError, match=r"the first picture of none of the 2 listed videos.*\(AVA\.FRAME_DIR\)"):
        build_dataset(other_folder.cfg("AVA.FRAME_DIR", str(tmp_path / "elsewhere")), "train")


def test_a_video_in_two_frame_lists_is_an_error(other_folder):
    with pytest.raises(DatasetError, match=r"val\.csv, row 2: video valvideo__1 again"):
        build_dataset(other_folder.cfg("AVA.TEST_LISTS", ["val.csv", "val.csv"]), "test")


def test_two_files_of_one_video_are_an_error(other_folder, tmp_path):
    for suffix in (".mp4", ".mkv"):
        (tmp_path / f"film{suffix}").touch()
    with pytest.raises(DatasetError, match=r"film\.mkv and film\.mp4; expected one file a video \(AVA\.VIDEO_DIR\)"):
        build_dataset(other_folder.cfg("AVA.VIDEO_DIR", str(tmp_path)), "test")
    with pytest.raises(DatasetError, match=r"no video; expected files like ID\.mp4"):
        build_dataset(other_folder.cfg("AVA.VIDEO_DIR", str(tmp_path / "annotations")), "test")


def test_boxes_without_area_are_left_out_in_training_and_kept_for_the_evaluation(other_folder):
    flat = (0.5, 0.1, 0.5, 0.9)
    for split in ("train", "val"):
        rows = [row(video.name, 904, box, "", 0.95) for video in VIDEOS[split] for box in (PERSONS[0], flat)]
        other_folder.set(f"annotations/ava_{split}_predicted_boxes.csv", rows)
    assert all(len(own(clip)) == 2 for clip in clips_of(other_folder, "test"))
    assert [len(own(clip)) for clip in clips_of(other_folder, "train")] == [1] * 8


def test_training_draws_the_inverse_of_the_short_side_whatever_other_data_sets_do(folder):
    for inverse in (False, True):
        view = rules_of(folder.cfg("DATA.INV_UNIFORM_SAMPLE", inverse), "train").view
        assert view == RandomCrop(smallest=48, largest=64, size=48, inverse=True, flip=True)


def test_classes_are_named_and_grouped_by_the_label_map(folder):
    dataset = build_dataset(folder.cfg(), "test")
    assert dataset.class_names == ("act 1", "act 2", "action 3", "act 4", "action 5")
    assert dataset.class_groups == {"pose": (0, 1, 3)}
    assert build_dataset(folder.cfg("AVA.LABEL_MAP_FILE", ""), "test").class_names[3] == "action 4"


def test_a_label_map_with_more_classes_than_the_network_is_an_error(folder):
    with pytest.raises(DatasetError, match=r"action 4; expected one of 1 \.\. 3 \(MODEL\.NUM_CLASSES\)"):
        build_dataset(folder.cfg("MODEL.NUM_CLASSES", 3), "test")
    with pytest.raises(ConfigError, match=r"AVA\.LABEL_MAP_FILE = 'none\.pbtxt': there is no such file"):
        build_dataset(folder.cfg("AVA.LABEL_MAP_FILE", "none.pbtxt"), "test")


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["DATA.PATH_TO_DATA_DIR", ""], "AVA.FRAME_DIR"),
        (["DATA.PATH_TO_DATA_DIR", "", "AVA.VIDEO_DIR", "videos"], "AVA.ANNOTATION_DIR"),
        (["AVA.TEST_PREDICT_BOX_LISTS", []], "AVA.TEST_PREDICT_BOX_LISTS"),
        (["AVA.TEST_LISTS", []], "AVA.TEST_LISTS"),
        (["AVA.VAL_LISTS", ["val.csv"]], "AVA.VAL_LISTS"),
        (["AVA.VAL_EXCLUSION_FILE", "excluded.csv"], "AVA.VAL_EXCLUSION_FILE"),
        (["AVA.CENTER_FRAME", 8], "AVA.CENTER_FRAME"),
        (["AVA.TRAIN_PCA_EIGVAL", [1.0]], "AVA.TRAIN_PCA_EIGVAL"),
        (["AVA.TRAIN_PCA_EIGVEC", [[1.0, 0.0], [0.0, 1.0]]], "AVA.TRAIN_PCA_EIGVEC"),
        (["AVA.DETECTION_SCORE_THRESH", 1.5], "AVA.DETECTION_SCORE_THRESH"),
    ],
)
def test_options_that_do_not_fit_are_named(folder, overrides, key):
    with pytest.raises(ConfigError, match=key):
        build_dataset(folder.cfg(*overrides), "test")


def test_the_lists_of_detections_must_exist(other_folder):
    (other_folder.root / "annotations/ava_val_predicted_boxes.csv").unlink()
    with pytest.raises(ConfigError, match=r"AVA\.TEST_PREDICT_BOX_LISTS = .*: there is no such file"):
        build_dataset(other_folder.cfg(), "test")


def test_detections_below_the_threshold_give_no_sample(other_folder):
    assert len(build_dataset(other_folder.cfg("AVA.DETECTION_SCORE_THRESH", 0.95), "test")) == 15
    other_folder.set(
        "annotations/ava_val_predicted_boxes.csv", [line for line in detected_rows(VIDEOS["val"], "") if "0.5" in line]
    )
    with pytest.raises(DatasetError, match=r"the highest score is 0\.5"):
        build_dataset(other_folder.cfg(), "test")
