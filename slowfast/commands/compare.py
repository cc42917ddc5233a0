"""Several trainings on the same videos, side by side: what each one scores, and what it costs."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.commands.activation_meter import ActivationMeter
from slowfast.commands.run_net import train_and_test
from slowfast.config import ConfigError
from slowfast.datasets import build_loader
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.preflight import check_run
from slowfast.engine.tasks import build_train_step
from slowfast.engine.testing import RESULTS
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import write_json
from slowfast.runtime.device import Place
from slowfast.runtime.environment import membership
from slowfast.runtime.errors import LaunchError
from slowfast.runtime.launch import launch
from slowfast.runtime.logging import LOG_FILE, of_last_training, read_stats
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.runtime.tables import format_spread, format_table

logger = logging.getLogger(__name__)

COMPARISON = "comparison.json"

_MEASURED_STEPS = 4
"""Training steps before the memory of a process is looked at: gradients and the optimizer's state are there by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training and its test. seconds: of training."""

    seed: int
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to train, in a run for each seed.

    clip_frames: frames of a sample. frames_seen: by one run. activation_bytes: the most that a training step keeps for going
    back. process_bytes: the most memory that a process which trains has used, of the GPU or without one altogether.
    """

    name: str
    runs: tuple[Run, ...]
    clip_frames: int
    frames_seen: int
    activation_bytes: int
    process_bytes: int

    def seconds_per_video(self, video_frames: int) -> float:
        """Seconds of training for as many frames as a whole video has, whatever the clips they came in; mean of the runs.

        video_frames: frames of the longest sample of all contenders.
        """
        seconds = sum(run.seconds for run in self.runs) / len(self.runs)
        return seconds / (self.frames_seen / video_frames)


def compare(cfgs: Mapping[str, Sequence[CfgNode]], output_dir: Path) -> list[Contender]:
    """Trains and tests each config (or goes on where it stopped), then writes OUTPUT_DIR/comparison.json.

    cfgs: for each contender its config, once for each RNG_SEED. Raises ConfigError before anything runs when the trainings
    would not see the same number of frames, and LaunchError when this process is one of several.
    """
    if membership() is not None:
        raise LaunchError(
            "a comparison starts the processes of its trainings by itself; right would be to run it without torchrun"
        )
    _check_same_frames({name: of_seeds[0] for name, of_seeds in cfgs.items()})
    for of_seeds in cfgs.values():  # all of them first: what is wrong with the last one should not show after days
        launch(of_seeds[0], check_run)
    contenders = []
    for name, of_seeds in cfgs.items():
        for cfg in of_seeds:
            logger.info("training and testing %s with RNG_SEED %d", name, cfg.RNG_SEED)
            launch(cfg, train_and_test)
        launch(of_seeds[0], _measure_memory, fresh=True)
        contenders.append(_read(name, of_seeds))
    write_json(output_dir / COMPARISON, [asdict(contender) for contender in contenders])
    return contenders


def with_seeds(load: Callable[[Sequence[object]], CfgNode], overrides: Sequence[object], *, count: int) -> list[CfgNode]:
    """One config with `count` seeds, from its RNG_SEED on; later ones get a folder beside the first one's OUTPUT_DIR."""
    first = load(overrides)
    others = [
        load([*overrides, "RNG_SEED", seed, "OUTPUT_DIR", f"{first.OUTPUT_DIR}_seed{seed}"])
        for seed in range(first.RNG_SEED + 1, first.RNG_SEED + count)
    ]
    return [first, *others]


def comparison_table(contenders: Sequence[Contender]) -> str:
    """A Markdown table, one row a contender: means over the seeds, and their range where there are several; memory also as
    a multiple of the first one's."""
    video_frames = max(contender.clip_frames for contender in contenders)
    measures = list(contenders[0].runs[0].metrics)
    header = ["training", "frames a sample", *measures, "ms / video", "activations, MiB", "times", "process, MiB"]
    rows: list[list[str | int | float | None]] = [
        [
            contender.name,
            contender.clip_frames,
            *(format_spread([run.metrics[measure] for run in contender.runs]) for measure in measures),
            1000 * contender.seconds_per_video(video_frames),
            contender.activation_bytes / 2**20,
            contender.activation_bytes / contenders[0].activation_bytes,
            round(contender.process_bytes / 2**20),
        ]
        for contender in contenders
    ]
    return format_table(header, rows)


def frames_seen(cfg: CfgNode, videos: int) -> int:
    """Frames that a training learns from, over all epochs; incomplete batches are dropped."""
    batch = cfg.TRAIN.BATCH_SIZE
    return int(cfg.SOLVER.MAX_EPOCH * (videos // batch) * batch * cfg.AUG.NUM_SAMPLE * cfg.DATA.NUM_FRAMES)


def _check_same_frames(cfgs: dict[str, CfgNode]) -> None:
    seen = {name: frames_seen(cfg, cfg.TRAIN.BATCH_SIZE) for name, cfg in cfgs.items()}
    if len(set(seen.values())) > 1:
        text = ", ".join(f"{name} {cfg.SOLVER.MAX_EPOCH} x {cfg.DATA.NUM_FRAMES}" for name, cfg in cfgs.items())
        raise ConfigError(
            key="SOLVER.MAX_EPOCH", value=[cfg.SOLVER.MAX_EPOCH for cfg in cfgs.values()],
            why=f"the trainings would not see the same number of frames (epochs x frames: {text})", right="equal products",
        )  # fmt: skip


def _measure_memory(cfg: CfgNode, place: Place) -> None:
    """Writes OUTPUT_DIR/memory.json: what a few training steps on real clips use, of this process and of activations alone.

    Of several processes each takes its share of the batch, as in training, and the one that uses most counts.
    """
    model = build_model(cfg).to(place.device).train()
    step, optimizer = build_train_step(cfg), build_optimizer(cfg, model)
    updater = Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=place.device)
    world = distributed.world_size()
    with build_loader(
        cfg, "train", rank=distributed.rank(), world_size=world, batch_size=cfg.TRAIN.BATCH_SIZE // world
    ) as loader:
        batches: Iterator[Any] = itertools.islice(loader.batches(0), _MEASURED_STEPS)
        for batch in batches:
            batch = batch.to(place.device)
            step(model, batch, updater)
    process = peak_memory_bytes(place.device)  # before the meter, which uses some itself
    with ActivationMeter(exclude=model) as meter:
        step(model, batch, updater)
    peaks = {
        "activation_bytes": distributed.largest(meter.peak_bytes, place.device),
        "process_bytes": distributed.largest(process, place.device),
    }
    if distributed.main_process():
        write_json(_memory(cfg), {**peaks, "clips": len(batch), "videos": len(loader.dataset.records)})
    distributed.barrier()


def _memory(cfg: CfgNode) -> Path:
    return Path(cfg.OUTPUT_DIR) / "memory.json"


def _read(name: str, cfgs: Sequence[CfgNode]) -> Contender:
    first = cfgs[0]
    measured = json.loads(_memory(first).read_text())
    return Contender(
        name=name,
        runs=tuple(map(_read_run, cfgs)),
        clip_frames=first.DATA.NUM_FRAMES,
        frames_seen=frames_seen(first, measured["videos"]),
        activation_bytes=measured["activation_bytes"],
        process_bytes=measured["process_bytes"],
    )


def _read_run(cfg: CfgNode) -> Run:
    folder = Path(cfg.OUTPUT_DIR)
    epochs = [entry for entry in of_last_training(read_stats(folder / LOG_FILE)) if entry.get("_type") == "train_epoch"]
    return Run(
        seed=cfg.RNG_SEED,
        metrics=json.loads((folder / RESULTS).read_text())["metrics"],
        seconds=sum(entry["seconds"] for entry in epochs),
    )
