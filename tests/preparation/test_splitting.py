"""Splits are fair to classes, true to groups, and the same each time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.datasets.errors import DatasetError
from slowfast.preparation.splitting import group_videos, parse_shares, split_groups
from slowfast.preparation.videos import LabelledVideo, Span

RATIOS = (0.8, 0.1, 0.1)


def videos_of(**counts: int) -> list[LabelledVideo]:
    """So many videos of each class; two in a row come from one source."""
    return [
        LabelledVideo(path=f"{name}/source{number // 2}/{number}.mp4", source="", spans=(Span(name),))
        for name, count in counts.items()
        for number in range(count)
    ]


def sizes(splits: dict[str, list[LabelledVideo]]) -> list[int]:
    return [len(videos) for videos in splits.values()]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 5))
def test_every_video_is_in_one_split_and_every_class_in_training(counts: list[int], seed: int) -> None:
    videos = videos_of(**{f"class{number}": count for number, count in enumerate(counts)}, many=40)
    splits = split_groups(group_videos(videos, ""), RATIOS, seed=seed)
    assert sorted(video.path for part in splits.values() for video in part) == sorted(video.path for video in videos)
    assert {video.spans[0].name for video in splits["train"]} == {video.spans[0].name for video in videos}


def test_splits_have_their_shares_of_the_whole_and_of_each_class() -> None:
    splits = split_groups(group_videos(videos_of(a=100, b=50, c=20), ""), RATIOS, seed=0)
    assert sizes(splits) == [136, 17, 17]
    for split, share in zip(splits, RATIOS, strict=True):
        count = Counter(video.spans[0].name for video in splits[split])
        assert all(abs(count[name] - share * total) <= 2 for name, total in (("a", 100), ("b", 50), ("c", 20)))


def test_a_seed_decides_the_split() -> None:
    groups = group_videos(videos_of(a=20, b=20), "")
    assert split_groups(groups, RATIOS, seed=1) == split_groups(dict(reversed(groups.items())), RATIOS, seed=1)
    assert split_groups(groups, RATIOS, seed=1) != split_groups(groups, RATIOS, seed=2)


@pytest.mark.parametrize("group_by", ["parent", r"(\w+/source\d+)"])
def test_no_group_is_in_two_splits(group_by: str) -> None:
    splits = split_groups(group_videos(videos_of(a=30, b=14), group_by), (0.6, 0.2, 0.2), seed=0)
    where = {(video.path.rpartition("/")[0], split) for split, videos in splits.items() for video in videos}
    assert len(where) == 15 + 7
    assert min(sizes(splits)) >= 6


def test_a_group_is_named_by_the_first_bracket_and_loners_stand_alone() -> None:
    videos = [LabelledVideo(path=path, source="", spans=()) for path in ("a/cam1_x", "b/cam1_y", "a/cam2_x", "a/q", "a/r")]
    assert [len(group) for group in group_videos(videos, r"cam(\d)").values()] == [2, 1, 1, 1]


def test_several_classes_count_for_a_video() -> None:
    both = [LabelledVideo(path=f"both{n}", source="", spans=(Span("a"), Span("rare"))) for n in range(2)]
    splits = split_groups(group_videos([*videos_of(a=28), *both], ""), RATIOS, seed=0)
    assert any(len(video.class_names) == 2 for video in splits["train"])


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", r"'\(' is no regular expression"), ("nowhere", "'nowhere' matches no path")]
)
def test_a_pattern_that_groups_nothing_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        group_videos(videos_of(a=2), pattern)


def test_a_split_that_gets_nothing_is_an_error() -> None:
    with pytest.raises(DatasetError, match="3 videos in 3 groups leave none for val"):
        split_groups(group_videos(videos_of(a=3), ""), RATIOS, seed=0)


def test_shares_are_brought_to_one() -> None:
    assert parse_shares([3, 1]) == (0.75, 0.25, 0)
    assert parse_shares([80, 10, 10]) == pytest.approx((0.8, 0.1, 0.1))
    for wrong in ([1], [1, 0], [0.5, 0.6, -0.1], [1, 1, 1, 1]):
        with pytest.raises(DatasetError, match="shares of train, val and test"):
            parse_shares(wrong)
