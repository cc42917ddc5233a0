"""Whether a network knows what milk becomes: python -m longcook.drinks RUN [RUN ...]

RUN is the OUTPUT_DIR of a test on LongCook-Hour. Average precision mixes two things, that milk is poured and what it becomes;
this asks for the second alone: of all stretches with scores in whose middle a drink is made, in how many that drink has the
highest score of the four. Chance is 25 %. Who knows what was prepared in a video of two tables, but not at which, names one of
the two and is right half of the time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longcook.script import CAUSES, CLASS_NAMES, COMPOSITES
from slowfast.annotations.events.activitynet import read_truths
from slowfast.datasets import DatasetError
from slowfast.engine.timed_evaluation import TRUTHS
from slowfast.engine.whole_video_evaluation import TIMED_SCORES
from slowfast.runtime.command_line import exit_code_of


@dataclass(frozen=True, slots=True)
class Answers:
    """asked: stretches in which a drink is made. right: in which it has the highest score of the four. prepared: in which the
    one with the highest score follows from something that was prepared in that video."""

    asked: int
    right: int
    prepared: int


def answers(folder: Path) -> Answers:
    """What a test left in its folder. Raises DatasetError when that was no test on LongCook-Hour."""
    expected = "the OUTPUT_DIR of a test on longcook_hour"
    for name in (TIMED_SCORES, TRUTHS):
        if not (folder / name).is_file():
            raise DatasetError(path=str(folder / name), found="there is no such file", expected=expected)
    with np.load(folder / TIMED_SCORES) as kept:
        content = {name: kept[name] for name in kept.files}
    if tuple(content["class_names"].tolist()) != CLASS_NAMES:
        raise DatasetError(path=str(folder / TIMED_SCORES), found="the classes are others than LongCook's", expected=expected)
    truths = read_truths(folder / TRUTHS).numbered(content["video_ids"].tolist(), CLASS_NAMES).events
    video, middle = content["video"], (content["start_sec"] + content["end_sec"]) / 2
    named = content["scores"][:, list(COMPOSITES)].argmax(axis=1)
    prepared = np.zeros((len(content["video_ids"]), len(CAUSES)), dtype=bool)
    causes = np.isin(truths.label, CAUSES)
    prepared[truths.video[causes], truths.label[causes] - CAUSES.start] = True
    made = np.full(len(video), -1)
    for row in np.flatnonzero(np.isin(truths.label, COMPOSITES)):
        inside = (video == truths.video[row]) & (truths.start[row] <= middle) & (middle < truths.end[row])
        made[inside] = truths.label[row] - COMPOSITES.start
    asked = made >= 0
    return Answers(
        asked=int(asked.sum()),
        right=int((named == made)[asked].sum()),
        prepared=int(prepared[video, named][asked].sum()),
    )


def print_answers(runs: Sequence[Path]) -> None:
    for run in runs:
        found = answers(run)
        right, prepared = (100 * count / max(found.asked, 1) for count in (found.right, found.prepared))
        print(
            f"{run}: the drink is named in {right:.1f} % of {found.asked} stretches (chance 25), "
            f"one that was prepared for in {prepared:.1f} %"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m longcook.drinks", description="Whether networks know what milk becomes.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="OUTPUT_DIR of a test on longcook_hour")
    runs = parser.parse_args(arguments).runs
    return exit_code_of(lambda: print_answers(runs))


if __name__ == "__main__":
    sys.exit(main())
