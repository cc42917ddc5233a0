"""Hugging Face's own VideoMAE and TimeSformer, saved by `save_pretrained` and read by us, give the same scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from slowfast.models import build_model
from slowfast.models.weights import load_weights, read_weights
from tests.models.tiny_networks import tiny_config

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed (requirements/dev.txt)", exc_type=ImportError
)

SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "num_labels": 5}
CLIPS = {"image_size": 32, "patch_size": 16, "num_frames": 8}


def save(network: Any, folder: Path) -> Path:
    """All parameters random: as they are drawn first, biases are zero."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    network.eval().save_pretrained(folder)
    [path] = folder.glob("*.safetensors")
    return path


def assert_same_scores(network: Any, path: Path, variant: str) -> None:
    model = build_model(tiny_config(variant)).eval()
    report = load_weights(model, read_weights(path))
    assert report.complete and not report.unexpected, str(report)
    pixels = torch.randn(2, 3, 8, 32, 32)
    with torch.no_grad():
        want = network(pixel_values=pixels.transpose(1, 2)).logits.softmax(-1)
        torch.testing.assert_close(model([pixels]), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("of_modules", [False, True], ids=["as_on_the_hub", "as_its_modules_are_called"])
def test_videomae_gives_the_same_scores(tmp_path: Path, of_modules: bool) -> None:
    config = transformers.VideoMAEConfig(**SIZE, **CLIPS, tubelet_size=2, use_mean_pooling=True)
    network = transformers.VideoMAEForVideoClassification(config)
    path = save(network, tmp_path)
    assert any(name.endswith(".q_bias") for name in safetensors.torch.load_file(path))
    if of_modules:
        weights = network.state_dict()
        assert any(name.endswith(".query.bias") for name in weights)
        safetensors.torch.save_file(weights, path)
    assert_same_scores(network, path, "vit")


def test_timesformer_gives_the_same_scores(tmp_path: Path) -> None:
    config = transformers.TimesformerConfig(**SIZE, **CLIPS)
    network = transformers.TimesformerForVideoClassification(config)
    assert_same_scores(network, save(network, tmp_path), "timesformer")
