"""Checkpoints: where they lie, how they are written, and what is said when one cannot be used.

A checkpoint is a dict of tensors and plain containers; reading it executes nothing, and notices a single bit that has changed
since it was written. In OUTPUT_DIR/checkpoints there are `checkpoint_epoch_00005.pyth` files, all of which or the newest are
kept, and `last.pyth`, the one rolling point to go on from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from slowfast.models.weights import WeightReport, WeightsError, load_weights, read_weights, torch_archive
from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.errors import CheckpointError

logger = logging.getLogger(__name__)

State = dict[str, Any]

LAST = "last.pyth"
_KEPT = re.compile(r"checkpoint_epoch_(\d{5,})\.pyth")


def folder(output_dir: str | Path) -> Path:
    return Path(output_dir) / "checkpoints"


def kept_path(output_dir: str | Path, epochs_done: int) -> Path:
    return folder(output_dir) / f"checkpoint_epoch_{epochs_done:05d}.pyth"


def last_path(output_dir: str | Path) -> Path:
    return folder(output_dir) / LAST


def newest(output_dir: str | Path) -> Path | None:
    """The checkpoint to go on from, valid or not: the rolling one, else the kept one of the latest epoch, else None."""
    return next(iter(_newest_first(output_dir)), None)


def newest_valid(output_dir: str | Path) -> tuple[Path, State] | None:
    """The newest checkpoint that can be read, and what it holds; None where there is none at all.

    Damaged ones that are newer are named in the log. Raises CheckpointError when all are damaged.
    """
    problems: list[str] = []
    for path in _newest_first(output_dir):
        try:
            state = load(path)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            logger.warning("%s; %s takes its place", problem, path)
        return path, state
    if problems:
        more = f"; nor can any of the {len(problems) - 1} older ones beside it be read" if len(problems) > 1 else ""
        raise CheckpointError(
            f"{problems[0]}{more}: delete what is damaged to start from the beginning, or choose another OUTPUT_DIR"
        )
    return None


def save(path: Path, state: State) -> None:
    """Writes the file atomically; an older one of that name stays until the new one is safe. Raises WriteError."""
    with atomic_write(path) as beside:
        torch.save(state, beside)
        torch_archive.seal(beside)


def delete_older(output_dir: str | Path, *, epochs_done: int, keep: int) -> None:
    """Deletes the kept checkpoints of earlier epochs, but for so many that `keep` are left with that of `epochs_done`.

    Call it when that one is safe. Those of later epochs, which another training left, do not count and stay. One that cannot be
    deleted stays as well, with a line in the log.
    """
    older = [path for epoch, path in _kept(output_dir) if epoch <= epochs_done]
    for path in older[: max(0, len(older) - keep)]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s: cannot be deleted (TRAIN.CHECKPOINT_KEEP), and stays: %s", path, error.strerror or error)


def load(path: Path) -> State:
    """Reads a checkpoint to the CPU. Raises CheckpointError when it is missing or damaged, or is no checkpoint."""
    try:
        with path.open("rb") as file:
            if file.read(2) == torch_archive.ZIP_START:  # older formats have no checksums
                torch_archive.check(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # torch has no one type for it
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise CheckpointError(f"{path}: damaged, or not a checkpoint ({reason})") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds a {type(state).__name__}; right would be a dict of tensors")
    return state


def load_resume_point(path: Path) -> State:
    """Reads a checkpoint that a training of ours wrote. Raises CheckpointError, also when something of it is missing."""
    return checked_resume_point(path, load(path))


def checked_resume_point(path: Path, state: State) -> State:
    """The state, if it is that of a training; else raises CheckpointError."""
    missing = {"epoch", "iteration", "model_state", "optimizer_state"} - state.keys()
    if missing:
        raise CheckpointError(
            f"{path}: holds weights but not the state of a training (no {', '.join(sorted(missing))}); "
            "to start from these weights, name the file in TRAIN.CHECKPOINT_FILE_PATH instead"
        )
    return state


def load_pretrained(model: nn.Module, path: str | Path, *, inflate: bool = False, clear: Sequence[str] = ()) -> WeightReport:
    """Fills the model with what fits of a file of weights, whoever wrote it. clear: see `read_weights`.

    Raises WeightsError, which names the file.
    """
    weights = read_weights(path, clear=clear)
    try:
        return load_weights(model, weights, inflate=inflate)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


def restore_model(model: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    """Loads weights that must fit exactly. Raises CheckpointError, which names the first difference."""
    own = model.state_dict()
    differences = [f"it has {name}, which the model lacks" for name in state if name not in own]
    differences += [f"it lacks {name}" for name in own if name not in state]
    differences += [
        f"{name} is {tuple(state[name].shape)} there and {tuple(own[name].shape)} in the model"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if differences:
        raise CheckpointError(
            f"{path}: belongs to another model ({differences[0]}; {len(differences)} differences in all): choose another "
            "OUTPUT_DIR, or the config that this run was started with"
        )
    model.load_state_dict(state)


def _newest_first(output_dir: str | Path) -> list[Path]:
    """The rolling checkpoint, then the kept ones from the latest epoch back."""
    last = last_path(output_dir)
    return [*([last] if last.exists() else []), *(path for _, path in reversed(_kept(output_dir)))]


def _kept(output_dir: str | Path) -> list[tuple[int, Path]]:
    """The kept checkpoints with their epochs, the earliest first."""
    found = folder(output_dir).glob("*.pyth")
    return sorted((int(match[1]), path) for path in found if (match := _KEPT.fullmatch(path.name)))
