"""What a step does to a batch, and which step a config gets."""

import pytest
import torch
from torch import Tensor, nn

from slowfast.config import ConfigError, load_config
from slowfast.engine.steps import PlainTrainStep
from slowfast.engine.tasks import build_eval_step, build_train_step, select
from slowfast.engine.updater import Updater
from slowfast.registry import Registry
from tests.engine.engine_toys import NORMALIZER, PICKER, ToyNet, eval_step, toy_batch, train_step

BATCH = toy_batch([(0, 0), (1, 0)])


class Listening(nn.Module):
    """Remembers what it was fed."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ToyNet(dropout=0.0)
        self.heard: list[list[Tensor]] = []

    def forward(self, inputs: list[Tensor]) -> Tensor:
        self.heard.append(inputs)
        return self.inner(inputs)


def updater_of(model: nn.Module, rate: float) -> Updater:
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, lr=rate)
    return Updater(parameters=parameters, optimizer=optimizer, device=torch.device("cpu"))


def test_plain_step_is_one_gradient_step_on_the_normalised_clip() -> None:
    model, twin = ToyNet(dropout=0.0), ToyNet(dropout=0.0)
    twin.load_state_dict(model.state_dict())
    output = train_step()(model, BATCH, updater_of(model, 0.1))
    loss = nn.functional.cross_entropy(twin([(BATCH.frames.float() / 255 - 0.45) / 0.225]), BATCH.labels)
    loss.backward()
    assert torch.allclose(output.loss, loss, atol=1e-5)
    assert not output.loss.requires_grad
    for mine, expected in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(mine, expected - 0.1 * expected.grad, atol=1e-4)


def test_forward_only_feeds_the_model_what_training_feeds_it() -> None:
    model = Listening()
    train_step()(model, BATCH, updater_of(model, 0.1))
    train_step().forward_only(model, BATCH)
    (trained,), (forwarded,) = model.heard
    assert torch.equal(trained, forwarded)


def test_plain_evaluation_has_one_segment_over_the_whole_clip() -> None:
    model = ToyNet().eval()
    output = eval_step()(model, BATCH)
    assert output.segments == ((0, 4),)
    assert torch.equal(output.segment_scores[:, 0], output.scores)
    assert torch.allclose(output.scores.sum(1), torch.ones(2))


def entry(name: str, enabled: bool) -> type:
    return type(name, (), {"enabled": staticmethod(lambda cfg: enabled), "__repr__": lambda self: name})


def test_the_one_enabled_entry_is_taken_else_the_default() -> None:
    registry: Registry[type] = Registry("train step")
    registry.register("off")(entry("Off", False))
    assert select(registry, load_config(), PlainTrainStep) is PlainTrainStep
    enabled = entry("On", True)
    registry.register("on")(enabled)
    assert select(registry, load_config(), PlainTrainStep) is enabled


def test_two_enabled_entries_are_refused_by_name() -> None:
    registry: Registry[type] = Registry("train step")
    for name in ("one", "other"):
        registry.register(name)(entry(name, True))
    with pytest.raises(ConfigError, match="each of one, other brings a train step of its own"):
        select(registry, load_config(), PlainTrainStep)


def test_config_without_projects_gets_working_plain_steps() -> None:
    cfg = load_config(None, ["MODEL.ARCH", "slow"])
    model = ToyNet()
    build_train_step(cfg)(model, BATCH, updater_of(model, 0.1))
    assert build_eval_step(cfg)(model.eval(), BATCH).scores.shape == (2, 3)
    assert build_train_step(cfg).state_dict() == {}


def test_pathways_are_picked_before_frames_become_numbers() -> None:
    class Half:
        def pick(self, frames: Tensor) -> list[Tensor]:
            assert frames.dtype == torch.uint8
            return [frames[:, :, ::2], frames]

    model = Listening()
    PlainTrainStep(picker=Half(), normalizer=NORMALIZER, loss=nn.functional.cross_entropy).forward_only(model, BATCH)
    assert [tuple(inputs.shape) for inputs in model.heard[0]] == [(2, 3, 2, 4, 4), (2, 3, 4, 4, 4)]
    assert PICKER.num_pathways == 1
