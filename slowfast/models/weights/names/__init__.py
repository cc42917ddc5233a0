"""Names that others give to weights, and the way from theirs to ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from slowfast.models.weights.names.clips import ALPHACTION, CAFFE2, PYTORCHVIDEO
from slowfast.models.weights.names.naming import AnyNaming
from slowfast.models.weights.names.pictures import PYCLS_REGNET, RESNET, TIMM_REGNET, TORCHVISION_REGNET
from slowfast.models.weights.names.tokens import HF_TIMESFORMER, HF_VIT, TORCHVISION_MVIT
from slowfast.models.weights.report import WeightsError

NAMINGS: tuple[AnyNaming, ...] = (
    CAFFE2,
    ALPHACTION,
    PYTORCHVIDEO,
    RESNET,
    TORCHVISION_REGNET,
    TIMM_REGNET,
    PYCLS_REGNET,
    TORCHVISION_MVIT,
    HF_VIT,
    HF_TIMESFORMER,
)

OWN_MARKER = r"(?:s1\.pathway0_stem\.conv|patch_embed\.proj)\.weight"
"""Expression for names of which each of our networks has one, and PySlowFast's, once."""

WRAPPERS = frozenset({"module", "model", "network", "net", "backbone", "_orig_mod", "_forward_module"})
"""Names under which wrappers keep the network: data-parallel and compiled modules, detectors, frameworks for training."""

WRAPPED_INSIDE = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Wrappers that may also stand around parts of a network; no network names a part like that."""


def in_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of our networks.

    What wrappers put before names goes, and so does any other prefix of a network that is known by its names. Names that no
    source of ours uses stay as they are. Raises WeightsError when there are several networks to choose from.
    """
    state = without_wrappers(state)
    prefix = _prefix(state)
    state = {name.removeprefix(prefix): value for name, value in state.items()}
    naming = naming_of(state)
    return state if naming is None else naming.translate(state)


def naming_of(state: Mapping[str, Tensor]) -> AnyNaming | None:
    """Whose names these are; None for our own, which are PySlowFast's, and for those of strangers."""
    return next((naming for naming in NAMINGS if naming.recognises(state)), None)


def without_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the prefixes of wrappers, in any order and number. Raises WeightsError where two names become one."""
    bare = {_without_wrappers(name): value for name, value in state.items()}
    if len(bare) < len(state):
        several = sorted({name.partition(".")[0] for name in state} & WRAPPERS)
        raise _several_networks([f"{name}." for name in several])
    return bare


def _without_wrappers(name: str) -> str:
    name = WRAPPED_INSIDE.sub("", name)
    while (first := name.partition("."))[0] in WRAPPERS and first[2]:
        name = first[2]
    return name


def _prefix(names: Iterable[str]) -> str:
    """The prefix of all names of the one network there is, such as "encoder_q."."""
    marker = re.compile(rf"((?:.+\.)?)(?:{OWN_MARKER}|{'|'.join(re.sub(r'[(](?![?])', '(?:', n.marker) for n in NAMINGS)})")
    prefixes = {match[1] for name in names if (match := marker.fullmatch(name))}
    if len(prefixes) > 1 and "" not in prefixes:
        raise _several_networks(sorted(prefixes))
    return "" if "" in prefixes else next(iter(prefixes), "")


def _several_networks(prefixes: list[str]) -> WeightsError:
    return WeightsError(
        f"holds several networks, under {', '.join(map(repr, prefixes))}; right would be a file with one of them, or "
        f"TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN [{prefixes[0]!r}], which takes that prefix away"
    )
