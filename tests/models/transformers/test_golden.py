"""Names, shapes, outputs and gradients of TimeSformer and VideoMAE, against numbers taken from their published code."""

import functools
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from slowfast.config import load_config
from slowfast.engine.compiling import compile_for_training
from slowfast.models import build_model
from slowfast.models.transformers.network import TokenNetwork
from slowfast.runtime.precision import Precision
from tests.golden_weights import fill_by_recipe, seeded_input

FILES = Path(__file__).parents[2] / "data/golden/transformers"

COMMON = ["NUM_GPUS", 0, "MODEL.ARCH", "vit", "MODEL.NUM_CLASSES", 400, "MODEL.DROPOUT_RATE", 0.0]
CASES: dict[str, list[Any]] = {
    "TimeSformer_divST_8x32_224": ["MODEL.MODEL_NAME", "TimeSformer", "TIMESFORMER.DROPPATH_RATE", 0.0, "DATA.NUM_FRAMES", 8],
    "VideoMAE_S_16": [
        "MODEL.MODEL_NAME", "ViT", "VIT.EMBED_DIM", 384, "VIT.NUM_HEADS", 6, "VIT.DROPPATH_RATE", 0.0, "DATA.NUM_FRAMES", 16,
    ],
}  # fmt: skip
SLOW = pytest.mark.slow
RUNS = [
    pytest.param("TimeSformer_divST_8x32_224", 0, marks=SLOW),
    pytest.param("TimeSformer_divST_8x32_224", 1, marks=SLOW),
    pytest.param("VideoMAE_S_16", 0, marks=SLOW),
    ("VideoMAE_S_16", 1),
]
TRAININGS = [pytest.param("TimeSformer_divST_8x32_224", marks=SLOW), pytest.param("VideoMAE_S_16", marks=SLOW)]


@functools.cache
def golden(case: str) -> Any:
    return json.loads((FILES / f"{case}.json").read_text())


@functools.lru_cache(maxsize=1)
def built(case: str, size: int) -> TokenNetwork:
    """The network for pictures of that size, with the recipe's weights, in evaluation mode."""
    model = build_model(load_config(None, [*COMMON, *CASES[case], "DATA.TRAIN_CROP_SIZE", size]))
    assert isinstance(model, TokenNetwork)
    fill_by_recipe(model, "zoo")
    return model.eval()


def logits_of(model: TokenNetwork, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the scores that the network makes of them."""
    seen: list[Tensor] = []
    with model.head.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs)), torch.no_grad():
        scores = model([pixels])
        logits = torch.nn.functional.linear(seen[0], model.head.weight, model.head.bias)
    return logits, scores


@pytest.mark.parametrize("case", CASES)
def test_names_shapes_and_their_order_are_the_published_ones(case: str) -> None:
    with torch.device("meta"):
        model = build_model(load_config(None, [*COMMON, *CASES[case]]))
    assert isinstance(model, TokenNetwork)
    assert [[name, list(tensor.shape)] for name, tensor in model.state_dict().items()] == golden(case)["state_dict"]
    assert sum(parameter.numel() for parameter in model.parameters()) == golden(case)["num_params"]
    names = {name for name, _ in model.named_parameters()}
    assert model.no_weight_decay() == names & set(golden(case)["no_weight_decay"])


@pytest.mark.parametrize(("case", "run"), RUNS)
def test_logits_are_the_published_ones(case: str, run: int) -> None:
    want = golden(case)["eval"][run]
    logits, scores = logits_of(built(case, want["built_at"]), seeded_input(want["seed"], want["input_shape"]))
    assert list(logits.shape) == want["projection_shape"]
    torch.testing.assert_close(logits, torch.tensor(want["output"]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, logits.softmax(-1))


def test_logits_in_half_precision_are_the_published_ones_to_two_digits() -> None:
    want = golden("VideoMAE_S_16")["eval"][1]
    with Precision("bf16").autocast(torch.device("cpu")):
        logits, scores = logits_of(built("VideoMAE_S_16", 112), seeded_input(want["seed"], want["input_shape"]))
    wanted = torch.tensor(want["output"])
    assert scores.dtype == torch.float32
    torch.testing.assert_close(logits.float(), wanted, rtol=0.05, atol=0.02 * float(wanted.abs().max()))


def test_recipe_fills_the_published_weights() -> None:
    state = built("VideoMAE_S_16", 112).state_dict()
    for name, check in golden("VideoMAE_S_16")["weight_check"].items():
        assert state[name].flatten()[:3].tolist() == pytest.approx(check["first3"], rel=1e-6)
        assert state[name].norm().item() == pytest.approx(check["l2"], rel=1e-5)


def test_sinusoids_are_the_published_ones() -> None:
    want = golden("VideoMAE_S_16")["pos_embed"]
    with torch.device("cpu"):
        model = build_model(load_config(None, [*COMMON, *CASES["VideoMAE_S_16"], "VIT.DEPTH", 1]))
    table = model.get_buffer("pos_embed").flatten(0, 1)
    assert [1, *table.shape] == want["shape"]
    for row, first, last in want["rows"]:
        assert [*table[row, :6].tolist(), *table[row, -2:].tolist()] == pytest.approx([*first, *last], abs=1e-6)


@pytest.mark.parametrize("case", TRAININGS)
def test_training_loss_and_gradients_are_the_published_ones(case: str) -> None:
    assert_published_training(case, built(case, golden(case)["train"]["built_at"]))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_compiled_and_checkpointed_training_has_the_published_loss_and_gradients(case: str) -> None:
    model = built(case, golden(case)["train"]["built_at"])
    model.checkpointing = "blocks"
    try:
        assert compile_for_training(model, torch.device("cpu"), backend="aot_eager")
        assert_published_training(case, model)
    finally:
        torch._dynamo.reset()
        built.cache_clear()


def assert_published_training(case: str, model: TokenNetwork) -> None:
    want = golden(case)["train"]
    model.train().zero_grad()
    try:
        logits = model([seeded_input(want["seed"], want["input_shape"])])
        loss = logits.square().mean()
        loss.backward()
        norms = {
            name: parameter.grad.norm().item() for name, parameter in model.named_parameters() if parameter.grad is not None
        }
    finally:
        model.eval()
    torch.testing.assert_close(logits, torch.tensor(want["logits"]), rtol=1e-4, atol=1e-4)
    assert loss.item() == pytest.approx(want["loss"], rel=1e-4)
    exact = {name: norm for (name, _), norm in zip(want["grad_norms"], want["grad_norms_float64"], strict=True)}
    assert list(norms) == list(exact)
    for name, norm in exact.items():
        assert abs(norms[name] - norm) <= 1e-2 * norm + 3e-6 * want["grad_norm_total"], name
    assert statistics.median(abs(norms[name] - norm) / norm for name, norm in exact.items()) < 1e-3
