"""Names that others give to weights, and the way from theirs to ours."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from slowfast.models.weights.names.alphaction import ALPHACTION
from slowfast.models.weights.names.caffe2 import CAFFE2
from slowfast.models.weights.names.naming import Naming
from slowfast.models.weights.names.pictures import PYCLS_REGNET, RESNET, TIMM_REGNET, TORCHVISION_REGNET
from slowfast.models.weights.names.pytorchvideo import PYTORCHVIDEO

NAMINGS = (CAFFE2, ALPHACTION, PYTORCHVIDEO, RESNET, TORCHVISION_REGNET, TIMM_REGNET, PYCLS_REGNET)


def in_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of our networks. Names that no source of ours uses stay as they are."""
    naming = naming_of(state)
    return dict(state) if naming is None else naming.translate(state)


def naming_of(state: Mapping[str, Tensor]) -> Naming | None:
    """Whose names these are; None for our own, which are PySlowFast's, and for those of strangers."""
    return next((naming for naming in NAMINGS if naming.recognises(state)), None)
