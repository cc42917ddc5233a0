"""A training that stops in the middle, and goes on in a fresh process's place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed


def resumed(make: Callable[[], Trainer], file: Path, *, stop_after: int) -> dict[str, Tensor]:
    """Weights of a training that is interrupted after so many iterations, saved to `file`, and gone on with anew."""
    state = interrupted(make(), stop_after=stop_after)
    if distributed.main_process():
        torch.save(state, file)
    distributed.barrier()
    state = torch.load(file, weights_only=True)
    second = make()
    second.model.load_state_dict(state["model_state"])
    second.load_state_dict(state)
    second.train()
    return dict(second.model.state_dict())


def interrupted(trainer: Trainer, *, stop_after: int) -> dict[str, Any]:
    """The state of a training that is interrupted after so many iterations."""
    plain = trainer._run_iteration

    def run(batch: Any) -> None:
        if trainer.iterations_done == stop_after:
            raise KeyboardInterrupt
        plain(batch)

    trainer._run_iteration = run  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    return trainer.state_dict()
