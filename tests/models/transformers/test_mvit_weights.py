"""Weights of MViT that others trained: PySlowFast's files, and torchvision's."""

import json
import logging

import pytest
import torch

from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models.weights import load_weights, read_weights
from slowfast.models.weights.names import in_our_names
from tests.golden_weights import fill_by_recipe
from tests.models.transformers.test_golden_mvit import CASES, COMMON, GOLDEN

B16X4 = [
    *COMMON, "DATA.NUM_FRAMES", 16, "MVIT.DEPTH", 16, "MVIT.DIM_MUL", [[1, 2], [3, 2], [14, 2]],
    "MVIT.HEAD_MUL", [[1, 2], [3, 2], [14, 2]], "MVIT.POOL_Q_STRIDE", [[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]],
    "MVIT.POOL_KVQ_KERNEL", [3, 3, 3], "MVIT.SEP_POS_EMBED", True,
]  # fmt: skip
SAME = {"mvit_v1_b": B16X4, "mvit_v2_s": CASES["MVITv2_S_16x4"]}
"""torchvision's networks, and how they are configured here."""


def built(options):
    with torch.device("meta"):
        return build_model(load_config(None, options))


def torchvisions(names):
    """What torchvision calls the parts of a network that are called so here."""
    theirs = []
    for name in names:
        path, _, kind = name.rpartition(".")
        block, _, part = path.partition(".attn.")
        if name.startswith("pos_embed_"):
            theirs.append(f"pos_encoding.{name.removeprefix('pos_embed_')}_pos")
        elif name == "cls_token":
            theirs.append("pos_encoding.class_token")
        elif path == "patch_embed.proj":
            theirs.append(f"conv_proj.{kind}")
        elif path == "head.projection":
            theirs.append(f"head.1.{kind}")
        elif part == "proj":
            theirs.append(f"{block}.attn.project.0.{kind}")
        elif part.startswith("pool_"):
            theirs.append(f"{path}.pool.weight")
        elif part.startswith("norm_"):
            theirs.append(f"{block}.attn.pool_{part[-1]}.norm_act.0.{kind}")
        elif path.endswith(".proj"):
            theirs.append(f"{path.removesuffix('.proj')}.project.{kind}")
        else:
            theirs.append(name.replace(".fc1.", ".0.").replace(".fc2.", ".3."))
    return theirs


@pytest.mark.parametrize("case", CASES)
def test_file_of_pyslowfast_fills_every_weight(case, tmp_path):
    facts = json.loads((GOLDEN / f"{case}.json").read_text())
    state = {name: torch.full(shape, 0.5) for name, shape in facts["state_dict"]}
    torch.save({"epoch": 199, "model_state": state, "cfg": "TRAIN: {}"}, tmp_path / "k400.pyth")
    model = build_model(load_config(None, CASES[case]))
    report = load_weights(model, read_weights(tmp_path / "k400.pyth"))
    assert report.complete
    assert report.unexpected == ()
    assert all((value == 0.5).all() for value in model.state_dict().values())


@pytest.mark.parametrize("prefix", ["", "module.", "encoder_q."])
@pytest.mark.parametrize("options", SAME.values(), ids=SAME)
def test_every_weight_of_torchvision_finds_its_counterpart(options, prefix):
    own = built(options).state_dict()
    theirs = torchvisions(own)
    assert len(set(theirs) - set(own)) > len(own) // 2
    state = {f"{prefix}{name}": torch.zeros(1, 1) for name in theirs}
    assert list(in_our_names(state)) == list(own)


def test_class_token_and_positions_of_torchvision_get_our_shapes():
    state = {"pos_encoding.class_token": torch.rand(6), "pos_encoding.spatial_pos": torch.rand(9, 6)}
    found = in_our_names(state)
    assert torch.equal(found["cls_token"], state["pos_encoding.class_token"][None, None])
    assert torch.equal(found["pos_embed_spatial"], state["pos_encoding.spatial_pos"][None])


def test_prefix_before_our_own_names_is_taken_away():
    state = {f"encoder.{name}": torch.zeros(1) for name in ("patch_embed.proj.weight", "cls_token", "norm.weight")}
    assert list(in_our_names(state)) == ["patch_embed.proj.weight", "cls_token", "norm.weight"]


def test_positions_of_other_sizes_are_interpolated_once_and_then_looked_up(tiny, clip, caplog):
    """Relative ones of queries and keys at the same places: what loading does is what a clip of that size would do itself."""
    changes = {"MVIT__POOL_KV_STRIDE_ADAPTIVE": [], "MVIT__POOL_Q_STRIDE": []}
    large, small = tiny("mvit", **changes), tiny("mvit", DATA__TRAIN_CROP_SIZE=16, DATA__NUM_FRAMES=4, **changes)
    with caplog.at_level(logging.INFO):
        assert load_weights(small, large.state_dict()).complete
    assert "6 tables of relative positions are interpolated (linear), such as blocks.0.attn.rel_pos_h" in caplog.messages
    inputs = clip("mvit", size=16, frames=4)
    with torch.no_grad():
        torch.testing.assert_close(small(inputs), large(inputs))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_network_of_torchvision_gives_the_same_scores_here(name):
    vision = pytest.importorskip("torchvision.models.video", reason="torchvision is not installed")
    theirs = getattr(vision, name)().eval()
    fill_by_recipe(theirs, "zoo")
    ours = build_model(load_config(None, SAME[name])).eval()
    assert load_weights(ours, in_our_names(theirs.state_dict())).complete
    pixels = torch.randn(1, 3, 16, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours([pixels]), theirs(pixels).softmax(1), rtol=1e-4, atol=1e-7)
