"""Whole videos with persons: every annotated second comes once, in the piece that is nearest to it, with its boxes where the
frames show them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slowfast.config import ConfigError
from slowfast.datasets import SampleKey, build_dataset, build_loader
from slowfast.datasets.clip_sampling import KeyframeClip
from slowfast.structures import Keyframes, LaneBatch
from tests.datasets.ava_folders import PERSONS, VIDEOS, Folder, detected_rows, row, write_folder

WHOLE = (
    *("PGT.ENABLE", True, "PGT.STEPS", "all", "PGT.STEP_LEN", [4], "PGT.OVERLAP", [1], "PGT.UPDATE_EVERY", 2),
    *("PGT.TRAIN_TOGETHER", True, "DATA.NUM_FRAMES", 0, "DATA.SAMPLING_RATE", 5, "AVA.DETECTION_SCORE_THRESH", 0.8),
    *("AVA.FULL_TEST_ON_VAL", True, "DATA.RANDOM_FLIP", False),
)
P = 3
"""Frames of a piece: 15 frames, half a second, of the video."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return write_folder(tmp_path_factory.mktemp("whole_ava"))


def batches_of(folder: Folder, split: str, *overrides: object, lanes: int = 2, rank: int = 0, world_size: int = 1) -> Any:
    cfg = folder.cfg(*WHOLE, *overrides)
    with build_loader(cfg, split, batch_size=lanes, rank=rank, world_size=world_size) as loader:
        yield from loader.batches(0)


def persons_of(batches: Iterator[LaneBatch]) -> list[tuple[int, int, int, int]]:
    """(video, second, number, piece) of every person."""
    found = []
    for batch in batches:
        assert batch.keyframes is not None and len(batch.keyframes) == batch.num_pieces
        for s, persons in enumerate(batch.keyframes):
            for video, second, number, lane in zip(
                *(column.tolist() for column in (persons.videos, persons.seconds, persons.numbers, persons.clips)), strict=True
            ):
                assert video == int(batch.videos[lane, s])
                found.append((video, second, number, int(batch.pieces[lane, s])))
    return found


@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_shows_every_annotated_person_once(folder: Folder, split: str, lanes: int) -> None:
    dataset: Any = build_dataset(folder.cfg("AVA.DETECTION_SCORE_THRESH", 0.8, "AVA.FULL_TEST_ON_VAL", True), split)
    wanted = sorted(
        (int(p.videos[i]), int(p.seconds[i]), number)
        for p in [dataset.persons]
        for i in range(len(p))
        for number in range(int(p.starts[i + 1] - p.starts[i]))
    )
    found = sorted(person[:3] for person in persons_of(batches_of(folder, split, lanes=lanes)))
    assert found == wanted and len(found) == 3 * 5 * 2
    shared = [persons_of(batches_of(folder, split, lanes=lanes, rank=rank, world_size=2)) for rank in range(2)]
    assert sorted(person[:3] for person in itertools.chain(*shared)) == wanted


def test_a_second_belongs_to_the_piece_with_the_nearest_centre(folder: Folder) -> None:
    """Steps of 4 frames, one of them remembered, have their centre at the second of 3 new ones: frames 5, 20, 35, ..."""
    pieces = {(second, piece) for _, second, _, piece in persons_of(batches_of(folder, "test"))}
    assert pieces == {(902, 4), (903, 6), (904, 8), (905, 10), (906, 12)}


def test_of_two_equally_near_pieces_the_later_has_a_second() -> None:
    clips = KeyframeClip(8, 2, place=2)  # pieces of 4 frames, every 2nd: centres at frames 4, 12, 20, ...
    frames = np.arange(0, 30)
    nearest = [
        max(piece for piece in range(5) if abs(4 + 8 * piece - f) == min(abs(4 + 8 * p - f) for p in range(5))) for f in frames
    ]
    assert clips.pieces(frames, 0, 4).tolist() == nearest
    assert clips.pieces(np.array([7, 8, 9, 15, 16]), 0, 4).tolist() == [0, 1, 1, 1, 2]
    assert clips.pieces(frames + 100, 100, 4).tolist() == nearest
    assert KeyframeClip(8, 2).pieces(np.array([8, 16]), 0, 4).tolist() == [1, 2], "the middle of a piece by default"


def test_boxes_lie_where_the_frames_show_the_persons(folder: Folder) -> None:
    """Whatever the crop: red where boxes of the first person are, as far as the crop shows them."""
    seen = 0
    for epoch in range(3):
        cfg = folder.cfg(*WHOLE, "RNG_SEED", epoch, "DATA.RANDOM_FLIP", True)
        with build_loader(cfg, "train", batch_size=2) as loader:
            for batch in loader.batches(0):
                for s, persons in enumerate(batch.keyframes or ()):
                    for i in range(len(persons)):
                        x1, y1, x2, y2 = persons.boxes[i].round().long().tolist()
                        if x2 - x1 > 6 and y2 - y1 > 6:
                            frame = batch.frames[persons.clips[i], :, s * P + 1].float()
                            inner = frame[:, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
                            assert inner[0].mean() > 200 and inner[1].mean() < 40
                            seen += 1
    assert seen > 20


def test_a_video_has_one_crop_and_its_boxes_do_not_move(folder: Folder) -> None:
    cfg = folder.cfg(*WHOLE, "DATA.RANDOM_FLIP", True)
    with build_loader(cfg, "train", batch_size=1) as loader:
        by_video: dict[tuple[int, int, int], set[tuple[float, ...]]] = {}
        for batch in loader.batches(0):
            for s, persons in enumerate(batch.keyframes or ()):
                for i in range(len(persons)):
                    box = persons.original[i].tolist()
                    if box == list(PERSONS[0]):
                        key = int(batch.videos[0, s]), 0, 0
                        by_video.setdefault(key, set()).add(tuple(persons.boxes[i].tolist()))
    assert by_video and all(len(boxes) == 1 for boxes in by_video.values())


def test_boxes_and_labels_are_those_of_clips(folder: Folder) -> None:
    """Tests show whole pictures in both forms, so boxes are the same."""
    clips: Any = build_dataset(folder.cfg("AVA.DETECTION_SCORE_THRESH", 0.8), "test")
    wanted = {}
    for sample in range(len(clips)):
        persons = clips[SampleKey(0, sample)].keyframes
        own: Keyframes = persons[persons.main]
        for i in range(len(own)):
            wanted[int(own.videos[i]), int(own.seconds[i]), int(own.numbers[i])] = own.boxes[i].tolist(), own.labels[i].tolist()
    found = {}
    for batch in batches_of(folder, "test"):
        for persons in batch.keyframes:
            for i in range(len(persons)):
                key = int(persons.videos[i]), int(persons.seconds[i]), int(persons.numbers[i])
                found[key] = persons.boxes[i].tolist(), persons.labels[i].tolist()
    assert found == wanted


def test_videos_of_different_sizes_are_never_in_one_batch(folder: Folder) -> None:
    sizes = set()
    for batch in batches_of(folder, "test", lanes=3):
        assert len({int(video) for video in batch.videos.flatten() if video >= 0}) == len(batch) == 1, "no row without a video"
        sizes.add(tuple(batch.frames.shape[3:]))
    assert sizes == {(48, 80), (48, 64), (60, 48)}


@pytest.mark.parametrize(("lead", "first"), [(0.0, 60), (0.5, 45), (1.0, 30), (20.0, 0)])
def test_reading_begins_shortly_before_the_first_annotated_second(folder: Folder, lead: float, first: int) -> None:
    batches = list(batches_of(folder, "test", "AVA.LEAD_SECONDS", lead, lanes=1))
    starts = [float(batch.times[0, s * P]) for batch in batches for s in range(2) if batch.begins[0, s]]
    assert starts == pytest.approx([first / 30] * 3)
    assert sorted(person[:3] for person in persons_of(iter(batches))) == sorted(
        person[:3] for person in persons_of(batches_of(folder, "test"))
    )


def test_reading_ends_with_the_piece_of_the_last_annotated_second(folder: Folder) -> None:
    ends: dict[int, float] = {}
    for batch in batches_of(folder, "test", lanes=1):
        for s in range(2):
            valid = batch.valid[0, s * P : (s + 1) * P]
            if valid.any():
                ends[int(batch.videos[0, s])] = float(batch.times[0, s * P : (s + 1) * P][valid].max())
    assert list(ends.values()) == pytest.approx([190 / 30] * 3), "the last frame of the piece whose centre is nearest to 180"


@pytest.fixture
def late_folder(folder: Folder, tmp_path: Path) -> Folder:
    """Boxes in one of two training videos alone: at its first frame, in its last frames, and behind its end."""
    other = Folder(tmp_path)
    for name in ("frames", "frame_lists"):
        (tmp_path / name).symlink_to(folder.root / name)
    rows = [row(VIDEOS["train"][0].name, second, PERSONS[0], 1, 0) for second in (900, 906, 907)]
    other.set("annotations/ava_train_v2.2.csv", rows)
    other.set("annotations/ava_train_predicted_boxes.csv", [])
    other.set("annotations/ava_val_predicted_boxes.csv", detected_rows(VIDEOS["val"], ""))
    name = "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt"
    (tmp_path / name).write_text((folder.root / name).read_text())
    return other


def test_seconds_at_the_ends_of_a_video_and_videos_without_boxes(late_folder: Folder) -> None:
    """Second 907 lies behind the 200 frames; the other video is never opened."""
    cfg = late_folder.cfg(
        *WHOLE, "AVA.ANNOTATED_SECONDS", [900, 1798], "DATA.SAMPLING_RATE", 8, "AVA.TRAIN_PREDICT_BOX_LISTS", []
    )
    with build_loader(cfg, "train", batch_size=1) as loader:
        assert (loader.videos.videos, loader.videos.lengths, loader.videos.num_frames) == ([0], [9], 25)  # type: ignore[union-attr]
        pieces: dict[int, set[int]] = {}
        for epoch in range(3):  # pieces that an epoch has no room for come in the next
            for batch in loader.batches(epoch):
                for s, persons in enumerate(batch.keyframes):
                    for second in persons.seconds.tolist():
                        pieces.setdefault(second, set()).add(int(batch.pieces[0, s]))
                        assert batch.valid[0, s * P : (s + 1) * P].any()
    assert pieces == {900: {0}, 906: {7}, 907: {8}}


def test_labels_of_a_piece_are_what_anyone_does_in_it(folder: Folder) -> None:
    dataset: Any = build_dataset(folder.cfg(*WHOLE), "train")
    assert dataset.piece_labels(0, 55, 65, 200).tolist() == [1, 0, 0, 1, 0], "second 902 has the actions 1 and 4"
    assert dataset.piece_labels(0, 61, 89, 200).tolist() == [0] * 5


def test_a_pass_that_begins_in_the_middle_goes_on_with_the_same_boxes(folder: Folder) -> None:
    cfg = folder.cfg(*WHOLE, "DATA.RANDOM_FLIP", True)
    with build_loader(cfg, "train", batch_size=2) as loader:
        whole = list(loader.batches(1))
    for start in range(len(whole)):
        with build_loader(cfg, "train", batch_size=2) as loader:
            batch = next(loader.batches(1, start))
        assert torch.equal(batch.frames, whole[start].frames)
        for mine, its in zip(batch.keyframes or (), whole[start].keyframes or (), strict=True):
            assert torch.equal(mine.boxes, its.boxes) and torch.equal(mine.seconds, its.seconds)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(folder: Folder, workers: int) -> None:
    cfg = folder.cfg(*WHOLE)
    with (
        build_loader(cfg, "test", batch_size=2) as loader,
        build_loader(cfg, "test", batch_size=2, num_workers=workers) as other,
    ):
        for mine, its in zip(loader.batches(0), other.batches(0), strict=True):
            assert torch.equal(mine.frames, its.frames)
            assert all(torch.equal(a.boxes, b.boxes) for a, b in zip(mine.keyframes or (), its.keyframes or (), strict=True))


def test_what_one_pass_saves_is_told(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        list(batches_of(folder, "test"))
    # 15 clips of 5 steps of 3 frames; 13 pieces of 3 frames for each of 3 videos.
    assert "one pass of 117 frames over 3 videos instead of 15 clips x 15 frames (5 steps each): 1.9 times fewer" in caplog.text


def test_a_picture_that_is_missing_ends_its_video_and_the_persons_of_its_piece(tmp_path: Path) -> None:
    broken = write_folder(tmp_path)
    name = VIDEOS["val"][0].name
    (tmp_path / "frames" / name / f"{name}_000101.png").unlink()
    # The picture is frame 100; second 903 is frame 90, in the piece of frames 90, 95 and 100.
    persons = persons_of(batches_of(broken, "test", "TEST.SKIP_UNREADABLE", True, lanes=1))
    assert sorted({second for video, second, *_ in persons if video == 0}) == [902]
    assert sorted({second for video, second, *_ in persons if video == 1}) == [902, 903, 904, 905, 906]


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (("DATA.MAX_SECONDS", 3), "DATA.MAX_SECONDS"),
        (("AVA.CENTER_FRAME", 2), "AVA.CENTER_FRAME"),
        (("PGT.PG_EVAL", False), "PGT.PG_EVAL"),
    ],
)
def test_options_that_do_not_go_with_persons_in_whole_videos_are_refused(
    folder: Folder, overrides: tuple[object, ...], key: str
) -> None:
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        folder.cfg(*WHOLE, *overrides)


def test_whole_videos_without_boxes_are_refused_where_persons_are_wanted(charades_folder: Path) -> None:
    from slowfast.config import load_config

    cfg = load_config(
        overrides=[
            *WHOLE[:-6], "MODEL.ARCH", "slow", "DETECTION.ENABLE", True, "MODEL.LOSS_FUNC", "bce", "MODEL.HEAD_ACT", "sigmoid",
            "TRAIN.DATASET", "charades", "TEST.DATASET", "charades", "DATA.PATH_TO_DATA_DIR", str(charades_folder),
            "MODEL.NUM_CLASSES", 4,
        ]
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"DETECTION\.ENABLE = True: .*no boxes of persons"):
        build_loader(cfg, "train", batch_size=1)
