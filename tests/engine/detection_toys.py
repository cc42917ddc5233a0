"""Persons, tiny networks that classify them, and the files that they are scored against."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from slowfast.config import CfgNode, load_config
from slowfast.engine import checkpoint
from slowfast.engine.ava_evaluation import AvaEvaluation
from slowfast.engine.detection_steps import DetectionEvalStep, DetectionTrainStep
from slowfast.engine.inference import evaluate
from slowfast.engine.updater import Updater
from slowfast.models.losses import bce_logit
from slowfast.runtime import distributed
from slowfast.runtime.device import Place
from slowfast.structures import ClipBatch, Keyframes
from tests.engine.engine_toys import NORMALIZER, PICKER, main, toy_batch

CLASSES = 4
VIDEOS = ("one", "two", "three, with a comma")

KINDS = ("PERSON_MOVEMENT", "PERSON_MOVEMENT", "OBJECT_MANIPULATION")
"""Of the classes that are scored; the fourth is not."""

Person = tuple[int, int, int]
"""Number of the video, second, number of the person there."""


class BoxNet(nn.Module):
    """Classifies a box by the mean colour of its clip, and by its place."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(7, CLASSES)

    def forward(self, inputs: list[Tensor], rois: Tensor) -> Tensor:
        colours = inputs[0].mean((2, 3, 4))
        logits = self.projection(torch.cat([colours[rois[:, 0].long()], rois[:, 1:] / 10], dim=1))
        return logits if self.training else logits.sigmoid()


def keyframes(persons: Sequence[tuple[int, Person]], *, main: Sequence[bool] | None = None) -> Keyframes:
    """Rows for (number of the clip, person); boxes and labels are made of the person."""
    people = torch.tensor([person for _, person in persons], dtype=torch.int64).view(-1, 3)
    left = people[:, 2] / 2 + people.sum(1) % 3 / 50
    corners = [left, torch.full_like(left, 0.1), left + 0.35, 0.5 + people[:, 1] % 4 / 10]
    original = torch.stack([corner.double() for corner in corners], dim=1).round(decimals=3)
    return Keyframes(
        clips=torch.tensor([clip for clip, _ in persons], dtype=torch.int64),
        seconds=people[:, 1],
        main=torch.ones(len(people), dtype=torch.bool) if main is None else torch.tensor(main, dtype=torch.bool),
        boxes=(4 * original).float(),
        original=original,
        labels=torch.stack([(people[:, 1] + people[:, 2]) % CLASSES == k for k in range(CLASSES)], dim=1).float(),
        videos=people[:, 0],
        numbers=people[:, 2],
    )


def detection_batch(clips: Sequence[tuple[int, int, int]]) -> ClipBatch:
    """One clip for each (video, second, number of persons)."""
    batch = toy_batch([(video, second) for video, second, _ in clips])
    rows = [(clip, (video, second, n)) for clip, (video, second, count) in enumerate(clips) for n in range(count)]
    return dataclasses.replace(batch, keyframes=keyframes(rows))


def train_step() -> DetectionTrainStep:
    return DetectionTrainStep(picker=PICKER, normalizer=NORMALIZER, loss=bce_logit)


def eval_step() -> DetectionEvalStep:
    return DetectionEvalStep(picker=PICKER, normalizer=NORMALIZER)


class DetectionLoader:
    """The given batches, in order."""

    def __init__(self, batches: Iterable[ClipBatch]) -> None:
        self._batches = list(batches)
        self.dataset = SimpleNamespace(
            records=[SimpleNamespace(video_id=name) for name in VIDEOS],
            num_classes=CLASSES,
            class_groups={"pose": (0, 1), "object": (2,), "none": (3,)},
        )

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, start: int = 0) -> Iterator[ClipBatch]:
        yield from self._batches[start:]


def write_annotations(folder: Path) -> None:
    """Truths of all persons that `detection_batch` makes at seconds 902 to 909, a label map, and an excluded second."""
    folder.mkdir(parents=True, exist_ok=True)
    persons = keyframes([(0, (video, second, n)) for video in range(3) for second in range(902, 910) for n in range(2)])
    with (folder / "truths.csv").open("w") as file:
        for row in range(len(persons)):
            name = f'"{VIDEOS[persons.videos[row]]}"'
            box = ",".join(f"{value:.3f}" for value in persons.original[row].tolist())
            file.write(f"{name},{persons.seconds[row]:04d},{box},{int(persons.labels[row].argmax()) + 1},{row}\n")
    classes = [f'label {{ name: "action {k + 1}" label_id: {k + 1} label_type: {kind} }}' for k, kind in enumerate(KINDS)]
    (folder / "classes.pbtxt").write_text("\n".join(classes))
    (folder / "excluded.csv").write_text("two,0904\n")


def detection_config(folder: Path, **changes: object) -> CfgNode:
    """Of the toy network and the annotations in `folder`; `changes` have two underscores where the key has a dot."""
    values = {
        "NUM_GPUS": 0, "MODEL.ARCH": "slow", "MODEL.NUM_CLASSES": CLASSES, "MODEL.LOSS_FUNC": "bce",
        "MODEL.HEAD_ACT": "sigmoid", "DETECTION.ENABLE": True,
        "AVA.ANNOTATION_DIR": str(folder), "AVA.FRAME_DIR": "f", "AVA.FRAME_LIST_DIR": "l",
        "AVA.GROUNDTRUTH_FILE": "truths.csv", "AVA.LABEL_MAP_FILE": "classes.pbtxt", "AVA.EXCLUSION_FILE": "excluded.csv",
    } | {key.replace("__", "."): value for key, value in changes.items()}  # fmt: skip
    return load_config(None, [part for pair in values.items() for part in pair])


def all_clips() -> list[tuple[int, int, int]]:
    """Most of what the annotations know, a second without persons, and two persons where there is none."""
    return [(0, 902, 2), (0, 903, 1), (0, 904, 2), (1, 902, 2), (1, 904, 2), (1, 906, 0), (2, 908, 2), (2, 950, 2)]


def shared_detection_job(cfg: CfgNode, place: Place) -> None:
    """An update and an evaluation. Of two processes the first has no person in either."""
    torch.manual_seed(0)
    model, folder = BoxNet(), Path(cfg.OUTPUT_DIR)
    everything, nothing = [detection_batch([clip]) for clip in all_clips()], [detection_batch([(0, 907, 0)])]
    alone = distributed.world_size() == 1
    batches = everything if alone or distributed.rank() == 1 else nothing

    parameters = list(model.parameters())
    updater = Updater(parameters=parameters, optimizer=torch.optim.SGD(parameters, lr=0.1), device=place.device)
    train_step()(model.train(), batches[0], updater)

    loader = DetectionLoader(batches)
    evaluation = AvaEvaluation.from_cfg(detection_config(folder / "annotations"), dataset=loader.dataset, split="test")
    metrics = evaluate(model=model, step=eval_step(), loader=loader, device=place.device, evaluation=evaluation)
    if metrics is not None:
        result = {"values": metrics.values, "counts": metrics.counts, "weights": dict(model.state_dict())}
        checkpoint.save(folder / f"world{distributed.world_size()}.pyth", result)


if __name__ == "__main__":
    sys.exit(main(globals()))
