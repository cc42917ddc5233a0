"""What weights need in order to be used without the run that made them: the network, its classes, how it reads videos.

A training writes it into its checkpoints, a test completes it with figures and thresholds, and whoever uses the weights needs
no config, no lists and no folder of that run any more.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import safetensors
import simplejson
import torch
from fvcore.common.config import CfgNode

from slowfast import __version__
from slowfast.config import load_config
from slowfast.config.comparing import changed_options, flat_options, of_network
from slowfast.datasets import ClipDataset, VideoDataset
from slowfast.datasets.clip_sampling import CyclicSpacedClips, RandomSpacedClip, UniformSpacedClips
from slowfast.datasets.kinetics import evaluation_crops
from slowfast.datasets.readable_whole import ReadableWhole
from slowfast.datasets.transforms import FixedCrops
from slowfast.engine.tasks import task_of
from slowfast.models.weights import torch_archive
from slowfast.runtime.errors import CheckpointError

KEY = "contract"
"""Where checkpoints and files of safetensors have it, as JSON."""

FORMAT = 1

USED = (
    *("DATA.NUM_FRAMES", "DATA.LANE_PIECES", "DATA.SAMPLING_RATE", "DATA.TARGET_FPS", "DATA.INPUT_CHANNEL_NUM"),
    *(
        "DATA.TRAIN_CROP_SIZE",
        "DATA.TRAIN_JITTER_SCALES",
    ),  # tables of positions, and windows of poolings, have the size of training
    *("DATA.MEAN", "DATA.STD", "DATA.TEST_CROP_SIZE", "DATA.MULTI_LABEL", "DATA.REVERSE_INPUT_CHANNEL"),
    *(
        "BN.NORM_TYPE",
        "BN.EPSILON",
        "MODEL.HEAD_ACT",
        "MODEL.LOSS_FUNC",
        "MODEL.SINGLE_PATHWAY_ARCH",
        "MODEL.MULTI_PATHWAY_ARCH",
    ),
    *("PGT.ENSEMBLE_METHOD", "PGT.UPDATE_EVERY", "PGT.TRAIN_TOGETHER", "PGT.PG_EVAL", "TEST.PRECISION"),
    *("AVA.FPS", "AVA.BGR", "AVA.CENTER_FRAME", "AVA.LEAD_SECONDS", "AVA.EMPTY_STEP", "AVA.TEST_FORCE_FLIP"),
    *("AVA.DETECTION_SCORE_THRESH", "PGT.ALL_STEP_TEST"),
)
"""Options that say how the network is used, besides those that its weights depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """How a network reads videos. seconds_apart: from one frame to the next; None: frames are spread over a video, however
    long it is. grid_fps: frames are those of a video whose pictures were taken out at so many a second; None: at its own rate.
    short_side: of the scaled picture, in pixels; crop: side of the square in its middle, 0: the whole picture.
    mean, std: of the colours red, green, blue in [0, 1]."""

    seconds_apart: float | None
    grid_fps: int | None
    short_side: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """task: what `slowfast.engine.tasks` calls it. classes: their names, by number. several: whether a video can have several
    of them at once. options: those of the config that are needed, by full key. trained_on: name of the data
    set. figures: of a test, in percent, by name; None: undefined. event_rule: how scores become events, as `rule_file` keeps
    it; empty where none was tuned. library: version that made it."""

    task: str
    classes: tuple[str, ...]
    several: bool
    frames: Frames
    options: Mapping[str, Any]
    trained_on: str
    figures: Mapping[str, float | None] = field(default_factory=dict)
    event_rule: Mapping[str, Any] = field(default_factory=dict)
    library: str = __version__

    @classmethod
    def of(cls, cfg: CfgNode, dataset: ClipDataset) -> Self:
        """dataset: of any split of the run."""
        return cls(
            task=task_of(cfg).name,
            classes=tuple(dataset.class_names),
            several=bool(cfg.DATA.MULTI_LABEL or cfg.DETECTION.ENABLE),
            frames=_frames(cfg, dataset),
            options=needed_options(cfg),
            trained_on=cfg.TRAIN.DATASET,
        )

    def tested(self, figures: Mapping[str, float | None], event_rule: Mapping[str, Any] | None) -> Self:
        """The same with what a test has found out."""
        rounded = {name: None if value is None or value != value else round(value, 4) for name, value in figures.items()}
        return replace(self, figures=rounded, event_rule=dict(event_rule or {}))

    def config(self, more: Mapping[str, object] | None = None) -> CfgNode:
        """The config of the network, frozen. more: further options. Raises ConfigError where this version of the library has no
        such options."""
        return _load({**self.options, **(more or {})})

    def text(self) -> str:
        """As JSON, which `read` takes; numbers that are not finite become null, as in the other files of a test."""
        return str(simplejson.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, ignore_nan=True))

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """Raises CheckpointError, which names `where`, for a text that is no contract, or one of a later format."""
        try:
            content = json.loads(text)
            if content["format"] > FORMAT:
                raise CheckpointError(
                    f"{where}: what it says of its use is in format {content['format']}, and version {__version__} of "
                    f"the library reads formats up to {FORMAT}; right would be version {content['library']} or later"
                )
            frames = content["frames"]
            return cls(
                task=str(content["task"]),
                classes=tuple(map(str, content["classes"])),
                several=bool(content["several"]),
                frames=Frames(**{**frames, "mean": tuple(frames["mean"]), "std": tuple(frames["std"])}),
                options=dict(content["options"]),
                trained_on=str(content["trained_on"]),
                figures=dict(content["figures"]),
                event_rule=dict(content["event_rule"]),
                library=str(content["library"]),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{where}: what it says of its use is damaged ({type(error).__name__}: {error}); right would be the file as a "
                "training, a test or convert_checkpoint wrote it"
            ) from None


def read_contract(path: Path) -> Contract | None:
    """What a file of weights says of its use; None where it says nothing. Raises CheckpointError for a file that is damaged or
    cannot be read, and for weights that were not made here but are in a format of their own."""
    if not path.is_file():
        why = "this is a folder" if path.is_dir() else "there is no such file"
        raise CheckpointError(f"{path}: {why}; right would be a file of weights")
    try:
        text = _text_of(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    return None if text is None else Contract.read(text, str(path))


def _text_of(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:9] == b"{":
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return (file.metadata() or {}).get(KEY)
        except safetensors.SafetensorError as error:
            raise CheckpointError(f"{path}: damaged, or not a file of weights ({error})") from None
    if not start.startswith(torch_archive.ZIP_START):
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # a foreign file, or a damaged one: whoever reads its weights says which
        return None
    text = content.get(KEY) if isinstance(content, Mapping) else None
    return text if isinstance(text, str) else None


def needed_options(cfg: CfgNode) -> dict[str, Any]:
    """What makes a config with the same network of nothing else: what differs from its default, and what does not but would be
    derived otherwise, had nobody said it."""
    wanted = {key: value for key, value in flat_options(cfg).items() if key in USED or of_network(key, cfg)}
    changed = changed_options(cfg)
    options = {key: value for key, value in wanted.items() if key in changed}
    derived = flat_options(_load(options))
    return options | {key: value for key, value in wanted.items() if derived[key] != value}


def _load(options: Mapping[str, object]) -> CfgNode:
    with warnings.catch_warnings(action="ignore"):  # what has no effect had none when the weights were made
        return load_config(None, [word for pair in options.items() for word in pair])


def _frames(cfg: CfgNode, dataset: ClipDataset) -> Frames:
    size = cfg.DATA.TEST_CROP_SIZE
    short_side, crop = size, 0 if cfg.DETECTION.ENABLE else size
    if isinstance(dataset, VideoDataset):
        spaced = isinstance(dataset.clips, CyclicSpacedClips | RandomSpacedClip | UniformSpacedClips)
        rule = evaluation_crops(cfg) if spaced else FixedCrops(size=size)
        short_side = rule.short_side or rule.size
    return Frames(
        seconds_apart=_seconds_apart(dataset),
        grid_fps=getattr(dataset.source, "fps", None) if isinstance(dataset, ReadableWhole) else None,
        short_side=short_side,
        crop=crop,
        mean=tuple(cfg.DATA.MEAN),
        std=tuple(cfg.DATA.STD),
    )


def _seconds_apart(dataset: ClipDataset) -> float | None:
    if not isinstance(dataset, ReadableWhole):
        return None
    rates = [float(rate)] if (rate := getattr(dataset.source, "fps", 0)) else [30.0, 24.0]
    found = {round(spacing / fps, 12) for fps in rates if (spacing := dataset.spacing(fps)) is not None}
    return found.pop() if len(found) == 1 else None  # else every so many frames, whatever their rate
