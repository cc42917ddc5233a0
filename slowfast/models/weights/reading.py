"""Reading files of weights, whoever wrote them. Nothing that a file says is executed."""

from __future__ import annotations

import logging
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from iopath.common.file_io import g_pathmgr
from torch import Tensor

from slowfast.errors import short_repr
from slowfast.models.weights import torch_archive
from slowfast.models.weights.names import in_our_names
from slowfast.models.weights.plain_pickle import (
    NUMBER_KINDS,
    ForbiddenPickleError,
    Inert,
    StoredArray,
    load_plain_pickle,
    load_torch_pickle,
)
from slowfast.models.weights.report import WeightsError, examples

logger = logging.getLogger(__name__)

LEGACY_TORCH_MARK = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""A pickled number, with which begins what torch.save wrote before version 1.6."""

LONGEST_START = 32
"""Bytes of a file that tell its format."""

CAFFE2_EXTRAS = ("_momentum", "lr", "model_iter")
"""Ends of the names of blobs that are the training's, not the network's."""

WEIGHT_KEYS = (
    *(
        "averaged_state",
        "model_state",
        "state_dict",
        "model_state_dict",
        "model",
        "network",
        "net",
        "module",
        "weights",
        "params",
    ),
    *("model_ema", "state_dict_ema", "ema_state_dict", "ema_model", "ema"),
)
"""Where checkpoints keep weights, in the order of trust: averages over a training come first in ours, which have one only where
it was asked for, and last in those of others."""

DEEPEST = 4
"""How far inside a checkpoint weights are looked for."""


def read_weights(path: str | Path, *, clear: Sequence[str] = ()) -> dict[str, Tensor]:
    """Weights by the names of our networks, on the CPU. clear: parts that are taken out of the names first.

    path: of a file, or a URI that iopath knows (https://...; it keeps a copy). The content tells the format: checkpoints
    of ours and of PySlowFast, safetensors, .npz, Caffe2 files of PySlowFast's zoo, and state dicts of pytorchvideo, AlphAction,
    torchvision, timm, pycls, TimeSformer, VideoMAE, MAE-ST and Hugging Face. Raises WeightsError, which names the file, when it
    is missing, damaged, forbidden or holds no weights.
    """
    try:
        local = Path(g_pathmgr.get_local_path(str(path)))
        return in_our_names(without_parts(_plain(_read(local)), clear))
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        return _reader_for(path)(path)
    except (OSError, WeightsError):
        raise
    except ForbiddenPickleError as error:
        raise WeightsError(f"refused: {error}") from None
    except Exception as error:  # what the readers raise for a damaged file is any of some fifteen types
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsError(f"damaged, or not a file of weights ({reason})") from None


def _plain(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The weights, all of them numbers one after the other. Raises WeightsError for the first that is not."""
    for name, value in state.items():
        kind = (
            *(["empty (of the device meta)"] if value.is_meta else []),
            *([f"of the layout {value.layout}"] if value.layout != torch.strided else []),
            *(["quantized"] if value.is_quantized else []),
            *(["complex"] if value.is_complex() else []),
        )
        if kind:
            raise WeightsError(f"{short_repr(name)} is {kind[0]}; right would be a dense tensor of real numbers")
    return state


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


def weights_of(content: Mapping[object, object]) -> dict[str, Tensor]:
    """The weights inside a checkpoint, be it ours, PySlowFast's, a bare state dict, or one that keeps them deeper.

    NumPy arrays count as tensors; what else lies among weights is left out. Raises WeightsError when there are none.
    """
    found = _find_weights(content, DEEPEST)
    if found is None:
        key, value = next(iter(content.items()), ("", None))
        raise WeightsError(
            f"is not a mapping of names to tensors: {key} is a {type(value).__name__}; right would be a state_dict, bare or "
            f"under a key like {', '.join(WEIGHT_KEYS[:4])} (its keys are {examples(map(str, content))})"
        )
    tensors = {name: _tensor(value) for name, value in found.items() if _is_tensor(value)}
    if len(tensors) < len(found):
        logger.info("no weights, so left out: %s", examples(str(name) for name in found if name not in tensors))
    return tensors


def _find_weights(content: object, depth: int) -> Mapping[Any, Any] | None:
    if not isinstance(content, Mapping) or not depth:
        return None
    for key in WEIGHT_KEYS:
        if (found := _find_weights(content.get(key), depth - 1)) is not None:
            return found
    num_tensors = sum(isinstance(name, str) and _is_tensor(value) for name, value in content.items())
    if num_tensors * 2 > len(content):
        return content
    others = (
        _find_weights(value, depth - 1) for key, value in content.items() if "optim" not in str(key) and key not in WEIGHT_KEYS
    )
    return max((found for found in others if found is not None), key=len, default=None)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor | StoredArray)


def _tensor(value: Tensor | StoredArray) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(value.to_numpy())


def _reader_for(path: Path) -> Callable[[Path], Mapping[str, Tensor]]:
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if start.startswith(torch_archive.ZIP_START):
        torch_archive.check(path)
        with zipfile.ZipFile(path) as archive:
            arrays = all(name.endswith(".npy") for name in archive.namelist())
        return _read_npz if arrays else _read_torch
    if start.startswith(b"\x80") and LEGACY_TORCH_MARK in start:
        return _read_torch
    if start[8:9] == b"{":  # behind eight bytes of length
        return safetensors.torch.load_file
    return _read_caffe2


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        content = load_torch_pickle(path)
    if not isinstance(content, Mapping):
        kind = "whole network" if isinstance(content, Inert) else type(content).__name__
        raise WeightsError(f"holds a {kind}; right would be a dict of tensors, such as model.state_dict()")
    return weights_of(content)


def _read_npz(path: Path) -> Mapping[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if arrays[name].dtype.kind in NUMBER_KINDS}


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
