"""LongCook as a folder of AVA, laid out as users of PySlowFast have it: stills, videos, frame lists and lists of boxes.

Second 900 is the first frame, as in AVA, whose videos are cut there. Classes count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from longcook.duet_rendering import Setting, film_of_duet, setting_of
from longcook.film import Contents
from longcook.formats.detections import detect
from longcook.manifest import Recipe
from longcook.people import Box
from longcook.plan_duet import Duet, plan_duets
from longcook.script import CLASS_NAMES
from slowfast.annotations.ava import START_SECOND

_BORDER_CENTISEC = 5
"""A keyframe this near to the border of two actions is left out of the evaluation: nobody could say what it shows."""

_DETECTIONS = 4  # the random stream of the detector, besides those of the script


def contents(recipe: Recipe) -> Contents:
    """Videos with a picture for each frame, lists of frames, of true and of detected boxes, of classes, of excluded seconds."""
    splits = plan_duets(recipe.counts, seed=recipe.seed)
    texts = {"annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt": "".join(_label_map())}
    for split, duets in splits.items():
        texts[f"frame_lists/{split}.csv"] = "".join(_frame_list(duets))
        texts[f"annotations/ava_{split}_v2.2.csv"] = _csv(_true_boxes(duets))
        texts[f"annotations/ava_{split}_predicted_boxes.csv"] = _csv(predicted_boxes(duets, labelled=split == "train"))
        texts[f"annotations/ava_{split}_excluded_timestamps_v2.2.csv"] = _csv(_excluded_seconds(duets))
    films = tuple(
        film_of_duet(duet, f"videos/{duet.video_id}.mp4", f"frames/{_still(duet)}")
        for duets in splits.values()
        for duet in duets
    )
    return Contents(films=films, texts=texts)


def _frame_list(duets: Sequence[Duet]) -> Iterator[str]:
    yield "original_vido_id video_id frame_id path labels\n"
    for video, duet in enumerate(duets):
        path = _still(duet)
        for frame in range(duet.num_frames):
            yield f'{duet.video_id} {video} {frame} {path.format(frame + 1)} ""\n'


def _still(duet: Duet) -> str:
    """Path of a frame below frames/, its number left open."""
    return f"{duet.video_id}/{duet.video_id}_{{:06d}}.jpg"


def _true_boxes(duets: Iterable[Duet]) -> Iterator[list[str]]:
    """One row for each box and action; the number of the person comes last."""
    for duet in duets:
        setting = setting_of(duet)
        for second in duet.keyframe_seconds:
            for person, (part, box) in enumerate(zip(duet.parts, _boxes(setting, second), strict=True)):
                for label in part.labels_at(second):
                    yield [*_where(duet, second, box), str(label + 1), str(person)]


def predicted_boxes(duets: Iterable[Duet], *, labelled: bool) -> Iterator[list[str]]:
    """For training, one row for each label of the person who is found, or one with -1; without labels, one row a box."""
    for duet in duets:
        setting, rng = setting_of(duet), np.random.default_rng((_DETECTIONS, *duet.picture_seed))
        for second in duet.keyframe_seconds:
            for detection in detect(_boxes(setting, second), rng):
                labels = [""]
                if labelled and detection.person is None:
                    labels = ["-1"]
                elif labelled and detection.person is not None:
                    labels = [str(label + 1) for label in duet.parts[detection.person].labels_at(second)]
                for label in labels:
                    yield [*_where(duet, second, detection.box), label, f"{detection.score:.6f}"]


def _excluded_seconds(duets: Iterable[Duet]) -> Iterator[list[str]]:
    for duet in duets:
        borders = [event.start_centisec for part in duet.parts for event in part.events]
        for second in duet.keyframe_seconds:
            if any(abs(100 * second - border) < _BORDER_CENTISEC for border in borders):
                yield [duet.video_id, _second(second)]


def _label_map() -> Iterator[str]:
    for label, name in enumerate(CLASS_NAMES, start=1):
        yield f'label {{\n  name: "{name}"\n  label_id: {label}\n  label_type: OBJECT_MANIPULATION\n}}\n'


def _boxes(setting: Setting, second: int) -> list[Box]:
    return [setting.box(number, second) for number in range(2)]


def _where(duet: Duet, second: int, box: Box) -> list[str]:
    return [duet.video_id, _second(second), *(f"{edge:.3f}" for edge in box)]


def _second(second: int) -> str:
    return f"{START_SECOND + second:04d}"


def _csv(rows: Iterable[Sequence[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)
