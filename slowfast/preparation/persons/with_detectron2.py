"""Persons by detectron2's detectors, of which those are that AVA's usual boxes come from.

Its `model_zoo` is not imported: in version 0.6 it needs a package, `pkg_resources`, that setuptools no longer has. The config
files lie beside it, and the addresses of weights follow a pattern.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from slowfast.preparation.persons.detecting import DetectorError, FindPersons, NotUsableError, Picture

MODELS = {
    "COCO-Detection/faster_rcnn_X_101_32x8d_FPN_3x": "139173657/model_final_68b088.pkl",
    "COCO-Detection/faster_rcnn_R_101_FPN_3x": "137851257/model_final_f6e8b1.pkl",
}
"""Where the weights of each model lie; the first is the default, trained on COCO as the boxes of AVA's recipes were."""

ADDRESS = "https://dl.fbaipublicfiles.com/detectron2"
PERSON = 0
"""The class of COCO, as detectron2 counts."""


def detectron2_detector(threshold: float, *, device: torch.device, model: str, weights: Path | None) -> FindPersons:
    """weights: a file, or None to have detectron2 fetch those of the model. Raises NotUsableError where detectron2 cannot be
    imported, and DetectorError for an unknown model, and for weights that cannot be had."""
    try:
        get_cfg = importlib.import_module("detectron2.config").get_cfg
        predictor_type = importlib.import_module("detectron2.engine").DefaultPredictor
    except (ImportError, RuntimeError, OSError) as error:
        raise NotUsableError(f"{error}") from error
    if model not in MODELS:
        raise DetectorError(f"--model {model}: of detectron2 others are known; right would be one of {', '.join(MODELS)}")
    if weights is not None and not weights.is_file():
        raise DetectorError(f"--weights {weights}: there is no such file; right would be the weights of {model}")
    cfg = get_cfg()
    cfg.merge_from_file(str(config_file(model)))
    cfg.MODEL.DEVICE = str(device)
    cfg.MODEL.WEIGHTS = f"{ADDRESS}/{model}/{MODELS[model]}" if weights is None else str(weights)
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = threshold
    try:
        predictor = predictor_type(cfg)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:  # URLError is an OSError
        raise DetectorError(
            f"{cfg.MODEL.WEIGHTS}: the weights of detectron2's {model} cannot be read ({error}); right would be a network, or "
            "tools/detect_persons.py --weights FILE with that file, fetched elsewhere"
        ) from error

    def find(picture: Picture) -> NDArray[np.float64]:
        instances = predictor(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))["instances"].to("cpu")
        instances = instances[instances.pred_classes == PERSON]
        boxes, scores = instances.pred_boxes.tensor.numpy(), instances.scores.numpy()
        return np.concatenate([boxes, scores[:, None]], axis=1).astype(np.float64)

    return find


def config_file(model: str) -> Path:
    """The file that comes with detectron2. Raises DetectorError where it did not come along."""
    spec = find_spec("detectron2")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        path = folder / "model_zoo" / "configs" / f"{model}.yaml"
        if path.is_file():
            return path
    where = ", ".join(map(str, folders))
    raise DetectorError(
        f"{where}: detectron2 has no model_zoo/configs/{model}.yaml; right would be detectron2 as its page installs it"
    )
