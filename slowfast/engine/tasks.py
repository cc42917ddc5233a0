"""What depends on what is classified: whole clips, or persons in them. The one place that asks the config about it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar, cast

from slowfast.config import CfgNode, ConfigError
from slowfast.config.sections.events import events_in_time
from slowfast.datasets import ClipDataset
from slowfast.engine.ava_evaluation import AvaEvaluation
from slowfast.engine.detection_steps import DetectionEvalStep, DetectionTrainStep
from slowfast.engine.inference import Evaluation
from slowfast.engine.steps import EvalStep, PlainEvalStep, PlainTrainStep, TrainStep
from slowfast.engine.timed_evaluation import TimedEvaluation
from slowfast.engine.video_evaluation import VideoEvaluation
from slowfast.engine.whole_video_evaluation import WholeVideoEvaluation
from slowfast.registry import EVAL_STEPS, TRAIN_STEPS, Registry, Step

Default = TypeVar("Default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """name: by which `slowfast.registry.EXAMPLES` finds what draws examples of it. train_step, eval_step: unless a project
    brings others."""

    name: str
    train_step: type[PlainTrainStep]
    eval_step: type[PlainEvalStep] | type[DetectionEvalStep]
    evaluation: type[VideoEvaluation] | type[AvaEvaluation]


CLASSIFICATION = Task(name="classification", train_step=PlainTrainStep, eval_step=PlainEvalStep, evaluation=VideoEvaluation)
WHOLE_VIDEOS = Task(name="whole_videos", train_step=PlainTrainStep, eval_step=PlainEvalStep, evaluation=WholeVideoEvaluation)
"""The steps are brought by who reads whole videos."""

IN_TIME = dataclasses.replace(WHOLE_VIDEOS, evaluation=TimedEvaluation)
"""Of whole videos whose labels have times."""

DETECTION = Task(name="detection", train_step=DetectionTrainStep, eval_step=DetectionEvalStep, evaluation=AvaEvaluation)


WHOLE_DETECTION = dataclasses.replace(WHOLE_VIDEOS, name="whole_detection", evaluation=AvaEvaluation)
"""Of persons in whole videos."""


def task_of(cfg: CfgNode) -> Task:
    if cfg.DATA.LANE_PIECES and cfg.DETECTION.ENABLE:
        return WHOLE_DETECTION
    if cfg.DATA.LANE_PIECES:
        return IN_TIME if events_in_time(cfg) else WHOLE_VIDEOS
    return DETECTION if cfg.DETECTION.ENABLE else CLASSIFICATION


def build_train_step(cfg: CfgNode) -> TrainStep:
    step = select(TRAIN_STEPS, cfg, task_of(cfg).train_step).from_cfg(cfg)
    return cast(TrainStep, step)  # as the registry asks


def build_eval_step(cfg: CfgNode) -> EvalStep:
    step = select(EVAL_STEPS, cfg, task_of(cfg).eval_step).from_cfg(cfg)
    return cast(EvalStep, step)  # as the registry asks


def build_evaluation(cfg: CfgNode, *, dataset: ClipDataset, split: str) -> Evaluation:
    """Reads what it needs besides the data set, and raises the errors of that, at once. split: val or test."""
    return task_of(cfg).evaluation.from_cfg(cfg, dataset=dataset, split=split)


def select(registry: Registry[type[Step]], cfg: CfgNode, default: type[Default]) -> type[Step] | type[Default]:
    """The one registered class that the config enables, else `default`. Raises ConfigError when two want the same place."""
    enabled = [(name, entry) for name, entry in registry.items() if entry.enabled(cfg)]
    if len(enabled) > 1:
        names = [name for name, _ in enabled]
        raise ConfigError(
            key=f"{names[0].upper()}.ENABLE", value=True, why=f"each of {', '.join(names)} brings a {registry.kind} of its own",
            right="only one of them enabled",
        )  # fmt: skip
    return enabled[0][1] if enabled else default
