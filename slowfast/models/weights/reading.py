"""Reading files of weights, whoever wrote them. Nothing that a file says is executed."""

from __future__ import annotations

import logging
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from iopath.common.file_io import g_pathmgr
from safetensors import SafetensorError
from torch import Tensor

from slowfast.models.weights import torch_archive
from slowfast.models.weights.errors import WeightsError
from slowfast.models.weights.loading import without_parallel_prefix
from slowfast.models.weights.names import in_our_names
from slowfast.models.weights.plain_pickle import FORBIDDEN_CALL, ForbiddenPickleError, StoredArray, load_plain_pickle

logger = logging.getLogger(__name__)

LEGACY_TORCH_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of what torch.save wrote before version 1.6: a pickled magic number."""

CAFFE2_EXTRAS = ("_momentum", "lr", "model_iter")
"""Ends of the names of blobs that are the training's, not the network's."""

DAMAGED = (
    AttributeError, EOFError, ImportError, IndexError, KeyError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError, zipfile.BadZipFile, SafetensorError,
)  # fmt: skip
"""What the readers raise for files that are damaged or forbidden; pickle alone can raise seven of them."""


def read_weights(path: str | Path, *, clear: Sequence[str] = ()) -> dict[str, Tensor]:
    """Weights by the names of our networks, on the CPU. clear: parts that are taken out of the names first.

    path: of a file, or a URI that iopath knows (https://...; it keeps a copy). The content tells the format: checkpoints
    of ours and of PySlowFast, safetensors, Caffe2 files of PySlowFast's zoo, and state dicts of pytorchvideo, AlphAction,
    torchvision, timm and pycls. Raises WeightsError, which names the file, when it is missing, damaged,
    forbidden or holds no weights.
    """
    try:
        local = Path(g_pathmgr.get_local_path(str(path)))
        read = _reader_for(local)
        return in_our_names(without_parts(without_parallel_prefix(read(local)), clear))
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except ForbiddenPickleError as error:
        raise WeightsError(f"{path}: refused: {error}") from None
    except DAMAGED as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsError(f"{path}: damaged, or not a file of weights ({reason})") from None


def without_parts(state: Mapping[str, Tensor], parts: Sequence[str]) -> Mapping[str, Tensor]:
    """The weights with `parts` taken out of their names wherever they stand, one part after the other.

    A part that is in no name is told in the log. Raises WeightsError where two names become one.
    """
    for part in parts:
        if not any(part in name for name in state):
            logger.warning("TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN: no name of these weights holds %r", part)
        cleared = {name.replace(part, ""): value for name, value in state.items()}
        if len(cleared) < len(state):
            raise WeightsError(
                f"without {part!r}, {len(state) - len(cleared)} of its names are no longer different; right would be a longer "
                "part in TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN, or none"
            )
        state = cleared
    return state


def weights_of(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The weights inside a checkpoint, be it ours, PySlowFast's, or a bare state dict."""
    for key in ("model_state", "state_dict", "model"):
        if isinstance(state.get(key), Mapping):
            inner: Mapping[str, Any] = state[key]
            return inner
    return state


def _reader_for(path: Path) -> Callable[[Path], Mapping[str, Tensor]]:
    with path.open("rb") as file:
        start = file.read(len(LEGACY_TORCH_START))
    if start.startswith(torch_archive.ZIP_START) or start == LEGACY_TORCH_START:
        return _read_torch
    if start[8:9] == b"{":  # behind eight bytes of length
        return safetensors.torch.load_file
    return _read_caffe2


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    with path.open("rb") as file:
        if file.read(2) == torch_archive.ZIP_START:
            torch_archive.check(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own text says how to run the file nevertheless.
        if forbidden := re.search(r"GLOBAL (\S+)", str(error)):
            raise ForbiddenPickleError(FORBIDDEN_CALL.format(forbidden[1])) from None
        raise
    if not isinstance(state, Mapping):
        raise WeightsError(f"holds a {type(state).__name__}; right would be a dict of tensors")
    weights = weights_of(state)
    strays = [name for name, value in weights.items() if not isinstance(value, Tensor)]
    if strays:
        raise WeightsError(f"is not a mapping of names to tensors: {strays[0]} is a {type(weights[strays[0]]).__name__}")
    return weights


def _read_caffe2(path: Path) -> Mapping[str, Tensor]:
    with path.open("rb") as file:
        content = load_plain_pickle(file)
    blobs = content.get("blobs") if isinstance(content, dict) else None
    if not isinstance(blobs, dict):
        raise WeightsError('is a pickle without a dict "blobs", so not a Caffe2 file of weights')
    return {
        name: torch.from_numpy(blob.to_numpy())
        for name, blob in blobs.items()
        if isinstance(blob, StoredArray) and not name.endswith(CAFFE2_EXTRAS)
    }
