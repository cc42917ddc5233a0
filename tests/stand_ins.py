"""Stand-ins for packages that others import without needing them for what we test."""

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch import nn


@contextmanager
def pytorchvideo_importable() -> Iterator[None]:
    """Within it pytorchvideo's networks can be imported: it asks torchvision for an operator that none of them use.

    Where torchvision can be imported it is the real one. Skips the test where pytorchvideo is not installed.
    """
    if importlib.util.find_spec("pytorchvideo") is None:
        pytest.skip("pytorchvideo is not installed")
    stand_ins = {}
    try:
        importlib.import_module("torchvision.ops")
    except (ImportError, RuntimeError):  # not there, or built for another PyTorch
        ops = types.ModuleType("torchvision.ops")
        ops.RoIAlign = type("RoIAlign", (nn.Module,), {})  # type: ignore[attr-defined]
        stand_ins = {"torchvision": types.ModuleType("torchvision"), "torchvision.ops": ops}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
