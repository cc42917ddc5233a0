"""Files of weights alone, with what is needed to use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from slowfast.engine import checkpoint
from slowfast.engine.contract import KEY, Contract
from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.errors import CheckpointError

SUFFIXES = (".pyth", ".safetensors")


def check_suffix(path: Path) -> None:
    """Raises CheckpointError for a format that is not written."""
    if path.suffix not in SUFFIXES:
        raise CheckpointError(f"{path}: files of weights end in {' or '.join(SUFFIXES)}")


def write_weights(
    path: Path, weights: Mapping[str, Tensor], contract: Contract | None = None, notes: Mapping[str, str] | None = None
) -> None:
    """Writes the file atomically; its ending is the format, see SUFFIXES. notes: texts that it holds as well.

    Raises CheckpointError, WriteError.
    """
    check_suffix(path)
    notes = {**({KEY: contract.text()} if contract else {}), **(notes or {})}
    if path.suffix == ".pyth":
        checkpoint.save(path, {"model_state": dict(weights), **notes})
        return
    # A file of safetensors has no views, and is read as it lies in memory.
    own = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in weights.items()}
    metadata = {"format": "pt", **notes}
    with atomic_write(path) as beside:
        beside.write_bytes(safetensors.torch.save(own, metadata))  # its own writer hides what the disk says
