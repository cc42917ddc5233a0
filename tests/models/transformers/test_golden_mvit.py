"""Names, shapes, outputs and gradients of MViT and MViTv2, against numbers taken from PySlowFast."""

import copy
import functools
import json
import statistics
from pathlib import Path

import pytest
import torch

from slowfast.config import load_config
from slowfast.models import build_model
from slowfast.models.execution import run_in_2d
from tests.golden_weights import fill_by_recipe, seeded_input

GOLDEN = Path(__file__).parents[2] / "data/golden/transformers"

COMMON = [
    "NUM_GPUS", 0, "MODEL.EXECUTION", "3d", "MODEL.MODEL_NAME", "MViT", "MODEL.ARCH", "mvit", "DATA.INPUT_CHANNEL_NUM", [3],
    "MVIT.DROPPATH_RATE", 0.0, "MVIT.ZERO_DECAY_POS_CLS", False, "MVIT.POOL_KV_STRIDE_ADAPTIVE", [1, 8, 8],
]  # fmt: skip
CASES = {
    "MVITv2_S_16x4": [
        *COMMON, "DATA.NUM_FRAMES", 16, "MVIT.DEPTH", 16, "MVIT.DIM_MUL", [[1, 2], [3, 2], [14, 2]],
        "MVIT.HEAD_MUL", [[1, 2], [3, 2], [14, 2]], "MVIT.POOL_KVQ_KERNEL", [3, 3, 3],
        "MVIT.POOL_Q_STRIDE", [[block, 1, 2, 2] if block in (1, 3, 14) else [block, 1, 1, 1] for block in range(16)],
        "MVIT.USE_ABS_POS", False, "MVIT.REL_POS_SPATIAL", True, "MVIT.REL_POS_TEMPORAL", True,
        "MVIT.DIM_MUL_IN_ATT", True, "MVIT.RESIDUAL_POOLING", True,
    ],
    "MVIT_B_32x3_CONV": [
        *COMMON, "DATA.NUM_FRAMES", 32, "MVIT.DEPTH", 24, "MVIT.DIM_MUL", [[2, 2], [5, 2], [21, 2]],
        "MVIT.HEAD_MUL", [[2, 2], [5, 2], [21, 2]], "MVIT.POOL_Q_STRIDE", [[2, 1, 2, 2], [5, 1, 2, 2], [21, 1, 2, 2]],
        "MVIT.SEP_POS_EMBED", True,
    ],
}  # fmt: skip
BLIND = ("rel_pos_h", "rel_pos_w", "rel_pos_t", "pool_q.weight")
"""What does nothing in the last block, as the class token alone is read."""


@functools.cache
def golden(case):
    return json.loads((GOLDEN / f"{case}.json").read_text())


@functools.lru_cache(maxsize=1)
def filled(case, size):
    """The network built for pictures of that size, with the recipe's weights, in evaluation mode."""
    cfg = load_config(None, [*CASES[case], "DATA.TRAIN_CROP_SIZE", size, "DATA.TEST_CROP_SIZE", size])
    model = build_model(cfg)
    fill_by_recipe(model, "zoo")
    return model.eval()


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


def test_names_shapes_and_their_order_are_the_published_ones(case):
    model, want = filled(case, 224), golden(case)
    assert [[name, list(tensor.shape)] for name, tensor in model.state_dict().items()] == want["state_dict"]
    assert sum(parameter.numel() for parameter in model.parameters()) == want["num_params"]
    assert sorted(model.no_weight_decay()) == want["no_weight_decay"]
    state = model.state_dict()
    for name, check in want["weight_check"].items():
        assert state[name].flatten()[:3].tolist() == pytest.approx(check["first3"], rel=1e-6)
        assert state[name].norm().item() == pytest.approx(check["l2"], rel=1e-5)


def test_tables_of_a_network_for_smaller_pictures_have_the_published_sizes(case):
    changed = dict(map(tuple, golden(case)["built_112"]["state_dict_changes"]))
    published = [[name, changed.get(name, shape)] for name, shape in golden(case)["state_dict"]]
    assert [[name, list(tensor.shape)] for name, tensor in filled(case, 112).state_dict().items()] == published


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(0, marks=pytest.mark.slow, id="at_the_built_size"),
        pytest.param(1, marks=pytest.mark.slow, id="smaller_than_built"),
        pytest.param(2, id="built_for_smaller"),
    ],
)
def test_scores_and_logits_are_the_published_ones(case, run):
    assert_published_scores(filled(case, golden(case)["eval"][run]["built_at"]), golden(case)["eval"][run])


def test_scores_with_channels_last_are_the_published_ones(case):
    model = copy.deepcopy(filled(case, 112))
    run_in_2d(model)
    assert_published_scores(model, golden(case)["eval"][2])


def assert_published_scores(model, want):
    pixels, seen = seeded_input(want["seed"], want["input_shape"]), []
    assert pixels.flatten()[:3].tolist() == pytest.approx(want["input_check"]["first3"], rel=1e-6)
    hook = model.head.projection.register_forward_hook(lambda _, __, logits: seen.append(logits))
    with torch.no_grad():
        scores = model([pixels])
    hook.remove()
    torch.testing.assert_close(scores, torch.tensor(want["output"]), rtol=1e-4, atol=0)
    assert list(seen[0].shape) == want["projection_shape"]
    if "logits" in want:
        torch.testing.assert_close(seen[0], torch.tensor(want["logits"]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["MVITv2_S_16x4", pytest.param("MVIT_B_32x3_CONV", marks=pytest.mark.slow)])
def test_training_loss_and_gradients_are_the_published_ones(case):
    model, want = copy.deepcopy(filled(case, 112)).train(), golden(case)["train"]
    model.head.dropout.p = 0.0
    logits = model([seeded_input(want["seed"], want["input_shape"])])
    torch.testing.assert_close(logits, torch.tensor(want["logits"]), rtol=1e-4, atol=1e-4)
    loss = logits.square().mean()
    assert loss.item() == pytest.approx(want["loss"], rel=1e-4)
    loss.backward()
    norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    exact = {name: norm for (name, _), norm in zip(want["grad_norms"], want["grad_norms_float64"], strict=True)}
    assert list(norms) == list(exact)
    for name, norm in exact.items():
        assert abs(norms[name] - norm) <= 1e-2 * norm + 3e-6 * want["grad_norm_total"], name
    gaps = [abs(norms[name] - norm) / norm for name, norm in exact.items() if name not in want["vanishing"]]
    assert statistics.median(gaps) < 1e-3
    last = f"blocks.{len(model.blocks) - 1}.attn."
    assert {name for name, norm in norms.items() if norm == 0} == {
        last + own for own in BLIND if last + own in norms and last + own in want["vanishing"]
    }
