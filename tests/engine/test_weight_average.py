"""The average of the weights is what its formula says, is what is scored, and goes on exactly."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from slowfast.config import load_config
from slowfast.engine import checkpoint, training
from slowfast.engine.hooks import CheckpointHook, Hook
from slowfast.engine.resume import resume
from slowfast.engine.trainer import Trainer
from slowfast.engine.weight_average import AVERAGED, WeightAverage
from slowfast.models.weights.reading import read_weights
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from tests.engine.engine_toys import ToyNet, toy_trainer


def states_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_the_average_follows_its_formula(decay: float) -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, decay=decay)
    expected = model.weight.detach().double()
    for update in range(1, 30):
        with torch.no_grad():
            model.weight.add_(torch.randn(2, 3, generator=torch.Generator().manual_seed(update)))
        average.update()
        kept = min(decay, (1 + update) / (10 + update))
        expected = kept * expected + (1 - kept) * model.weight.detach().double()
    assert torch.allclose(average.state_of(model)["weight"].double(), expected, atol=1e-5)
    assert average.updates == 29


def test_weights_are_lent_and_given_back_whatever_happens() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model[0].weight.zero_()
    average.update()
    before, wanted = {name: value.clone() for name, value in model.state_dict().items()}, average.state_of(model)
    with pytest.raises(KeyError), average.applied():
        assert states_equal(dict(model.state_dict()), wanted)
        raise KeyError
    assert states_equal(dict(model.state_dict()), before)
    assert states_equal(average.state_of(model), wanted)


def test_weights_that_modules_share_have_one_average() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    average = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model[0].weight.zero_()
    average.update()
    state = average.state_of(model)
    assert torch.equal(state["0.weight"], state["1.weight"]) and state["1.weight"].any()


class Follows(Hook):
    """The average as another one would have it, from the weights after each update."""

    def __init__(self, model: nn.Module) -> None:
        self.average = WeightAverage(model, decay=0.9)
        self.due = False

    def after_iteration(self, trainer: Trainer) -> None:
        self.due = trainer.within_update
        if not self.due:
            self.average.update()

    def after_last_iteration(self, trainer: Trainer) -> None:
        if self.due:
            self.average.update()


@pytest.mark.parametrize("accumulate", [1, 4])
def test_training_averages_over_updates_and_tests_read_the_average(accumulate: int, tmp_path: Path) -> None:
    model = ToyNet()
    other = Follows(model)
    saving = CheckpointHook(output_dir=tmp_path, period=1, minutes=0, cfg_text="")
    trainer = toy_trainer(model, accumulate=accumulate, ema_decay=0.9, hooks=[other, saving])
    trainer.train()
    wanted = other.average.state_of(model)
    assert other.average.updates == {1: 12, 4: 4}[accumulate]
    assert states_equal(trainer.state_dict()[AVERAGED], wanted)
    assert not states_equal(dict(model.state_dict()), wanted)
    assert states_equal(read_weights(checkpoint.last_path(tmp_path)), wanted)


def test_a_resumed_training_has_the_same_weights_and_the_same_average(tmp_path: Path) -> None:
    torch.manual_seed(0)
    saving = CheckpointHook(output_dir=tmp_path, period=1, minutes=0, cfg_text="")
    whole = toy_trainer(ToyNet(), ema_decay=0.9, num_epochs=3, hooks=[saving])
    whole.train()
    path = checkpoint.kept_path(tmp_path, 1)
    again = toy_trainer(ToyNet(), ema_decay=0.9, num_epochs=3)
    resume(again, path, checkpoint.load(path))
    again.train()
    assert states_equal(dict(again.model.state_dict()), dict(whole.model.state_dict()))
    assert states_equal(again.state_dict()[AVERAGED], whole.state_dict()[AVERAGED])
    assert again.state_dict()["average_updates"] == 18


def test_an_average_that_begins_in_the_middle_of_a_training_begins_with_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saving = CheckpointHook(output_dir=tmp_path, period=1, minutes=0, cfg_text="")
    toy_trainer(ToyNet(), num_epochs=1, hooks=[saving]).train()
    path = checkpoint.last_path(tmp_path)
    again = toy_trainer(ToyNet(), ema_decay=0.9)
    with caplog.at_level(logging.INFO):
        resume(again, path, checkpoint.load(path))
    assert "begins with the weights as they are" in caplog.text
    assert states_equal(again.state_dict()[AVERAGED], dict(again.model.state_dict()))


def test_validation_scores_the_average(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ToyNet()
    average = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model.conv.weight.zero_()
    scored: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(training, "evaluate", lambda **given: scored.append(dict(given["model"].state_dict())))
    monkeypatch.setattr(training, "build_eval_step", lambda cfg: None)
    monkeypatch.setattr(training, "build_evaluation", lambda cfg, **given: None)
    place, loader = Place(torch.device("cpu"), 0), SimpleNamespace(dataset=None)
    validate = training._validation(load_config(), place, model, average, loader, StopRequest())
    assert validate is not None and validate() is None
    assert states_equal(scored[0], average.state_of(model))
    assert not model.conv.weight.any()
