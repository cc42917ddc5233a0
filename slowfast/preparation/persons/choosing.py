"""Which detector there is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from slowfast.errors import MissingPackageError
from slowfast.preparation.persons import with_detectron2, with_torchvision
from slowfast.preparation.persons.detecting import DetectorError, FindPersons, NotUsableError

logger = logging.getLogger(__name__)

_HOW = {
    "detectron2": "install it as its page says (https://detectron2.readthedocs.io)",
    "torchvision": "pip install the version that belongs to your PyTorch, 'slowfast-pgt[torchvision]'",
}
_BUILD: dict[str, Callable[..., FindPersons]] = {
    "detectron2": with_detectron2.detectron2_detector,
    "torchvision": with_torchvision.torchvision_detector,
}
_MODELS = {"detectron2": list(with_detectron2.MODELS), "torchvision": list(with_torchvision.MODELS)}
AUTO = "auto"
DETECTORS = (AUTO, *_BUILD)
_WITHOUT = "or do without: name a csv file of boxes that you have in AVA.TRAIN_PREDICT_BOX_LISTS and AVA.TEST_PREDICT_BOX_LISTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """package: one of DETECTORS. model: one of its models; empty: its default. weights: a file; None: the package fetches those
    of the model."""

    package: str = AUTO
    model: str = ""
    weights: Path | None = None


def find_detector(wanted: Detector, threshold: float, device: torch.device) -> FindPersons:
    """A function that finds persons with scores from `threshold` on. Of AUTO, detectron2, whose boxes AVA's recipes use, comes
    before torchvision, and a model says which package is meant. Raises MissingPackageError, DetectorError."""
    if wanted.package not in DETECTORS:
        raise DetectorError(f"--detector {wanted.package}: right would be one of {', '.join(DETECTORS)}")
    packages = list(_BUILD) if wanted.package == AUTO else [wanted.package]
    if wanted.package == AUTO and wanted.model:
        packages = [package for package in packages if wanted.model in _MODELS[package]]
        if not packages:
            known = "; ".join(f"{package}: {', '.join(models)}" for package, models in _MODELS.items())
            raise DetectorError(f"--model {wanted.model}: no detector has it; right would be one of these ({known})")
    reasons = {}
    for package in packages:
        model = wanted.model or _MODELS[package][0]
        try:
            find = _BUILD[package](threshold, device=device, model=model, weights=wanted.weights)
        except NotUsableError as error:
            reasons[package] = str(error)
            continue
        logger.info("persons are found by %s's %s, on %s", package, model, device)
        return find
    told = "; ".join(f"{package} cannot be imported ({reason}): {_HOW[package]}" for package, reason in reasons.items())
    raise MissingPackageError(f"a detector finds the persons in pictures, and there is none. {told}; {_WITHOUT}")
