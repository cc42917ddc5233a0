"""Weights of video transformers, as their authors and Hugging Face save them."""

from __future__ import annotations

import functools
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from slowfast.models import build_model
from slowfast.models.weights import WeightsError, load_weights, read_weights
from slowfast.models.weights.names import in_our_names
from tests.models.tiny_networks import tiny_config

FILES = Path(__file__).parents[2] / "data/golden/transformers"
MAE_ST = {"VIT__CLS_EMBED_ON": True, "VIT__SEP_POS_EMBED": True, "VIT__QKV_BIAS": "all"}
State = dict[str, Tensor]


@functools.cache
def golden(case: str) -> Any:
    return json.loads((FILES / f"{case}.json").read_text())


def build(variant: str, seed: int = 0, **changes: Any) -> nn.Module:
    model = build_model(tiny_config(variant, **changes)).eval()
    torch.manual_seed(seed)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def renamed(state: State, *rules: tuple[str, str]) -> State:
    for pattern, replacement in rules:
        state = {re.sub(pattern, replacement, name): value for name, value in state.items()}
    return state


def apart(state: State) -> State:
    """With a projection each of queries, keys and values, called attn.q and so on."""
    parts: State = {}
    for name, value in state.items():
        if ".attn.qkv." in name:
            parts |= {name.replace("qkv", part): piece for part, piece in zip("qkv", value.chunk(3), strict=True)}
        else:
            parts[name] = value
    return parts


def loads_all(path: Path, model: nn.Module, like: nn.Module) -> None:
    """The file's weights fill the network, which is then the other one."""
    report = load_weights(model, read_weights(path))
    assert report.complete and not report.unexpected, str(report)
    want = like.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, want[name]), name


# ViT's own names for each part of a network -> those of Hugging Face's VideoMAE (files of the hub), and of its TimeSformer.
HF_RULES = (
    (r"^patch_embed\.proj", "NAME.embeddings.patch_embeddings.projection"),
    (r"^(cls_token)", r"NAME.embeddings.\1"),
    (r"^pos_embed", "NAME.embeddings.position_embeddings"),
    (r"^time_embed", "NAME.embeddings.time_embeddings"),
    (r"^blocks\.(\d+)", r"NAME.encoder.layer.\1"),
    (r"\.attn\.proj", ".attention.output.dense"),
    (r"temporal_attn\.proj", "temporal_attention.output.dense"),
    (r"temporal_attn\.qkv", "temporal_attention.attention.qkv"),
    (r"temporal_fc", "temporal_dense"),
    (r"temporal_norm1", "temporal_layernorm"),
    (r"\.attn\.q\.", ".attention.attention.query."),
    (r"\.attn\.k\.", ".attention.attention.key."),
    (r"\.attn\.v\.", ".attention.attention.value."),
    (r"\.attn\.", ".attention.attention."),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
    (r"\.norm1", ".layernorm_before"),
    (r"\.norm2", ".layernorm_after"),
    (r"^norm", "NAME.layernorm"),
    (r"^head", "classifier"),
)


def hf_names(state: State, name: str) -> State:
    return renamed(state, *((pattern, new.replace("NAME", name)) for pattern, new in HF_RULES))


@pytest.mark.parametrize("case", ["VideoMAE_S_16", "TimeSformer_divST_8x32_224"])
@pytest.mark.parametrize("hub", [False, True], ids=["as_version_5_writes_them", "as_on_the_hub"])
def test_recorded_names_and_shapes_of_hugging_face_become_the_published_ones(case: str, hub: bool) -> None:
    given = {name: torch.empty(shape, device="meta") for name, shape, _, _ in golden(case)["hf"]["map"]}
    if hub:
        given = renamed(given, (r"query\.bias", "q_bias"), (r"value\.bias", "v_bias"))
    ours = {name: list(value.shape) for name, value in in_our_names(given).items()}
    assert ours == dict(golden(case)["state_dict"])


@pytest.mark.parametrize("hub", [False, True], ids=["as_version_5_writes_them", "as_on_the_hub"])
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_hugging_faces_videomae_loads(tmp_path: Path, hub: bool, suffix: str) -> None:
    model = build("vit")
    given = hf_names(apart(model.state_dict()), "videomae")
    if not hub:
        given = renamed(given, ("q_bias", "query.bias"), ("v_bias", "value.bias"))
    path = tmp_path / f"model{suffix}"
    if suffix == ".bin":
        torch.save(given, path)
    else:
        safetensors.torch.save_file({name: value.contiguous() for name, value in given.items()}, path)
    loads_all(path, build("vit", seed=1), model)


def test_hugging_faces_timesformer_loads(tmp_path: Path) -> None:
    model = build("timesformer")
    safetensors.torch.save_file(hf_names(model.state_dict(), "timesformer"), tmp_path / "model.safetensors")
    loads_all(tmp_path / "model.safetensors", build("timesformer", seed=1), model)


@pytest.mark.parametrize("key", ["module", "model"])
@pytest.mark.parametrize("prefix", ["", "encoder.", "backbone."])
def test_videomae_loads(tmp_path: Path, key: str, prefix: str) -> None:
    model = build("vit")
    weights = {prefix + name if not name.startswith("head.") else name: value for name, value in model.state_dict().items()}
    torch.save({key: weights, "epoch": 3}, tmp_path / "checkpoint.pth")
    loads_all(tmp_path / "checkpoint.pth", build("vit", seed=1), model)


def test_videomae_without_labels_leaves_the_head_as_it_is_and_the_decoder_out(tmp_path: Path) -> None:
    model, other = build("vit"), build("vit", seed=1)
    weights = {
        f"encoder.{name}": value for name, value in model.state_dict().items() if not name.startswith(("head", "fc_norm"))
    }
    weights |= {"encoder.norm.weight": torch.ones(16), "mask_token": torch.ones(1, 1, 8)}
    weights |= {f"decoder.blocks.0.{name}": torch.ones(8, 8) for name in ("attn.qkv.weight", "mlp.fc1.weight")}
    torch.save({"model": weights}, tmp_path / "checkpoint.pth")
    report = load_weights(other, read_weights(tmp_path / "checkpoint.pth"))
    assert set(report.missing) == {"fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"}
    assert len(report.unexpected) == 4 and not report.mismatched


def test_timesformer_loads(tmp_path: Path) -> None:
    model = build("timesformer")
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 14, "model_state": weights, "cfg": "..."}, tmp_path / "TimeSformer_divST_8x32_224_K400.pyth")
    loads_all(tmp_path / "TimeSformer_divST_8x32_224_K400.pyth", build("timesformer", seed=1), model)


@pytest.mark.parametrize("joined", [True, False], ids=["pyslowfast", "its_own_code"])
def test_mae_st_loads(tmp_path: Path, joined: bool) -> None:
    model = build("vit", **MAE_ST)
    if joined:
        weights = renamed(model.state_dict(), ("^fc_norm", "norm"), ("^head", "head.projection"))
        weights["pred_head.transforms.0.0.weight"] = torch.ones(3, 3)
    else:
        weights = renamed(apart(model.state_dict()), ("^fc_norm", "norm"))
    torch.save({"model_state": weights}, tmp_path / "VIT_B_16x4.pyth")
    loads_all(tmp_path / "VIT_B_16x4.pyth", build("vit", seed=1, **MAE_ST), model)


def test_a_classifier_of_other_classes_is_left_out(tmp_path: Path) -> None:
    for variant in ("vit", "timesformer"):
        torch.save(build(variant, MODEL__NUM_CLASSES=7).state_dict(), tmp_path / "weights.pth")
        report = load_weights(build(variant), read_weights(tmp_path / "weights.pth"))
        assert report.head_dropped == ("head.weight", "head.bias")
        assert not report.missing and not report.unexpected and not report.mismatched


def test_learned_positions_are_interpolated_for_other_clips_with_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is read into a network for other clips scores them as the network that it was made for."""
    for variant, options in (("timesformer", {}), ("vit", MAE_ST)):
        model = build(variant, **options)
        other = build(variant, seed=1, DATA__NUM_FRAMES=16, DATA__TRAIN_CROP_SIZE=64, **options)
        torch.save(model.state_dict(), tmp_path / "weights.pth")
        caplog.clear()
        with caplog.at_level(logging.INFO):
            report = load_weights(other, read_weights(tmp_path / "weights.pth"))
        assert report.complete
        assert len([message for message in caplog.messages if "rows are interpolated for" in message]) == 2
        pixels = torch.randn(1, 3, 16, 64, 64)
        torch.testing.assert_close(other([pixels]), model([pixels]))


@pytest.mark.parametrize("source", ["timm", "hugging_face"])
def test_timesformer_starts_from_a_network_of_pictures(tmp_path: Path, source: str) -> None:
    """A clip of one picture, again and again, is seen by attention across space as the picture is."""
    pictures = {
        name: value
        for name, value in build("timesformer").state_dict().items()
        if "temporal" not in name and "time" not in name
    }
    if source == "hugging_face":
        pictures = hf_names(apart(pictures), "vit")
    torch.save(pictures, tmp_path / "vit.pth")
    other = build("timesformer", seed=1)
    report = load_weights(other, read_weights(tmp_path / "vit.pth"), inflate=True)
    assert report.missing == ("time_embed", *(name for name in other.state_dict() if "temporal_fc" in name))
    state = other.state_dict()
    for part in ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"):
        assert torch.equal(state[f"blocks.1.temporal_attn.{part}"], state[f"blocks.1.attn.{part}"])
    assert torch.equal(state["blocks.0.temporal_norm1.weight"], state["blocks.0.norm1.weight"])


def test_pictures_are_not_taken_for_tubelets_unasked(tmp_path: Path) -> None:
    weights = build("vit").state_dict()
    weights["patch_embed.proj.weight"] = weights["patch_embed.proj.weight"].sum(2)
    torch.save(weights, tmp_path / "vit.pth")
    with pytest.raises(WeightsError, match="weights of a network of pictures"):
        load_weights(build("vit"), read_weights(tmp_path / "vit.pth"))
    assert load_weights(build("vit"), read_weights(tmp_path / "vit.pth"), inflate=True).complete
