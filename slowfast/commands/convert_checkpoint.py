"""From a file of weights of any make to one of ours."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from slowfast.config import CfgNode
from slowfast.engine import checkpoint
from slowfast.models import build_model
from slowfast.models.weights import read_weights
from slowfast.runtime.atomic_files import atomic_write
from slowfast.runtime.errors import CheckpointError

SUFFIXES = (".pyth", ".safetensors")


def convert_weights(source: str, target: Path, *, cfg: CfgNode | None = None, inflate: bool = False) -> str:
    """Writes the weights of `source` (a path or URI) under our names to `target`, and returns what to tell the user.

    With a config only those are written that fit its network, in the network's shapes; `inflate` repeats weights of pictures
    over time and needs one. Raises CheckpointError for a target of another format, WeightsError for an unfit source.
    """
    if target.suffix not in SUFFIXES:
        raise CheckpointError(f"{target}: files of weights end in {' or '.join(SUFFIXES)}")
    if cfg is None:
        weights = read_weights(source)
        told = f"{len(weights)} weights written, compared with no network, as no config is given"
    else:
        model = build_model(cfg)
        report = checkpoint.load_pretrained(model, source, inflate=inflate)
        state = model.state_dict()
        weights = {name: state[name] for name in report.matched}
        told = str(report)
    _write(target, weights)
    return told


def _write(target: Path, weights: dict[str, Tensor]) -> None:
    if target.suffix == ".pyth":
        checkpoint.save(target, {"model_state": weights})
        return
    # A file of safetensors has no views.
    own = {name: value.clone(memory_format=torch.contiguous_format) for name, value in weights.items()}
    with atomic_write(target) as beside:
        beside.write_bytes(safetensors.torch.save(own))  # its own writer hides what the disk says
