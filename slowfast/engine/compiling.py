"""Training with a compiled network (`torch.compile`), and evaluation without."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import torch
from torch import nn

logger = logging.getLogger(__name__)

MOST_GRAPHS = 64
"""Of one function: a network whose steps have several shapes, under several schedules, is compiled once for each. PyTorch gives
up after 8 unless told otherwise."""


def compile_for_training(model: nn.Module, device: torch.device, *, backend: str = "inductor") -> bool:
    """Lets calls of the model, and its steps if it takes any, run compiled graphs: one for each shape of what it reads.

    The model stays the object it is; graphs are made when they are first needed, which takes a minute or so each. Random
    numbers are drawn as without a compiler. Where nothing can be compiled for the device, a line of the log says why and the
    model stays as it is. Returns whether it will be compiled.
    """
    why_not = _why_nothing_compiles(device, backend)
    if why_not:
        logger.warning("TRAIN.COMPILE: nothing can be compiled for %s here (%s); the network runs as it is", device, why_not)
        return False
    config: Any = torch._dynamo.config
    limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"  # its name up to PyTorch 2.6
    setattr(config, limit, max(getattr(config, limit), MOST_GRAPHS))
    model.compile(**_options(backend))
    logger.info("TRAIN.COMPILE: the first step of each shape waits for its graph to be compiled (%s)", backend)
    return True


def eager() -> contextlib.AbstractContextManager[Any]:
    """Within it, nothing that was compiled runs so: for passes that come rarely, or whose shapes change."""
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and importing it takes seconds
        return contextlib.nullcontext()
    stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _options(backend: str) -> dict[str, Any]:
    options: dict[str, Any] = {"backend": backend, "dynamic": False}
    return options | ({"options": {"fallback_random": True}} if backend == "inductor" else {})


def _why_nothing_compiles(device: torch.device, backend: str) -> str:
    """Tries it on a small function, forward and backward; empty where that works."""
    try:
        x = torch.ones(8, device=device, requires_grad=True)
        torch.compile(lambda x: (x.sin() * 2).sum(), **_options(backend))(x).backward()
    except (RuntimeError, OSError, ImportError) as error:  # dynamo's own errors are RuntimeErrors
        torch._dynamo.reset()
        return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return ""
