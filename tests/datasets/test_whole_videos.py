"""Whole videos in lanes show every sampled frame once, in order, with the labels of its time, however they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slowfast.datasets.clip_sampling import RandomStridedClip, SegmentClip
from slowfast.datasets.errors import DatasetError, DecodeError, TooManyBadVideosError
from slowfast.datasets.labels import ClassLabel, IntervalLabels
from slowfast.datasets.lane_loader import LaneLoader
from slowfast.datasets.lanes import EvaluationLanes, LaneKey, Piece, TrainingLanes
from slowfast.datasets.sources import FileSource
from slowfast.datasets.transforms import CropFrames, FixedCrops, RandomCrop
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.datasets.whole_videos import WholeVideos
from slowfast.structures import ActionInterval, LaneBatch, VideoRecord
from tests.datasets.videos import write_video

LENGTHS = (37, 5, 61, 20, 1)
FPS = 24
P = 4
"""Frames of a piece."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("whole")
    return [write_video(folder / f"{i}.mp4", length, fps=FPS) for i, length in enumerate(LENGTHS)]


@pytest.fixture
def make(paths: list[str]) -> Callable[..., VideoDataset]:
    def dataset(*, single: bool = False, train: bool = True, chosen: list[str] | None = None, step: int = 3) -> VideoDataset:
        actions = (ActionInterval(1, 0.2, 0.5), ActionInterval(2, 1.0, 9.0))
        records = [
            VideoRecord(
                video_id=Path(path).stem, path=path, source=f"row {i}", label=i % 3 if single else None, actions=actions
            )
            for i, path in enumerate(paths if chosen is None else chosen)
        ]
        return VideoDataset(
            records=records,
            class_names=("a", "b", "c"),
            source=FileSource(VideoFiles()),
            clips=RandomStridedClip(8, step),
            crops=RandomCrop(smallest=34, largest=44, size=32, inverse=False, flip=True) if train else FixedCrops(size=32),
            labels=ClassLabel() if single else IntervalLabels(num_classes=3, fps=FPS, whole_video=False),
            seed=5,
            replaces=train,
        )

    return dataset


def lanes_of(videos: WholeVideos, *, lanes: int = 2, pieces: int = 3, seed: int = 0) -> TrainingLanes:
    return TrainingLanes(lengths=videos.lengths, lanes=lanes, pieces=pieces, seed=seed)


def pieces_of(batches: Iterator[LaneBatch]) -> dict[tuple[int, int], tuple[torch.Tensor, ...]]:
    """Frames, times, valid frames and labels by (video, piece)."""
    found = {}
    for batch in batches:
        for row in range(len(batch)):
            for s in range(batch.num_pieces):
                if batch.videos[row, s] >= 0:
                    cut = slice(s * P, (s + 1) * P)
                    key = int(batch.videos[row, s]), int(batch.pieces[row, s])
                    assert key not in found and bool(batch.begins[row, s]) == (key[1] == 0)
                    found[key] = (
                        batch.frames[row, :, cut], batch.times[row, cut], batch.valid[row, cut], batch.labels[row, s]
                    )  # fmt: skip
    return found


def equal(first: LaneBatch, second: LaneBatch) -> bool:
    fields = ("frames", "times", "valid", "begins", "labels", "videos", "views", "pieces")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in fields)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_evaluation_sees_every_sampled_frame_once(make: Callable[..., VideoDataset], step: int) -> None:
    dataset = make(train=False, step=step)
    videos = WholeVideos(dataset, piece_frames=P)
    lanes = EvaluationLanes(lengths=videos.lengths, lanes=2, pieces=3)
    with LaneLoader(videos, lanes) as loader:
        found = pieces_of(loader.batches(0))
    rng = np.random.default_rng(0)
    for video, length in enumerate(LENGTHS):
        sampled = np.arange(0, length, step)
        own = [found.pop((video, piece)) for piece in range(-(-len(sampled) // P))]
        frames, times, valid, _ = (torch.cat([part[i] for part in own], dim=1 if i == 0 else 0) for i in range(4))
        transform = CropFrames(dataset.crops.draw(0, rng))
        wanted = dataset.source.open(dataset.records[video].path).read(sampled, transform)
        assert torch.equal(valid, torch.arange(len(valid)) < len(sampled))
        assert np.array_equal(frames[:, valid].permute(1, 2, 3, 0).numpy(), wanted)
        assert torch.equal(frames[:, ~valid], frames[:, [len(sampled) - 1]].expand(-1, int((~valid).sum()), -1, -1))
        assert np.allclose(times[valid].numpy(), sampled / FPS)
    assert not found


def test_pieces_share_the_labels_of_their_video_out(make: Callable[..., VideoDataset]) -> None:
    dataset = make(train=False, step=7)
    videos = WholeVideos(dataset, piece_frames=P)
    with LaneLoader(videos, EvaluationLanes(lengths=videos.lengths, lanes=1, pieces=1)) as loader:
        found = pieces_of(loader.batches(0))
    # Class 1 is on at frames 5 to 12, class 2 from frame 24 on; pieces of 4 x 7 frames.
    assert [found[2, piece][3].tolist() for piece in range(3)] == [[0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_one_label_a_video_is_that_of_all_its_pieces(make: Callable[..., VideoDataset]) -> None:
    videos = WholeVideos(make(single=True), piece_frames=P)
    with LaneLoader(videos, lanes_of(videos)) as loader:
        found = pieces_of(loader.batches(0))
    assert all(int(labels) == video % 3 for (video, _), (*_, labels) in found.items())


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(make: Callable[..., VideoDataset], workers: int) -> None:
    videos = WholeVideos(make(), piece_frames=P)
    with LaneLoader(videos, lanes_of(videos)) as loader, LaneLoader(videos, lanes_of(videos), num_workers=workers) as other:
        for epoch in range(3):
            pairs = list(zip(loader.batches(epoch), other.batches(epoch), strict=True))
            assert pairs and all(equal(*pair) for pair in pairs)


def test_a_pass_that_begins_in_the_middle_goes_on_as_one_from_the_start(make: Callable[..., VideoDataset]) -> None:
    videos = WholeVideos(make(), piece_frames=P)
    with LaneLoader(videos, lanes_of(videos, pieces=2)) as loader:
        whole = list(loader.batches(1))
        for start in range(len(whole)):
            fresh = WholeVideos(make(), piece_frames=P)
            with LaneLoader(fresh, lanes_of(fresh, pieces=2)) as other:
                assert equal(next(other.batches(1, start)), whole[start])


def test_a_video_keeps_its_crop_from_its_first_piece_to_its_last(make: Callable[..., VideoDataset], paths: list[str]) -> None:
    videos = WholeVideos(make(chosen=paths[2:3]), piece_frames=P)
    length = videos.lengths[0]
    visits = []
    for visit in range(4):
        clip = videos[LaneKey(0, tuple(Piece(visit, 0, piece) for piece in range(length)))]
        again = [videos[LaneKey(1, (Piece(visit, 0, piece),))].frames for piece in range(length)]
        assert torch.equal(clip.frames, torch.cat(again, dim=1))
        visits.append(clip.frames)
    assert any(not torch.equal(visits[0], other) for other in visits[1:])


def test_max_seconds_bound_a_video(make: Callable[..., VideoDataset]) -> None:
    dataset = make(step=1)
    assert WholeVideos(dataset, piece_frames=P, max_seconds=1.0).lengths == [6, 2, 6, 5, 1]
    assert WholeVideos(dataset, piece_frames=P).lengths == [10, 2, 16, 5, 1]


@pytest.fixture
def broken(tmp_path: Path, paths: list[str]) -> tuple[list[str], str]:
    """All videos, one of them damaged behind its middle; and its path."""
    path = tmp_path / "broken.mp4"
    data = bytearray(Path(paths[2]).read_bytes())
    middle = len(data) * 6 // 10
    data[middle : middle + 600] = bytes(600)
    path.write_bytes(data)
    return [*paths[:2], str(path), *paths[3:]], str(path)


def test_a_video_that_breaks_ends_there_and_is_named(make: Callable[..., VideoDataset], broken: tuple[list[str], str]) -> None:
    chosen, path = broken
    videos = WholeVideos(make(chosen=chosen, step=1), piece_frames=P, goes_on=True)
    whole = WholeVideos(make(step=1), piece_frames=P)
    assert videos.lengths == whole.lengths
    lanes = EvaluationLanes(lengths=whole.lengths, lanes=2, pieces=1)
    with LaneLoader(videos, lanes) as loader, LaneLoader(whole, lanes) as other:
        batches, wanted = list(loader.batches(0)), pieces_of(other.batches(0))
    assert [text for batch in batches for text in batch.replaced if path in text]
    assert path in loader.bad_videos
    found = pieces_of(iter(batches))
    assert found.keys() == wanted.keys()
    valid = [bool(found[2, piece][2].any()) for piece in range(videos.lengths[2]) if (2, piece) in found]
    assert valid[0] and not valid[-1] and valid == sorted(valid, reverse=True)
    for key, part in found.items():
        if key[0] != 2:
            assert all(torch.equal(own, right) for own, right in zip(part, wanted[key], strict=True))


def test_evaluation_ends_with_a_broken_video(make: Callable[..., VideoDataset], broken: tuple[list[str], str]) -> None:
    videos = WholeVideos(make(chosen=broken[0], train=False), piece_frames=P)
    lanes = EvaluationLanes(lengths=videos.lengths, lanes=2, pieces=3)
    with LaneLoader(videos, lanes) as loader, pytest.raises(DecodeError, match="broken"):
        list(loader.batches(0))


def test_a_video_that_cannot_be_opened_is_left_out_of_training(
    make: Callable[..., VideoDataset], paths: list[str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    videos = WholeVideos(make(chosen=[*paths, str(empty)]), piece_frames=P, goes_on=True)
    assert videos.videos == [0, 1, 2, 3, 4] and str(empty) in videos.unreadable
    with pytest.raises(DecodeError, match=r"empty\.mp4"):
        WholeVideos(make(chosen=[*paths, str(empty)]), piece_frames=P)


def test_too_many_unreadable_videos_end_training(make: Callable[..., VideoDataset], tmp_path: Path, paths: list[str]) -> None:
    bad: list[Any] = [tmp_path / f"{i}.mp4" for i in range(12)]
    for path in bad:
        path.write_bytes(b"no video")
    videos = WholeVideos(make(chosen=[*paths, *map(str, bad)]), piece_frames=P, goes_on=True)
    with pytest.raises(TooManyBadVideosError, match="cannot be read"):
        LaneLoader(videos, lanes_of(videos), max_bad_share=0.5)


def test_clips_without_a_rate_make_no_whole_videos(make: Callable[..., VideoDataset]) -> None:
    dataset = make()
    dataset.clips = SegmentClip(8, randomly=True)
    with pytest.raises(DatasetError, match="frame rate"):
        WholeVideos(dataset, piece_frames=P)
