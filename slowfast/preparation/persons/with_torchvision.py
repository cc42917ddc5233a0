"""Persons by the detectors of torchvision, trained on COCO, which anybody can install."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slowfast.preparation.persons.detecting import DetectorError, FindPersons, NotUsableError, Picture

MODELS = {
    "fasterrcnn_resnet50_fpn_v2": "FasterRCNN_ResNet50_FPN_V2_Weights",
    "fasterrcnn_mobilenet_v3_large_fpn": "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
}
"""Name of the weights of each model; the first is the default, the second is faster and finds fewer persons."""

PERSON = 1
"""The class of COCO, as torchvision counts."""

_RIGHT = "a file that torchvision offers for the model, or one of the same names and shapes"


def torchvision_detector(threshold: float, *, device: torch.device, model: str, weights: Path | None) -> FindPersons:
    """weights: a file (.pth, .pt or .safetensors), or None to have torchvision fetch its own. Raises NotUsableError where
    torchvision cannot be imported, and DetectorError for an unknown model, and for weights that cannot be had or do not fit."""
    detection = _import_detection()
    if model not in MODELS:
        raise DetectorError(f"--model {model}: torchvision has other models; right would be one of {', '.join(MODELS)}")
    network = _build(detection, model, box_score_thresh=threshold)
    _load(detection, network, model, _fetch(detection, model) if weights is None else _read(weights), weights)
    network = network.eval().to(device)

    @torch.inference_mode()
    def find(picture: Picture) -> NDArray[np.float64]:
        image = torch.from_numpy(np.ascontiguousarray(picture)).to(device).permute(2, 0, 1) / 255
        [found] = network([image])
        persons = found["labels"] == PERSON
        rows = torch.cat([found["boxes"][persons], found["scores"][persons, None]], dim=1)
        return np.asarray(rows.cpu().numpy(), dtype=np.float64)

    return find


def _import_detection() -> Any:
    try:
        return importlib.import_module("torchvision.models.detection")
    except (ImportError, RuntimeError, OSError) as error:  # the last two: it was built for another PyTorch
        raise NotUsableError(f"{error}") from error


def _build(detection: Any, model: str, **options: object) -> nn.Module:
    """With random weights, without a look into the network."""
    network: nn.Module = getattr(detection, model)(weights=None, weights_backbone=None, **options)
    return network


def _fetch(detection: Any, model: str) -> Mapping[str, Tensor]:
    """torchvision's own weights, from its cache or the network."""
    offered = getattr(detection, MODELS[model]).DEFAULT
    try:
        state: Mapping[str, Tensor] = offered.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise DetectorError(
            f"{offered.url}: the weights of torchvision's {model} cannot be fetched ({error}); right would be a network, or "
            "tools/detect_persons.py --weights FILE with that file, fetched elsewhere"
        ) from error
    return state


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            return dict(safetensors.torch.load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DetectorError(f"--weights {path}: there is no such file; right would be {_RIGHT}") from None
    except Exception as error:  # damaged files make errors of any kind
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DetectorError(f"--weights {path}: it cannot be read ({first[:200]}); right would be {_RIGHT}") from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DetectorError(f"--weights {path}: there are no weights in it; right would be {_RIGHT}")
    return state


def _load(detection: Any, network: nn.Module, model: str, state: Mapping[str, Tensor], path: Path | None) -> None:
    """Raises DetectorError for weights of another model, and says of which."""
    if wrong := _misfits(network, state):
        others = [other for other in MODELS if other != model and not _misfits(_on_meta(detection, other), state)]
        fits = f"--model {others[0]}, which they fit" if others else _RIGHT
        raise DetectorError(f"--weights {path}: {wrong}, for torchvision's {model}; right would be {fits}")
    network.load_state_dict(dict(state), strict=False)


def _on_meta(detection: Any, model: str) -> nn.Module:
    with torch.device("meta"):
        return _build(detection, model)


def _misfits(network: nn.Module, state: Mapping[str, Tensor]) -> str:
    """What keeps weights from fitting; empty if nothing does. Counters of batches are of no use and may be missing."""
    wanted = {name: value.shape for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in state]
    strange = [name for name in state if name not in wanted and not name.endswith("num_batches_tracked")]
    shapes = [name for name, shape in wanted.items() if name in state and state[name].shape != shape]
    for what, names in (("lack", missing), ("have besides", strange), ("have other shapes of", shapes)):
        if names:
            return f"the weights {what} {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return ""
