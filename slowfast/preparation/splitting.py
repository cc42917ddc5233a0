"""Sharing videos out to training, validation and test: by class, by group, and the same way every time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from slowfast.datasets.errors import DatasetError
from slowfast.preparation.videos import LabelledVideo

SPLITS = ("train", "val", "test")
PARENT = "parent"

Groups = Mapping[str, Sequence[LabelledVideo]]


def group_videos(videos: Sequence[LabelledVideo], group_by: str) -> dict[str, list[LabelledVideo]]:
    """Videos that must not be torn apart, by the name of their group.

    group_by: "" (each video on its own), "parent" (the folder it lies in), or a regular expression that is searched in the
    path: its first bracket, or all of it, is the group's name; a video without a match is a group of its own. Raises
    DatasetError for an expression that is wrong or matches nothing.
    """
    pattern = _compile(group_by) if group_by not in ("", PARENT) else None
    groups: dict[str, list[LabelledVideo]] = {}
    matches = 0
    for video in videos:
        name = f"alone: {video.path}"
        if group_by == PARENT:
            name = str(PurePosixPath(video.path).parent)
        elif pattern is not None and (match := pattern.search(video.path)):
            matches += 1
            name = f"match: {match[1] if pattern.groups else match[0]}"
        groups.setdefault(name, []).append(video)
    if pattern is not None and not matches:
        raise DatasetError(
            path="--group-by", found=f"{group_by!r} matches no path", expected=f"something found in {videos[0].path!r}"
        )
    return groups


def split_groups(groups: Groups, ratios: Sequence[float], *, seed: int) -> dict[str, list[LabelledVideo]]:
    """Videos by split; whole groups only. ratios: shares of train, val and test; they sum to 1.

    Groups are lined up by class, rare classes first, and shuffled within; along the line each one goes to the split that lacks
    most. So the splits have their shares of the whole and, within about a group, of each class. The first group of a class is
    always for training. A group of several classes counts for its rarest. Raises DatasetError if a split gets nothing.
    """
    shares = dict(zip(SPLITS, ratios, strict=True))
    in_splits: dict[str, list[LabelledVideo]] = {split: [] for split in SPLITS}
    trained: set[str] = set()
    placed = 0
    for class_name, group in _line_up(groups, seed):
        placed += len(group)
        lack = {split: share * placed - len(in_splits[split]) for split, share in shares.items() if share > 0}
        chosen = "train" if class_name not in trained else max(lack, key=lambda split: round(lack[split], 9))
        in_splits[chosen] += group
        if chosen == "train":
            trained.update(name for video in group for name in video.class_names)
            trained.add(class_name)
    for split, share in shares.items():
        if share > 0 and not in_splits[split]:
            raise DatasetError(
                path="--split",
                found=f"{placed} videos in {len(groups)} groups leave none for {split}",
                expected="more videos or smaller groups, a larger share, or two shares, such as --split 0.7 0.3 (test then is "
                "a copy of val)",
            )
    return {split: sorted(videos, key=lambda video: video.path) for split, videos in in_splits.items()}


def _line_up(groups: Groups, seed: int) -> list[tuple[str, Sequence[LabelledVideo]]]:
    """(rarest class, group). Within a class large groups come first, while there is room for them; else the order is random."""
    count = Counter(name for group in groups.values() for video in group for name in video.class_names)
    rng = np.random.default_rng(seed)
    names = sorted(groups)
    rank = dict(zip(names, rng.permutation(len(names)).tolist(), strict=True))

    def rarest(name: str) -> str:
        classes = {class_name for video in groups[name] for class_name in video.class_names}
        return min(classes, key=lambda class_name: (count[class_name], class_name), default="")

    line = [(rarest(name), name) for name in names]
    line.sort(key=lambda entry: (count[entry[0]], entry[0], -len(groups[entry[1]]), rank[entry[1]]))
    return [(class_name, groups[name]) for class_name, name in line]


def parse_shares(shares: Sequence[float]) -> tuple[float, float, float]:
    """Shares of train, val and test from two or three numbers, brought to the sum 1. Raises DatasetError."""
    if len(shares) not in (2, 3) or min(shares) < 0 or min(shares[:2]) <= 0:
        raise DatasetError(
            path="--split", found=" ".join(f"{share:g}" for share in shares),
            expected="shares of train, val and test above 0 (test may be 0 or left out: then it is a copy of val)",
        )  # fmt: skip
    train, val, test = (share / sum(shares) for share in (*shares, 0.0)[:3])
    return train, val, test


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DatasetError(
            path="--group-by", found=f"{pattern!r} is no regular expression ({error})", expected="one, or parent"
        ) from None
