"""Tiny video transformers of Hugging Face, with random weights. They read clips (B, T, 3, 16, 24), or squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgt import ProgressiveModel, progressive

WIDTH, FRAMES = 24, 12
SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "num_labels": 5}


def library() -> Any:
    return pytest.importorskip("transformers", reason="transformers is not installed (requirements/dev.txt)")


def videomae(kind: str = "VideoMAEForVideoClassification", **options: Any) -> nn.Module:
    config = {"image_size": (16, 24), "patch_size": 8, "num_frames": 8, "tubelet_size": 2, "intermediate_size": 32}
    made: nn.Module = getattr(library(), kind)(library().VideoMAEConfig(**(SIZES | config | options)))
    return made


def timesformer(kind: str = "TimesformerForVideoClassification", **options: Any) -> nn.Module:
    config = {"image_size": 16, "patch_size": 8, "num_frames": 6, "intermediate_size": 32}
    made: nn.Module = getattr(library(), kind)(library().TimesformerConfig(**(SIZES | config | options)))
    return made


def vjepa2(kind: str = "VJEPA2ForVideoClassification", **options: Any) -> nn.Module:
    config = {"crop_size": 16, "patch_size": 8, "frames_per_clip": 8, "tubelet_size": 2, "mlp_ratio": 2, "num_pooler_layers": 1}
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1, "pred_mlp_ratio": 2}
    made: nn.Module = getattr(library(), kind)(library().VJEPA2Config(**(SIZES | config | predictor | options)))
    return made


NETWORKS: dict[str, tuple[Callable[..., nn.Module], int, tuple[int, int]]] = {
    "videomae": (videomae, 2, (16, 24)),
    "videomae, tokens": (lambda **options: videomae("VideoMAEModel", **options), 2, (16, 24)),
    "timesformer": (timesformer, 1, (16, 16)),
    "timesformer, tokens": (lambda **options: timesformer("TimesformerModel", **options), 1, (16, 16)),
    "vjepa2": (vjepa2, 2, (16, 16)),
    "vjepa2, tokens": (lambda **options: vjepa2("VJEPA2Model", **options).encoder, 2, (16, 16)),
}
"""Networks, frames of a time slice, and the size of pictures."""


def plain(name: str, **options: Any) -> nn.Module:
    """A network whose weights are all drawn, tables that begin as zeros with them."""
    torch.manual_seed(0)
    network = NETWORKS[name][0](**options).double().eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


def make(name: str, *, config: dict[str, Any] | None = None, **options: Any) -> ProgressiveModel:
    defaults = {"step_len": 4, "overlap": 0, "memory": "last", "momentum": 0.0}
    return progressive(plain(name, **(config or {})), **(defaults | options))


def clip(name: str, rows: int = 1, frames: int = FRAMES, seed: int = 0) -> Tensor:
    shape = (rows, frames, 3, *NETWORKS[name][2])
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def answer(outputs: Any) -> Tensor:
    """Logits, or tokens."""
    found: Tensor = outputs["logits"] if "logits" in outputs else outputs["last_hidden_state"]
    return found
