"""What is to be submitted: runs of config files with seeds, and the machines for each. All that is wrong is told here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.commands.submitted_run import Run
from slowfast.config import ConfigError, load_config
from slowfast.config.shipped import find_config
from slowfast.errors import UserError

OF_A_JOB = {
    "OUTPUT_DIR": "--output-dir, below which each run has a folder",
    "NUM_SHARDS": "--nodes",
    "SHARD_ID": "--nodes",
    "INIT_METHOD": "--nodes",
}
"""Options that each job is given by itself, and what asks for them."""

CORES = 8
"""Of a process that chooses by itself how many others read its data (DATA_LOADER.NUM_WORKERS -1)."""

_SHORT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
_SLURMS = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):[0-5]\d")


class SubmitError(UserError):
    """A training cannot be submitted. The text says why, and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What each job runs on.

    gpus: of a machine; 0: none. minutes: until a job is put back. signal_seconds: how long before that it is told. slurm: more
    options of sbatch by their names.
    """

    nodes: int = 1
    gpus: int = 0
    cpus: int = 1
    minutes: int = 24 * 60
    partition: str = ""
    signal_seconds: int = 120
    slurm: dict[str, str] = field(default_factory=dict)


def load_configs(configs: Sequence[str], overrides: Sequence[str]) -> dict[str, CfgNode]:
    """By their files. Raises ConfigError, and SubmitError for a file that stands twice or options that a job sets itself."""
    for key in map(str, overrides[::2]):
        if key in OF_A_JOB:
            raise SubmitError(f"{key}: each job is given its own; right would be {OF_A_JOB[key]}")
    for number, config in enumerate(configs):
        if config in configs[:number]:
            raise SubmitError(f"--cfg {config} stands here a second time; right would be once, with --seeds for several runs")
    return {config: load_config(config, overrides) for config in configs}


def plan(cfgs: Mapping[str, CfgNode], overrides: Sequence[str], *, seeds: int, folder: Path, machines: Machines) -> list[Run]:
    """The runs of each config, with seeds from its RNG_SEED on.

    Raises ConfigError for what does not fit the machines, and SubmitError for two runs in one folder.
    """
    keys = [str(key) for key in overrides[::2]]
    runs: list[Run] = []
    for config, cfg in cfgs.items():
        _check(cfg, machines)
        recipe = recipe_of(config)
        rest = [word for pair in zip(keys, overrides[1::2], strict=True) if pair[0] != "RNG_SEED" for word in pair]
        for seed in range(cfg.RNG_SEED, cfg.RNG_SEED + seeds):
            output_dir = str((folder / f"{recipe}_seed{seed}").absolute())
            own = ("RNG_SEED", str(seed), "OUTPUT_DIR", output_dir)
            words = ("--cfg", _found(config), *map(str, rest), *own)
            runs.append(Run(recipe=recipe, seed=seed, output_dir=output_dir, words=words))
    for number, run in enumerate(runs):
        if run.output_dir in (other.output_dir for other in runs[:number]):
            right = "configs whose names, with those of their folders, differ"
            raise SubmitError(f"{run.output_dir}: two runs would write here, of {run.recipe}; right would be {right}")
    return runs


def minutes_of(text: str) -> int:
    """A time such as 24h, 90m, 2d, 1d12h, or as Slurm writes it: 24:00:00, 1-12:00:00. Raises SubmitError."""
    found = _SHORT.fullmatch(text) or _SLURMS.fullmatch(text)
    days, hours, minutes = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    total = (24 * days + hours) * 60 + minutes
    if not total:
        raise SubmitError(f"--time {text}: not a time; right would be one such as 24h, 90m, 2d, 1d12h or 1-12:00:00")
    return total


def recipe_of(config: str) -> str:
    """The name of a config's runs: that of its file behind that of the folder it is in."""
    path = Path(config)
    return "_".join(name for name in (path.parent.name, path.stem) if name).lower()


def machines_for(cfgs: Iterable[CfgNode], *, gpus: int | None, minutes: int, **wanted: Any) -> Machines:
    """The machines, with as many CPU cores as the processes and the readers of their data have use for.

    gpus: of each machine; None: as NUM_GPUS says, or else as many as this machine has. A job is told of its end two minutes
    before, or half of a time that is shorter than four.
    """
    loaded = list(cfgs)
    given = {cfg.NUM_GPUS for cfg in loaded}
    if gpus is not None and given - {-1, gpus}:
        raise SubmitError(f"--gpus-per-node {gpus} and NUM_GPUS {max(given)} differ; right would be one of them")
    if gpus is None and len(given) > 1:
        raise SubmitError(
            f"the configs have NUM_GPUS {sorted(given)}, and jobs of one array are alike; right would be --gpus-per-node"
        )
    if gpus is None:
        gpus = given.pop()
        if gpus < 0:
            import torch

            gpus = torch.cuda.device_count()
    workers = [cfg.DATA_LOADER.NUM_WORKERS for cfg in loaded]
    cores = max(CORES if number < 0 else 1 + number for number in workers)
    cpus = cores * max(gpus or cfg.NUM_PROCS for cfg in loaded)
    return Machines(gpus=gpus, cpus=cpus, minutes=minutes, signal_seconds=min(120, 30 * minutes), **wanted)


def _check(cfg: CfgNode, machines: Machines) -> None:
    if not cfg.TRAIN.AUTO_RESUME:
        why = "a job that is put back would begin anew"
        raise ConfigError(key="TRAIN.AUTO_RESUME", value=False, why=why, right="True")
    world, size = machines.nodes * (machines.gpus or cfg.NUM_PROCS), cfg.TRAIN.BATCH_SIZE
    if cfg.TRAIN.ENABLE and size % world:
        right = f"{max(world, size // world * world)}"
        raise ConfigError(key="TRAIN.BATCH_SIZE", value=size, why=f"not divisible by {world} processes", right=right)


def _found(config: str) -> str:
    path = find_config(config)
    return path if "://" in path else str(Path(path).absolute())
