"""Names, shapes, outputs and gradients of the published networks, against numbers taken from PySlowFast."""

import copy
import functools
import json
import statistics
from pathlib import Path

import pytest
import torch

from slowfast.config import load_config
from slowfast.engine.compiling import compile_for_training
from slowfast.models import build_model
from slowfast.models.execution import run_in_2d, run_in_3d
from slowfast.models.pathways import PathwayPicker
from slowfast.runtime.precision import Precision
from tests.golden_weights import fill_by_recipe, seeded_input

ZOO = Path(__file__).parents[1] / "data/golden/zoo"

COMMON = ["NUM_GPUS", 0, "MODEL.EXECUTION", "3d", "DATA.TRAIN_CROP_SIZE", 64, "DATA.TEST_CROP_SIZE", 96]
ONE_PATHWAY = ["MODEL.MODEL_NAME", "ResNet", "DATA.NUM_FRAMES", 8, "RESNET.NUM_BLOCK_TEMP_KERNEL", [[3], [4], [6], [3]]]
TWO_PATHWAYS = [
    "MODEL.MODEL_NAME", "SlowFast", "MODEL.ARCH", "slowfast", "DATA.NUM_FRAMES", 32,
    "SLOWFAST.ALPHA", 4, "SLOWFAST.BETA_INV", 8, "SLOWFAST.FUSION_CONV_CHANNEL_RATIO", 2, "SLOWFAST.FUSION_KERNEL_SZ", 7,
    "RESNET.NUM_BLOCK_TEMP_KERNEL", [[3, 3], [4, 4], [6, 6], [3, 3]],
    "NONLOCAL.LOCATION", [[[], []]] * 4, "NONLOCAL.GROUP", [[1, 1]] * 4,
]  # fmt: skip
CASES = {
    "C2D_8x8_R50": [*ONE_PATHWAY, "MODEL.ARCH", "c2d"],
    "I3D_8x8_R50": [*ONE_PATHWAY, "MODEL.ARCH", "i3d"],
    "I3D_NLN_8x8_R50": [
        *ONE_PATHWAY, "MODEL.ARCH", "i3d",
        "NONLOCAL.INSTANTIATION", "softmax", "NONLOCAL.LOCATION", [[[]], [[1, 3]], [[1, 3, 5]], [[]]],
    ],
    "SLOW_8x8_R50": [*ONE_PATHWAY, "MODEL.ARCH", "slow"],
    "X3D_S": [
        "MODEL.MODEL_NAME", "X3D", "MODEL.ARCH", "x3d", "RESNET.TRANS_FUNC", "x3d_transform", "DATA.NUM_FRAMES", 13,
        "X3D.WIDTH_FACTOR", 2.0, "X3D.DEPTH_FACTOR", 2.2, "X3D.BOTTLENECK_FACTOR", 2.25,
    ],
    "SLOWFAST_8x8_R50": [
        *TWO_PATHWAYS,
        "RESNET.SPATIAL_STRIDES", [[1, 1], [2, 2], [2, 2], [2, 2]], "RESNET.SPATIAL_DILATIONS", [[1, 1]] * 4,
    ],
    "AVA_SLOWFAST_32x2_R50_SHORT": [
        *TWO_PATHWAYS,
        "RESNET.SPATIAL_STRIDES", [[1, 1], [2, 2], [2, 2], [1, 1]],
        "RESNET.SPATIAL_DILATIONS", [[1, 1], [1, 1], [1, 1], [2, 2]],
        "MODEL.NUM_CLASSES", 80, "MODEL.HEAD_ACT", "sigmoid", "MODEL.LOSS_FUNC", "bce",
        "DETECTION.ENABLE", True, "DETECTION.ALIGNED", True, "DETECTION.SPATIAL_SCALE_FACTOR", 16,
        "DETECTION.ROI_XFORM_RESOLUTION", 7,
    ],
}  # fmt: skip
WITH_GRADIENTS = ["I3D_8x8_R50", "SLOW_8x8_R50", "SLOWFAST_8x8_R50"]


@functools.cache
def golden(case):
    return json.loads((ZOO / f"{case}.json").read_text())


@functools.lru_cache(maxsize=1)  # pytest runs the tests of one case one after the other
def filled(case):
    """The network with the recipe's weights, in evaluation mode, and its picker."""
    cfg = load_config(None, COMMON + CASES[case])
    model = build_model(cfg)
    fill_by_recipe(model, "zoo")
    return model.eval(), PathwayPicker.from_cfg(cfg)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


@pytest.fixture(params=["3d", "2d"])
def execution(request, case):
    """Both ways to compute the case's network, which gives the same numbers (MODEL.EXECUTION)."""
    model, _ = filled(case)
    if request.param == "2d":
        run_in_2d(model)
    yield request.param
    run_in_3d(model)


def test_names_shapes_and_their_order_are_the_published_ones(case):
    model, _ = filled(case)
    assert [[name, list(tensor.shape)] for name, tensor in model.state_dict().items()] == golden(case)["state_dict"]
    assert sum(parameter.numel() for parameter in model.parameters()) == golden(case)["num_params"]


def test_recipe_fills_the_published_weights(case):
    state = filled(case)[0].state_dict()
    for name, check in golden(case)["weight_check"].items():
        assert state[name].flatten()[:3].tolist() == pytest.approx(check["first3"], rel=1e-6)
        assert state[name].norm().item() == pytest.approx(check["l2"], rel=1e-5)


@pytest.mark.parametrize("run", [0, 1], ids=["at_the_built_size", "larger"])
def test_scores_and_logits_are_the_published_ones(case, execution, run):
    model, picker = filled(case)
    want = golden(case)["eval"][run]
    pixels = seeded_input(want["seed"], want["input_shape"])
    assert pixels.flatten()[:3].tolist() == pytest.approx(want["input_check"]["first3"], rel=1e-6)
    boxes = [torch.tensor(want["boxes"])] if "boxes" in want else []
    seen = []
    with model.head.projection.register_forward_hook(lambda _, __, logits: seen.append(logits)), torch.no_grad():
        scores = model(picker.pick(pixels), *boxes)
    torch.testing.assert_close(scores, torch.tensor(want["output"]), rtol=1e-4, atol=0)
    assert list(seen[0].shape) == want["projection_shape"]
    if "logits" in want:
        torch.testing.assert_close(seen[0].flatten(1), torch.tensor(want["logits"]), rtol=1e-4, atol=1e-4)


def test_scores_in_half_precision_are_the_published_ones_to_two_digits(case, execution):
    model, picker = filled(case)
    want = golden(case)["eval"][0]
    boxes = [torch.tensor(want["boxes"])] if "boxes" in want else []
    with torch.no_grad(), Precision("bf16").autocast(torch.device("cpu")):
        scores = model(picker.pick(seeded_input(want["seed"], want["input_shape"])), *boxes)
    wanted = torch.tensor(want["output"])
    assert scores.dtype == torch.float32
    assert not torch.equal(scores, wanted)
    torch.testing.assert_close(scores, wanted, rtol=0.05, atol=0.01 * float(wanted.max()))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["I3D_8x8_R50", "SLOWFAST_8x8_R50"], indirect=True)
def test_compiled_training_has_the_published_loss_and_gradients(case):
    try:
        assert_published_training(case, lambda model: compile_for_training(model, torch.device("cpu"), backend="aot_eager"))
    finally:
        torch._dynamo.reset()


def test_pathways_read_the_published_frames(case):
    _, picker = filled(case)
    want = golden(case)["eval"][0]
    numbers = torch.arange(want["input_shape"][2]).view(1, 1, -1, 1, 1)
    assert [pathway.flatten().tolist() for pathway in picker.pick(numbers)] == want["pathway_frames"]


@pytest.mark.parametrize("case", WITH_GRADIENTS, indirect=True)
def test_training_loss_and_gradients_are_the_published_ones(case, execution):
    assert_published_training(case)


def assert_published_training(case, prepare=lambda model: True):
    model, picker = filled(case)
    model = copy.deepcopy(model).train()  # training moves the running statistics
    model.head.dropout.p = 0.0
    assert prepare(model)
    want = golden(case)["train"]
    logits = model(picker.pick(seeded_input(want["seed"], want["input_shape"])))
    torch.testing.assert_close(logits, torch.tensor(want["logits"]), rtol=1e-4, atol=1e-4)
    loss = logits.square().mean()
    assert loss.item() == pytest.approx(want["loss"], rel=1e-4)
    loss.backward()
    norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
    exact = {name: norm for (name, _), norm in zip(want["grad_norms"], want["grad_norms_float64"], strict=True)}
    assert list(norms) == list(exact)
    for name, norm in exact.items():
        assert abs(norms[name] - norm) <= 1e-2 * norm + 3e-6 * want["grad_norm_total"], name
    gaps = [abs(norms[name] - norm) / norm for name, norm in exact.items()]
    assert statistics.median(gaps) < 1e-3
