"""Steps as functions of a state, rows of a batch that begin by themselves, and steps that fail: for every kind of operator."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pgt import MemoryMismatchError, StepLengthError, progressive
from tests.pgt.operator_kinds import CHANNELS, KINDS, STEP, make_model

every_kind = pytest.mark.parametrize(("kind", "operator", "memory"), KINDS)


def clips(count: int, *, rows: int = 3, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn((rows, CHANNELS, STEP, 3, 3), generator=generator, dtype=torch.double) for _ in range(count)]


@every_kind
def test_a_step_as_a_function_equals_the_stateful_one(kind: str, operator: str, memory: str) -> None:
    model = make_model(kind, operator, memory, overlap=0 if operator == "attends" else 2)
    steps = clips(3)
    expected = [model.step(x) for x in steps]
    left = model.memory()
    state: dict[str, Tensor] = {}
    for x, output in zip(steps, expected, strict=True):
        before = {name: frames.clone() for name, frames in state.items()}
        y, new = model.functional_step(x, state)
        assert torch.equal(y, output)
        assert all(torch.equal(frames, state[name]) for name, frames in before.items()), "a function changes nothing"
        state = new
    assert state.keys() == left.keys() and all(torch.equal(frames, left[name]) for name, frames in state.items())
    assert all(torch.equal(frames, left[name]) for name, frames in model.memory().items())


@every_kind
@settings(max_examples=4, deadline=None)
@given(begins=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=3, max_size=3), seed=st.integers(0, 99))
def test_a_row_that_begins_equals_a_fresh_reset_of_that_row(
    kind: str, operator: str, memory: str, begins: list[list[bool]], seed: int
) -> None:
    model = make_model(kind, operator, memory, overlap=0 if operator == "attends" else 2)
    steps = clips(4, seed=seed)
    together = [model.step(steps[0])]
    together += [model.step(x, begins=torch.tensor(mask)) for x, mask in zip(steps[1:], begins, strict=True)]
    left = model.memory()
    for row in range(3):
        model.reset()
        for number, x in enumerate(steps):
            if number and begins[number - 1][row]:
                model.reset()
            alone = model.step(x[row : row + 1])
            torch.testing.assert_close(together[number][row : row + 1], alone, rtol=0, atol=1e-12)
        for name, frames in model.memory().items():
            torch.testing.assert_close(left[name][row : row + 1], frames, rtol=0, atol=1e-12)


@every_kind
def test_a_step_that_fails_leaves_the_memory_as_it_was(kind: str, operator: str, memory: str) -> None:
    model = make_model(kind, operator, memory)
    first, second = clips(2)
    model.step(first)
    before = model.memory()
    handle = model.network.register_forward_hook(lambda *_: (_ for _ in ()).throw(ValueError("half way")))
    with pytest.raises(ValueError, match="half way"):
        model.step(second)
    handle.remove()
    assert all(torch.equal(frames, before[name]) for name, frames in model.memory().items())
    assert model.step(second).isfinite().all()


def test_rows_are_counted_and_masks_are_boolean() -> None:
    model = make_model("conv", "local", "last")
    first, second = clips(2)
    model.step(first)
    for mask in ([True, False], [True, True], [False]):
        with pytest.raises(MemoryMismatchError, match=r"begins: \d rows; right would be: 3"):
            model.step(second, begins=torch.tensor(mask))
    for wrong in (torch.tensor([1.0, 0.0, 0.0]), torch.tensor([[True]] * 3), [True, False, False]):
        with pytest.raises(MemoryMismatchError, match=r"begins: .*torch\.bool, one for each row"):
            model.step(second, begins=wrong)  # type: ignore[arg-type]


def test_folded_rows_cannot_begin_by_themselves() -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x.flatten(0, 1)[:, None])  # type: ignore[no-any-return]

    model = progressive(Folded().double(), step_len=STEP, overlap=1)
    first, second = clips(2)
    model.step(first)
    model.step(second, begins=torch.tensor([False] * 3))
    with pytest.raises(MemoryMismatchError, match="conv sees 12 rows, but it is told of 3"):
        model.step(second, begins=torch.tensor([True, False, False]))


def test_a_begin_that_a_stride_cannot_serve_is_refused() -> None:
    network = nn.Sequential(nn.Conv3d(CHANNELS, 2, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0))).double()
    model = progressive(network, step_len=4, overlap=1, operator="causal")
    first, second = clips(2)
    model.step(first[:, :, :3])
    with pytest.raises(StepLengthError, match=r"0: rows cannot begin here.*multiple of 2 frames"):
        model.step(second, begins=torch.tensor([True, False, False]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state | {"nowhere": state["1"]}, "nowhere: this network has no operator"),
        (lambda state: {"1": state["1"][:, :2]}, r"1: a tensor of shape \(3, 2, 1, 3, 3\).*C 4, F 1"),
        (lambda state: {"1": state["1"][:, :, :0]}, "F 1"),
        (lambda state: {"1": state["1"].long()}, "1: torch.int64; right would be: a floating-point type"),
        (lambda state: {"1": state["1"].tolist()}, "1: a list; right would be: a tensor"),
        (lambda state: {"2": state["2"]}, "1: missing from the memory"),
        (lambda state: state | {"2": state["2"][:1]}, "different batches: 1 has 3 rows but 2 has 1 rows"),
    ],
)
def test_a_memory_of_another_network_is_refused(change: object, words: str) -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Identity(), *(nn.Conv3d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(2))).double()

    model = progressive(make(), step_len=STEP, overlap=1)
    model.step(clips(1)[0])
    state = model.memory()
    for fresh in (model, progressive(make(), step_len=STEP, overlap=1)):
        with pytest.raises(MemoryMismatchError, match=words):
            fresh.load_memory(change(state))  # type: ignore[operator]
        with pytest.raises(MemoryMismatchError, match=words):
            fresh.functional_step(clips(1)[0], change(state))  # type: ignore[operator]
    model.load_memory({})
    assert model.memory() == {}


@pytest.mark.parametrize("later", [torch.bfloat16, torch.float64])
def test_the_memory_follows_the_type_of_its_frames(later: torch.dtype) -> None:
    model = progressive(nn.Sequential(nn.Conv3d(CHANNELS, 2, 3, padding=1)), step_len=STEP, overlap=1)
    first, second = clips(2)
    model.step(first.float())
    model.to(later)
    assert model.step(second.to(later)).dtype == later and model.memory()["0"].dtype == later


def test_steps_under_autocast_and_without_mix_in_one_video() -> None:
    model = progressive(
        nn.Sequential(nn.Conv3d(CHANNELS, CHANNELS, 3, padding=1), nn.Conv3d(CHANNELS, 2, 3, padding=1)),
        step_len=STEP,
        overlap=1,
    )
    for number, x in enumerate(clips(4)):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=number % 2 == 0):
            y = model.step(x.float())
        assert y.dtype == (torch.bfloat16 if number % 2 == 0 else torch.float32)


def test_a_memory_made_in_inference_mode_serves_a_training_step() -> None:
    model = progressive(nn.Sequential(nn.Conv3d(CHANNELS, 2, 3, padding=1)), step_len=STEP, overlap=1)
    first, second = clips(2)
    with torch.inference_mode():
        model.step(first.float())
    model.step(second.float()).sum().backward()
    assert model.network[0].weight.grad is not None  # type: ignore[index]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_running_means_of_long_videos_are_right_in_half_precision(dtype: torch.dtype) -> None:
    model = progressive(nn.Sequential(nn.AdaptiveAvgPool3d(1)), step_len=8, overlap=1, operator="causal").eval()
    with torch.no_grad():
        for number in range(400):
            y = model.step(torch.full((1, 1, 8, 1, 1), 0.5 if number < 200 else 1.5, dtype=dtype))
    assert y.dtype == dtype and float(y) == 1.0


@every_kind
@pytest.mark.parametrize("at_once", [2, 3])
def test_several_steps_at_once_equal_the_steps_one_by_one(kind: str, operator: str, memory: str, at_once: int) -> None:
    model = make_model(kind, operator, memory, overlap=0 if operator == "attends" else 2)
    first, *later = clips(1 + 2 * at_once)
    expected = [model.step(x) for x in (first, *later)]
    left = model.memory()
    model.reset()
    found = [model.step(first)]
    for start in (0, at_once):
        rows = model.step(torch.cat(later[start : start + at_once]), num_steps=at_once)
        found += rows.chunk(at_once)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert model.memory().keys() == left.keys()
    for name, frames in model.memory().items():
        torch.testing.assert_close(frames, left[name], rtol=0, atol=1e-12)


@every_kind
def test_gradients_of_several_steps_at_once_are_those_of_the_steps(kind: str, operator: str, memory: str) -> None:
    model = make_model(kind, operator, memory)
    model.truncate_memory(False)
    first, *later = clips(3)
    gradients = []
    for at_once in (1, 2):
        x = first.clone().requires_grad_()
        outputs, state = model.functional_step(x, {})
        rows = []
        for start in range(0, 2, at_once):
            y, state = model.functional_step(torch.cat(later[start : start + at_once]), state, num_steps=at_once)
            rows.append(y)
        loss = outputs.square().sum() + torch.cat(rows).square().sum()
        wanted = [x, *model.parameters()]
        gradients.append(torch.autograd.grad(loss, wanted, allow_unused=True))
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_several_steps_at_once_must_go_on_and_be_equally_many_rows() -> None:
    model = make_model("conv", "local", "last")
    first, second = clips(2)
    with pytest.raises(MemoryMismatchError, match="remembers nothing, but reads 3 steps at once"):
        model.step(first, num_steps=3)
    model.step(first)
    before = model.memory()
    for number in (0, 2):
        with pytest.raises(MemoryMismatchError, match=f"num_steps={number}: inputs with 3 rows"):
            model.step(second, num_steps=number)
    with pytest.raises(MemoryMismatchError, match="no row begins"):
        model.step(second, num_steps=3, begins=torch.tensor([True, False, False]))
    with pytest.raises(MemoryMismatchError, match="right would be: frames of one size in all steps of a batch"):
        model.step(second, num_steps=3)  # rows of a single video, where three are remembered
    assert all(torch.equal(frames, before[name]) for name, frames in model.memory().items())


def test_a_causal_stride_that_does_not_divide_each_of_several_steps_is_refused() -> None:
    model = make_model("strided conv", "causal", "last")
    first, *later = clips(3)
    model.step(first)
    with pytest.raises(StepLengthError, match="temporal stride of 2 does not divide the 3 frames of each of 2 steps"):
        model.step(torch.cat([x[:, :, :3] for x in later]), num_steps=2)
