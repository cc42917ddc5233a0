"""Networks that run in 2-D, with channels last: the same numbers, the same names, no copies."""

from __future__ import annotations

import copy
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from slowfast.models import build_model, execution
from slowfast.models.execution import FlatConvolution, run_in_2d, run_in_3d
from slowfast.models.layers.layout import CHANNELS_LAST, is_channels_last
from slowfast.models.layers.pools import TemporalPool
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from tests.models.test_roi_head import DETECTION
from tests.models.tiny_networks import RESNETS, tiny_config

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _all_pictures_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test networks are so small that a CPU would run their last stages in the usual order."""
    monkeypatch.setattr(execution, "TINY", 0)


def blocks(variant: str) -> dict[str, Any]:
    """Non-local blocks where the network has a place for them, one with pooled keys."""
    if variant not in RESNETS:
        return {}
    two = variant == "slowfast"
    return {
        "NONLOCAL__LOCATION": [[[], []], [[0, 1], []], [[1], []], [[], []]] if two else [[[]], [[0, 1]], [[1]], [[]]],
        "NONLOCAL__INSTANTIATION": "softmax",
    }


def trained(model: nn.Module, inputs: list[Tensor], *boxes: Tensor) -> dict[str, Tensor]:
    """Scores, gradients and statistics of a step of training, and the scores after it in evaluation."""
    model.train().zero_grad()
    logits = model(inputs, *boxes)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    found = {f"{name} (gradient)": parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    found |= {"logits": logits.detach(), **{name: buffer.clone() for name, buffer in model.named_buffers()}}
    with torch.no_grad():
        return {**found, "scores": model.eval()(inputs, *boxes)}


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor], tolerance: float) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(
            second[name], value, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("norm", ["batchnorm", "frozen_batchnorm"])
@pytest.mark.parametrize("points", [0, 16])
def test_scores_gradients_and_statistics_are_those_of_the_3d_form(
    tiny: Make, clip: Make, variant: str, norm: str, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "TINY", points)
    networks = [tiny(variant, BN__NORM_TYPE=norm, MODEL__EXECUTION=form, **blocks(variant)).double() for form in ("3d", "2d")]
    inputs = [pathway.double() for pathway in clip(variant, size=40)]  # larger than built for: several positions
    assert_equal(*(trained(network, inputs) for network in networks), tolerance=1e-9)
    assert list(networks[0].state_dict()) == list(networks[1].state_dict())


def test_scores_are_equal_in_single_precision(tiny: Make, clip: Make, variant: str) -> None:
    model, inputs = tiny(variant, MODEL__EXECUTION="3d"), clip(variant)
    with torch.no_grad():
        wanted = model(inputs)
        run_in_2d(model)
        torch.testing.assert_close(model(inputs), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", ["slow", "slowfast"])
def test_persons_are_scored_as_in_the_3d_form(tiny: Make, clip: Make, variant: str) -> None:
    networks = [tiny(variant, MODEL__EXECUTION=form, **DETECTION).double() for form in ("3d", "2d")]
    boxes = torch.tensor([[0, 2, 3, 20, 25], [1, 0, 0, 31, 31], [1, 10, 4, 15, 30]], dtype=torch.double)
    inputs = [pathway.double() for pathway in clip(variant)]
    assert_equal(*(trained(network, inputs, boxes) for network in networks), tolerance=1e-9)


def order(x: Tensor) -> list[int]:
    """Axes from the one whose neighbours lie farthest apart to the one stored side by side."""
    return sorted((axis for axis in range(x.dim()) if x.shape[axis] > 1), key=lambda axis: -x.stride(axis))


class Copies(TorchDispatchMode):
    """Counts copies of features that change how they are stored."""

    def __init__(self) -> None:
        super().__init__()
        self.copied: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "copy_" and args[0].dim() >= 4 and order(args[0]) != order(args[1]):
            self.copied.append(tuple(args[0].shape))
        if name in ("clone", "_to_copy") and result.dim() >= 4 and order(result) != order(args[0]):
            self.copied.append(tuple(result.shape))
        return result


def layouts(model: nn.Module, run: Callable[[], Tensor]) -> list[str]:
    """What of the outputs of all modules, and of their gradients, is not stored with channels last."""
    found: list[str] = []
    handles = []
    for name, module in model.named_modules():

        def look(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
            if not isinstance(output, Tensor) or output.dim() != 5:
                return
            if not output.is_contiguous(memory_format=CHANNELS_LAST):
                found.append(name)
            if output.requires_grad:
                output.register_hook(
                    lambda grad: None if grad.stride(1) == 1 or grad.shape[1] == 1 else found.append(f"gradient of {name}")
                )

        handles.append(module.register_forward_hook(look))
    run().square().sum().backward()
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("size", [32, 64])
def test_nothing_is_copied_from_the_normaliser_to_the_head_and_back(variant: str, size: int) -> None:
    def run(form: str) -> tuple[nn.Module, Callable[[], Tensor]]:
        cfg = tiny_config(variant, MODEL__EXECUTION=form, BN__NORM_TYPE="frozen_batchnorm", **blocks(variant))
        model, normalizer, picker = build_model(cfg).train(), Normalizer.from_cfg(cfg), PathwayPicker.from_cfg(cfg)
        frames = torch.randint(0, 256, (2, 3, 8, size, size), dtype=torch.uint8)
        return model, lambda: model([normalizer(pathway) for pathway in picker.pick(frames)])

    model, forward = run("2d")
    with Copies() as copies:
        forward().square().sum().backward()
    weights = {tuple(parameter.shape) for parameter in model.parameters()}  # which stay in the usual order, gradients as well
    assert [shape for shape in copies.copied if shape not in weights] == []
    assert layouts(model, forward) == []
    plain, forward = run("3d")
    assert len(layouts(plain, forward)) > 10, "the measure sees the usual order"
    run_in_2d(plain)
    with Copies() as copies:
        forward()
    assert len(copies.copied) == plain.num_pathways, "the measure sees the input, which comes in the usual order here"


def test_a_single_frame_is_stored_so_that_one_can_tell() -> None:
    """Of one frame two orders are the same bytes; strides say which is meant, to what joins frames and to compiled graphs."""
    network = nn.Sequential(nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1)), nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0)))
    run_in_2d(network)
    y = network(torch.rand(2, 3, 1, 5, 6))
    assert y.stride() == torch.empty(y.shape, memory_format=CHANNELS_LAST).stride()


@pytest.mark.parametrize("variant", ["slow", "slowfast", "x3d"])
def test_tiny_pictures_are_copied_once_where_they_become_tiny(
    tiny: Make, clip: Make, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "TINY", 16)
    model, seen = tiny(variant, MODEL__EXECUTION="2d", BN__NORM_TYPE="frozen_batchnorm").train(), []
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(lambda _, args, output: seen.append((args[0], output)))
    inputs = [pathway.contiguous(memory_format=CHANNELS_LAST) for pathway in clip(variant, size=64)]
    with Copies() as copies:
        model(inputs)
    tiny_outputs = [output for _, output in seen if execution.is_tiny(output)]
    large = [output for _, output in seen if not execution.is_tiny(output)]
    assert len(tiny_outputs) > 3 and len(large) > 3
    assert all(output.is_contiguous() for output in tiny_outputs)
    assert all(output.is_contiguous(memory_format=CHANNELS_LAST) for output in large)
    become = [tuple(output.shape) for x, output in seen if execution.is_tiny(output) and not execution.is_tiny(x)]
    pictures = [shape for shape in copies.copied if shape[-1] == shape[-2]]  # the classifier's features are none
    assert sorted(pictures) == sorted(become)


@pytest.mark.parametrize(
    ("execution", "gpus", "flat"),
    [("auto", 0, True), ("auto", 1, False), ("3d", 0, False), ("2d", 1, True), ("auto", -1, not torch.cuda.is_available())],
)
def test_networks_run_in_2d_where_that_is_said_or_on_cpus(execution: str, gpus: int, flat: bool) -> None:
    cfg = tiny_config("slow", MODEL__EXECUTION=execution, NUM_GPUS=gpus)
    convolutions = [vars(part)["_conv_forward"] for part in build_model(cfg).modules() if isinstance(part, nn.Conv3d)]
    assert {isinstance(conv, FlatConvolution) for conv in convolutions} == {flat}
    frames = torch.zeros((1, 3, 2, 4, 4), dtype=torch.uint8)
    assert is_channels_last(Normalizer.from_cfg(cfg)(frames)) == flat


STRIDED_POINTS = """
import torch
from slowfast.models.execution import FlatConvolution
from slowfast.models.layers.layout import CHANNELS_LAST

torch.set_num_threads(3)
x = torch.randn(7, 8, 2, 16, 16).contiguous(memory_format=CHANNELS_LAST).requires_grad_()
weight = torch.randn(16, 8, 1, 1, 1, requires_grad=True)
for stride in ((1, 2, 2), (2, 1, 1), (2, 2, 2)):
    for _ in range(20):
        y = FlatConvolution(stride, (0, 0, 0), (1, 1, 1), 1)(x, weight, None)
        gradients = torch.autograd.grad(y.square().sum(), (x, weight))
        rubbish = [torch.empty(count) for count in range(1, 3000, 37)]
    wanted = torch.nn.functional.conv3d(x.double(), weight.double(), stride=stride)
    for found, right in zip(gradients, torch.autograd.grad(wanted.square().sum(), (x, weight)), strict=True):
        torch.testing.assert_close(found, right, rtol=1e-3, atol=1e-3)
"""


def test_strided_points_of_few_channels_keep_to_their_memory() -> None:
    """PyTorch's own kernel ends the process at the first stride, or later at another place: so in a process of its own."""
    checks = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")
    environment = {**os.environ, **({"LD_PRELOAD": str(checks), "MALLOC_CHECK_": "3"} if checks.is_file() else {})}
    ran = subprocess.run(
        [sys.executable, "-c", STRIDED_POINTS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def pickled(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)  # type: ignore[no-any-return]


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_copies_run_in_2d_by_their_own_weights(tiny: Make, clip: Make, copied: Callable[[nn.Module], nn.Module]) -> None:
    model, inputs = tiny("slow", MODEL__EXECUTION="2d"), clip("slow")
    before = model(inputs)
    other = copied(model)
    nn.init.zeros_(other.head.projection.weight)
    assert torch.equal(model(inputs), before)
    assert not torch.equal(other(inputs), before)
    assert layouts(other.train(), lambda: other(inputs)) == []


def test_it_is_undone_without_a_trace(tiny: Make, variant: str) -> None:
    model = tiny(variant, MODEL__EXECUTION="3d")
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    kinds = [type(module) for module in model.modules()]
    assert run_in_2d(model) > 10
    assert [type(module) for module in model.modules()] == kinds
    run_in_3d(model)
    for name, module in model.named_modules():
        assert vars(module).keys() == before[name].keys()


class Centered(nn.Conv3d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(input, weight - weight.mean(), bias)


def test_what_convolves_or_pools_in_a_way_of_its_own_is_left_alone() -> None:
    network = nn.Sequential(
        nn.Conv3d(3, 4, (1, 3, 3), padding="same"),
        nn.Conv3d(4, 4, (1, 3, 3), padding=(0, 1, 1), padding_mode="reflect"),
        Centered(4, 4, 1),
        nn.MaxPool3d((2, 1, 1)),
        nn.MaxPool3d((1, 2, 2), (2, 2, 2)),
        nn.AvgPool3d((1, 2, 2)),
    )
    assert run_in_2d(network) == 0


axis = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2))
"""Kernel, stride, padding and dilation."""


@settings(max_examples=60, deadline=None)
@given(axes=st.tuples(axis, axis, axis), groups=st.sampled_from([1, 2, 4]), biased=st.booleans(), last=st.booleans())
def test_any_convolution_equals_the_3d_one(axes: Any, groups: int, biased: bool, last: bool) -> None:
    kernel, stride, padding, dilation = zip(*axes, strict=True)
    torch.manual_seed(0)
    conv = nn.Conv3d(4, 8, kernel, stride, padding, dilation, groups, bias=biased, dtype=torch.double)
    x = torch.randn(2, 4, 6, 7, 5, dtype=torch.double)
    wanted = conv(x)
    assert run_in_2d(conv) == 1
    got = conv(x.contiguous(memory_format=CHANNELS_LAST) if last else x)
    torch.testing.assert_close(got, wanted)
    assert got.is_contiguous(memory_format=CHANNELS_LAST)


@settings(max_examples=30, deadline=None)
@given(kernel=st.integers(1, 3), stride=st.integers(1, 3), ceil=st.booleans(), size=st.integers(3, 9), padded=st.booleans())
def test_any_pool_of_frames_equals_the_3d_one(kernel: int, stride: int, ceil: bool, size: int, padded: bool) -> None:
    padding = (0, int(padded and kernel > 1), 0)
    pool = nn.MaxPool3d((1, kernel, kernel), (1, stride, stride), padding, ceil_mode=ceil)
    x = torch.randn(2, 4, 3, size, size)
    wanted = pool(x)
    assert run_in_2d(pool) == 1
    assert torch.equal(pool(x), wanted)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("positions", [1, 2, 3])
def test_pooling_over_time_keeps_channels_last(mode: Any, positions: int) -> None:
    x = torch.randn(2, 4, 7, 5, 3)
    pool = TemporalPool(mode=mode, pathway=0, positions=positions)
    got = pool(x.contiguous(memory_format=CHANNELS_LAST))
    torch.testing.assert_close(got, pool(x))
    assert got.is_contiguous(memory_format=CHANNELS_LAST)


def test_a_convolution_keeps_the_type_of_autocast() -> None:
    flat = FlatConvolution((1, 1, 1), (0, 1, 1), (1, 1, 1), 1)
    x, weight = torch.randn(1, 4, 2, 5, 5), torch.randn(4, 4, 1, 3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert flat(x, weight, None).dtype == F.conv3d(x, weight, padding=(0, 1, 1)).dtype == torch.bfloat16


def test_the_normaliser_stores_channels_last_where_it_is_asked_to() -> None:
    frames = torch.randint(0, 256, (2, 3, 4, 5, 6), dtype=torch.uint8)
    usual = Normalizer(mean=[0.1, 0.4, 0.5], std=[0.2, 0.25, 0.3])
    last = Normalizer(mean=[0.1, 0.4, 0.5], std=[0.2, 0.25, 0.3], channels_last=True)
    assert torch.equal(last(frames), usual(frames))
    assert is_channels_last(last(frames)) and last(frames).dtype == torch.float32
