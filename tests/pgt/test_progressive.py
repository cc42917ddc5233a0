"""What must hold for any progressive network, checked against small computations written out by hand."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt import ProgressiveModel, StepSchedule, UnsupportedOperatorError, progressive
from pgt.operators import MarkovConv
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.models import build_model

KERNELS = (3, 1, 5, 3)
SCHEDULE = StepSchedule(6, 2, 4)


class ConvStack(nn.Module):
    """A few convolutions over time with rectifiers; returns features, so that every frame of every step can be compared."""

    def __init__(self) -> None:
        super().__init__()
        channels = [2, 4, 4, 4, 3]
        self.convs = nn.ModuleList(
            nn.Conv3d(channels[i], channels[i + 1], (kernel, 3, 3), padding=(kernel // 2, 1, 1))
            for i, kernel in enumerate(KERNELS)
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = functional.relu(conv(x))
        return x


@pytest.fixture
def stack() -> ConvStack:
    return ConvStack().double()


@pytest.fixture
def clip() -> Tensor:
    return torch.randn((2, 2, SCHEDULE.num_frames, 4, 4), dtype=torch.double)


def blind_to_the_future(conv: nn.Conv3d, x: Tensor, *, detach_past: bool = False) -> Tensor:
    """One pass over the whole clip by an operator that sees no frame behind the end of the step it is in."""
    reach, outputs = int(conv.padding[0]), []
    for start, stop in SCHEDULE.ranges():
        past = x[:, :, :start].detach() if detach_past else x[:, :, :start]
        seen = torch.cat([past, x[:, :, start:stop]], dim=2)
        outputs.append(functional.conv3d(seen, conv.weight, conv.bias, padding=(reach, 1, 1))[:, :, start:stop])
    return torch.cat(outputs, dim=2)


def run_steps(model: ProgressiveModel, clip: Tensor) -> list[Tensor]:
    model.reset()
    return [model.step(clip[:, :, start:stop]) for start, stop in SCHEDULE.ranges()]


def test_steps_with_last_memory_equal_one_pass_that_is_blind_across_borders(stack: ConvStack, clip: Tensor) -> None:
    expected = clip
    for conv in stack.convs:
        expected = functional.relu(blind_to_the_future(conv, expected))  # type: ignore[arg-type]
    model = progressive(stack, step_len=6, overlap=2, memory="last", momentum=0.0)
    torch.testing.assert_close(torch.cat(run_steps(model, clip), dim=2), expected, rtol=0, atol=1e-10)


def test_gradients_equal_truncated_backpropagation_by_hand(stack: ConvStack, clip: Tensor) -> None:
    weight = torch.randn((2, 3, SCHEDULE.num_frames, 4, 4), dtype=torch.double)
    by_hand = clip
    for conv in stack.convs:
        by_hand = functional.relu(blind_to_the_future(conv, by_hand, detach_past=True))  # type: ignore[arg-type]
    (by_hand * weight).sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in stack.named_parameters()}  # type: ignore[union-attr]
    stack.zero_grad()
    model = progressive(stack, step_len=6, overlap=2, memory="last", momentum=0.0)
    for (start, stop), y in zip(SCHEDULE.ranges(), run_steps(model, clip), strict=True):
        (y * weight[:, :, start:stop]).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-8, atol=1e-8)


def test_untruncated_memory_gives_the_gradients_of_full_backpropagation(stack: ConvStack, clip: Tensor) -> None:
    by_hand = clip
    for conv in stack.convs:
        by_hand = functional.relu(blind_to_the_future(conv, by_hand))  # type: ignore[arg-type]
    by_hand.square().sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in stack.named_parameters()}  # type: ignore[union-attr]
    stack.zero_grad()
    model = progressive(stack, step_len=6, overlap=2, memory="last", momentum=0.0)
    model.truncate_memory(False)
    torch.cat(run_steps(model, clip), dim=2).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("memory", "momentum", "arrives"), [("last", 0.0, False), ("last", 0.3, True), ("max", 0.0, True), ("avg", 0.0, True)]
)
def test_only_long_memories_carry_the_first_frame_to_the_last_step(
    stack: ConvStack, clip: Tensor, memory: Any, momentum: float, arrives: bool
) -> None:
    # Frame 3 is not among the newest of step 0, but within reach of them, so a momentum can pick it up. Five steps on, the
    # stacked kernels (4 frames of reach in all) cannot have carried it by themselves.
    schedule = StepSchedule(6, 2, 6)
    clip = torch.randn((1, 2, schedule.num_frames, 4, 4), dtype=torch.double)
    changed = clip.clone()
    changed[:, :, 3] += 10.0
    model = progressive(stack, step_len=6, overlap=2, memory=memory, momentum=momentum)
    finals = []
    for video in (clip, changed):
        model.reset()
        for start, stop in schedule.ranges():
            final = model.step(video[:, :, start:stop])
        finals.append(final)
    assert bool((finals[0] - finals[1]).abs().max() > 1e-9) is arrives


def test_swapping_keeps_names_shapes_and_identity_of_parameters(tiny_cfg: Callable[..., Any]) -> None:
    for slowfast in (False, True):
        plain = build_model(tiny_cfg(slowfast=slowfast, PGT__ENABLE=False, DATA__NUM_FRAMES=16))
        parameters = dict(plain.named_parameters())
        shapes = {name: tensor.shape for name, tensor in plain.state_dict().items()}
        model = progressive(plain, step_len=[4, 16][: 1 + slowfast], overlap=[1, 4][: 1 + slowfast])
        assert {name: tensor.shape for name, tensor in model.state_dict().items()} == shapes
        assert all(parameter is parameters[name] for name, parameter in model.named_parameters())
        assert any(isinstance(module, MarkovConv) for module in model.modules())


def test_plain_weights_load_into_the_progressive_model_and_back(tiny_cfg: Callable[..., Any]) -> None:
    plain, model = build_model(tiny_cfg(PGT__ENABLE=False)), build_model(tiny_cfg())
    model.load_state_dict(plain.state_dict())
    plain.load_state_dict(model.state_dict())
    x = [torch.randn(1, 3, 4, 32, 32)]
    torch.testing.assert_close(model.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("slowfast", [False, True])
def test_saved_activations_do_not_grow_with_the_number_of_steps(slowfast: bool, tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg(slowfast=slowfast)).train()
    peaks = []
    for steps in (2, 5, 20):
        schedule = StepSchedule(model.step_len, model.overlap, steps)
        model.reset()
        with ActivationMeter(exclude=model) as meter:
            for step in range(steps):
                lengths = [
                    stop - start for pathway in range(schedule.num_pathways) for start, stop in [schedule.ranges(pathway)[step]]
                ]
                model.step([torch.randn(1, 3, length, 32, 32) for length in lengths]).sum().backward()
        peaks.append(meter.peak_bytes)
    assert peaks[0] > 0
    assert peaks[1] <= peaks[0] * 1.001 and peaks[2] <= peaks[0] * 1.001


def test_a_video_does_not_depend_on_what_ran_before_it(stack: ConvStack, clip: Tensor) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    alone = run_steps(model, clip)
    run_steps(model, torch.randn((5, 2, SCHEDULE.num_frames, 2, 2), dtype=torch.double))
    model(clip)  # a stray pass in the middle of another video
    for a, b in zip(alone, run_steps(model, clip), strict=True):
        assert torch.equal(a, b)


def test_one_pass_leaves_the_memory_alone(stack: ConvStack, clip: Tensor) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    model.step(clip[:, :, :6])
    before = model.memory()
    plain = model(clip)
    assert all(torch.equal(frames, before[name]) for name, frames in model.memory().items())
    torch.testing.assert_close(plain, model.network(clip))


def test_a_saved_memory_goes_on_where_it_was_left(stack: ConvStack, clip: Tensor) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    expected = run_steps(model, clip)
    model.reset()
    model.step(clip[:, :, :6])
    saved = pickle.loads(pickle.dumps(model.memory()))
    model.reset()
    model.load_memory(saved)
    assert torch.equal(model.step(clip[:, :, 6:10]), expected[1])


def test_memory_bytes_are_counted(stack: ConvStack, clip: Tensor) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    model.step(clip[:, :, :6])
    # Kernels 3, 5, 3 remember 1, 2, 1 frames of 2, 4, 4 channels; batch 2, 4 x 4 pixels, 8 bytes a number.
    assert model.memory_bytes == (1 * 2 + 2 * 4 + 1 * 4) * 2 * 16 * 8


def test_copies_have_a_memory_of_their_own(stack: ConvStack, clip: Tensor) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    twin = copy.deepcopy(model)
    model.step(clip[:, :, :6])
    assert twin.memory() == {} and model.memory() != {}
    torch.testing.assert_close(run_steps(twin, clip)[-1], run_steps(model, clip)[-1])


def test_train_and_eval_reach_the_network_itself(tiny_cfg: Callable[..., Any]) -> None:
    model = build_model(tiny_cfg())
    for mode in (False, True):
        model.train(mode)
        assert model.network.training is mode and all(module.training is mode for module in model.modules())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Conv3d(1, 1, (3, 1, 1)), "hand its past on"),
        (nn.Conv3d(1, 1, (4, 1, 1), padding=(2, 0, 0)), "odd kernel"),
        (nn.ConvTranspose3d(1, 1, (2, 1, 1)), "transposed convolution"),
        (nn.MaxPool3d((3, 1, 1), stride=(2, 1, 1)), "reach across the borders"),
        (nn.LSTM(1, 1), "recurrent layer"),
        (nn.MultiheadAttention(2, 1), "attention over time"),
    ],
)
def test_operators_that_cannot_remember_are_refused_by_path_and_nothing_is_changed(module: nn.Module, words: str) -> None:
    good = nn.Conv3d(1, 1, (3, 1, 1), padding=(1, 0, 0))
    network = nn.Sequential(good, nn.Sequential(nn.Identity(), module))
    with pytest.raises(UnsupportedOperatorError, match=rf"^1\.1.*{words}"):
        progressive(network, step_len=4, overlap=1)
    assert network[0] is good


def test_a_progressive_network_is_not_made_progressive_again(stack: ConvStack) -> None:
    model = progressive(stack, step_len=6, overlap=2)
    with pytest.raises(UnsupportedOperatorError, match="progressive already"):
        progressive(model, step_len=6, overlap=2)
