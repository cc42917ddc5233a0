"""Each parameter gets the weight decay that is meant for it."""

import pytest
import torch
from torch import nn

from slowfast.config import ConfigError, load_config
from slowfast.engine.optimizer import build_optimizer, parameter_groups, set_learning_rate
from tests.engine.engine_toys import ToyNet


def decays(model: nn.Module, **options: object) -> dict[str, float]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, weight_decay=0.5, norm_weight_decay=0.25, exempt_1d=bool(options.get("exempt_1d")))
    return {names[parameter]: group["weight_decay"] for group in groups for parameter in group["params"]}


def test_norms_have_a_decay_of_their_own() -> None:
    expected = {name: 0.25 if name.startswith("norm") else 0.5 for name, _ in ToyNet().named_parameters()}
    assert decays(ToyNet()) == expected


def test_scales_and_biases_outside_norms_can_be_exempt() -> None:
    found = decays(ToyNet(), exempt_1d=True)
    assert found["conv.bias"] == found["projection.bias"] == 0.0
    assert found["norm.weight"] == found["norm.bias"] == 0.25
    assert found["conv.weight"] == 0.5


def test_frozen_parameters_are_left_out_and_shared_ones_counted_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].bias.requires_grad_(False)
    model[1].weight = model[0].weight
    groups = parameter_groups(model, weight_decay=0.5, norm_weight_decay=0, exempt_1d=False)
    assert [len(group["params"]) for group in groups] == [2]


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_named_optimizer_moves_the_weights(name: str, kind: type[torch.optim.Optimizer]) -> None:
    model = ToyNet()
    optimizer = build_optimizer(load_config(None, ["SOLVER.OPTIMIZING_METHOD", name]), model)
    assert type(optimizer) is kind
    before = model.conv.weight.clone()
    model([torch.rand(2, 3, 4, 4, 4)]).sum().backward()
    set_learning_rate(optimizer, 0.1)
    optimizer.step()
    assert not torch.equal(model.conv.weight, before)


def test_nesterov_without_momentum_names_both_options() -> None:
    with pytest.raises(ConfigError, match=r"SOLVER\.NESTEROV.*SOLVER\.MOMENTUM"):
        build_optimizer(load_config(None, ["SOLVER.MOMENTUM", 0.0]), ToyNet())


def test_nothing_to_train_is_said() -> None:
    with pytest.raises(ConfigError, match="every parameter is frozen"):
        build_optimizer(load_config(), ToyNet().requires_grad_(False))


def test_one_beta_is_not_enough() -> None:
    with pytest.raises(ConfigError, match=r"SOLVER\.BETAS"):
        build_optimizer(load_config(None, ["SOLVER.OPTIMIZING_METHOD", "adam", "SOLVER.BETAS", [0.9]]), ToyNet())
