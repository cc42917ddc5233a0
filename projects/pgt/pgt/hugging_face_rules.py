"""What becomes of the video transformers of Hugging Face, by the names of their classes: their library is not asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from torch import nn

from pgt.attention_rules import LEFT_OUT, is_left_out
from pgt.cell import Cell
from pgt.foreign_rules import foreign_attention_of, remember_foreign
from pgt.operators.attention_parts import read_parts, understood
from pgt.operators.timesformer import MarkovTimesformerLayer, NewestClassToken, TimesformerPositions
from pgt.operators.videomae import VideoMAEMean, VideoMAEPositions
from pgt.operators.vjepa2 import MarkovPooledQueries, MarkovRotaryAttention, WholeTubelets
from pgt.site import Alone, Remember, Site
from slowfast.models.transformers.grid import TokenGrid

FRAMES_FIRST = {"VideoMAEEmbeddings", "TimesformerEmbeddings", "VivitEmbeddings", "VJEPA2Embeddings"}
"""Classes that read clips (B, T, C, H, W)."""


def kinds_of(module: nn.Module) -> Iterator[str]:
    """Names of the classes of Hugging Face's, or of Hiera's own code, that a module is of."""
    return (kind.__name__ for kind in type(module).__mro__ if kind.__module__.partition(".")[0] in ("transformers", "hiera"))


def reads_frames_first(network: nn.Module) -> bool:
    return any(not FRAMES_FIRST.isdisjoint(kinds_of(module)) for module in network.modules())


def hugging_face(module: nn.Module, site: Site) -> Remember | Alone | None:
    """What becomes of a module of Hugging Face's; None where it is none, or does not look across time."""
    rule = next((RULES[kind] for kind in kinds_of(module) if kind in RULES), None)
    return None if rule is None else rule(module, site)


def layout_of_config(module: nn.Module, site: Site, *, extra: int) -> TokenGrid:
    """How the tokens of a clip lie, by the nearest config above a module."""
    paths = itertools.accumulate(site.path.split(".")[:-1], lambda path, name: f"{path}.{name}")
    above = [site.network, *(site.network.get_submodule(path) for path in paths), module]
    config: Any = next(found.config for found in reversed(above) if hasattr(found, "config"))
    side, frames = (_first(config, *names) for names in (("image_size", "crop_size"), ("num_frames", "frames_per_clip")))
    tubelet, patch = getattr(config, "tubelet_size", 1), getattr(config, "patch_size", None)
    if isinstance(tubelet, list | tuple):
        tubelet, *patch = tubelet
    (height, width), (down, right) = _pair(side), _pair(patch)
    return TokenGrid(time=frames // tubelet, height=height // down, width=width // right, extra=extra)


def _first(config: Any, *names: str) -> Any:
    return next(getattr(config, name) for name in names if hasattr(config, name))


def _pair(sizes: Any) -> tuple[int, int]:
    height, width = sizes if isinstance(sizes, list | tuple) else (sizes, sizes)
    return height, width


def _clock(site: Site) -> Cell | None:
    return Cell(site.path, 2, "sum", channels=1) if site.causal else None


def _attention(extra: int) -> Callable[[Any, Site], Remember | Alone]:
    def rule(module: nn.Module, site: Site) -> Remember | Alone:
        return foreign_attention_of(module, site, layout_of_config(module, site, extra=extra))

    return rule


def _videomae_positions(module: Any, site: Site) -> Remember:
    layout, clock = layout_of_config(module, site, extra=0), _clock(site)
    attributes = {"num_places": layout.num_places, "clock": clock}
    return Remember(VideoMAEPositions, clock, attributes, why="positions begin anew with every step")


def _videomae_classifier(module: Any, site: Site) -> Remember:
    if module.fc_norm is None:
        site.refuse(module, "it classifies one token of the first time slice; right would be: use_mean_pooling=True")
    head = site.head_cell(pooling="avg")
    attributes = {"num_places": layout_of_config(module, site, extra=0).num_places, "head": head}
    reason = "no overlap to remember" if site.options.head else "head=False"
    return Remember(VideoMAEMean, head, attributes, why=f"its mean is over its own step ({reason})")


def _videomae_pretraining(module: Any, site: Site) -> Remember:
    site.refuse(module, "it masks tokens, so that attention sees them without their places; right would be: VideoMAEModel")


def _timesformer_positions(module: Any, site: Site) -> Remember | None:
    if module.attention_type == "space_only":
        return None
    clock = _clock(site)
    attributes = {"num_places": module.num_patches, "clock": clock}
    return Remember(TimesformerPositions, clock, attributes, why="positions begin anew with every step")


def _timesformer_encoder(module: Any, site: Site) -> Remember | None:
    if not site.causal:
        return None
    attributes = {"num_places": layout_of_config(module, site, extra=1).num_places}
    return Remember(NewestClassToken, None, attributes, why="hands on the newest class token")


def _timesformer_layer(module: Any, site: Site) -> Remember:
    if module.attention_type != "divided_space_time":
        site.refuse(
            module, f"attention of type {module.attention_type!r} has no memory here; right would be: 'divided_space_time'"
        )
    if is_left_out(site):
        site.refuse(module, "its layers take steps of other lengths by their memory alone; right would be: attention_every=1")
    attention = module.temporal_attention.attention
    return remember_foreign(
        module,
        site,
        MarkovTimesformerLayer,
        layout_of_config(module, site, extra=0),
        channels=attention.qkv.in_features,
        attributes={"parts": understood(attention)},
    )


def _tubelets(module: Any, site: Site) -> Remember:
    return Remember(WholeTubelets, None, {"tubelet": module.config.tubelet_size}, why="every step must hold whole tubelets")


def _rotary(module: Any, site: Site) -> Remember | Alone:
    if is_left_out(site):
        return LEFT_OUT
    layout = layout_of_config(module, site, extra=0)
    if layout.height != layout.width or layout.height != module.grid_size:
        site.refuse(module, f"its grid has {module.grid_size} places a side, its tokens {layout.height} x {layout.width}")
    # Its forward does not run the dropout that it holds.
    parts = replace(read_parts(module), dropout="dropout_prob", behind=("proj",))
    channels = module.query.in_features
    return remember_foreign(module, site, MarkovRotaryAttention, layout, channels=channels, attributes={"parts": parts})


def _pooled_queries(module: Any, site: Site) -> Remember:
    layout = layout_of_config(module, site, extra=0)
    parts, channels = read_parts(module), module.k_proj.in_features
    return remember_foreign(module, site, MarkovPooledQueries, layout, channels=channels, attributes={"parts": parts})


def _predictor(module: Any, site: Site) -> Alone:
    return Alone("predicts tokens of its own step (skip_predictor=True does without)")


def _mask_units(module: Any, site: Site) -> Remember:
    site.refuse(
        module,
        "its tokens are sorted by mask units (Unroll), so that none of its axes is time; right would be: a network whose "
        "tokens lie slice by slice, or its path in `leave` where it is to see its step alone",
    )


RULES: dict[str, Callable[[Any, Site], Remember | Alone | None]] = {
    "VideoMAEEmbeddings": _videomae_positions,
    "VideoMAESelfAttention": _attention(extra=0),
    "VideoMAEForVideoClassification": _videomae_classifier,
    "VideoMAEForPreTraining": _videomae_pretraining,
    "TimesformerEmbeddings": _timesformer_positions,
    "TimesformerEncoder": _timesformer_encoder,
    "TimesformerLayer": _timesformer_layer,
    "VivitAttention": _attention(extra=1),
    "VJEPA2Embeddings": _tubelets,
    "VJEPA2RopeAttention": _rotary,
    "VJEPA2PoolerSelfAttention": _attention(extra=0),
    "VJEPA2PoolerCrossAttention": _pooled_queries,
    "VJEPA2Predictor": _predictor,
    "HieraMaskUnitAttention": _mask_units,
    "MaskUnitAttention": _mask_units,
}
"""By the name of the class."""
