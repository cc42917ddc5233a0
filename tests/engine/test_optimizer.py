"""Each parameter gets the weight decay that is meant for it, and the update that its optimizer is known for."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slowfast.config import ConfigError, load_config
from slowfast.engine.optimizer import build_optimizer, load_optimizer_state, parameter_groups, set_learning_rate
from slowfast.engine.updater import Updater
from slowfast.runtime.precision import Precision
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


KINDS = [
    ("sgd", "SOLVER.MOMENTUM", 0.9, torch.optim.SGD),
    ("adam", "SOLVER.WEIGHT_DECAY", 0.01, torch.optim.Adam),
    ("adamw", "SOLVER.WEIGHT_DECAY", 0.01, torch.optim.AdamW),
]


def moved(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], *, updates: range) -> Tensor:
    for update in updates:
        generator = torch.Generator().manual_seed(update)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


@pytest.mark.parametrize(("name", "key", "value", "kind"), KINDS)
def test_one_kernel_for_many_parameters_makes_the_same_updates_and_takes_over_older_states(
    name: str, key: str, value: float, kind: type[torch.optim.Optimizer]
) -> None:
    cfg = load_config(overrides=["SOLVER.OPTIMIZING_METHOD", name, key, str(value), "SOLVER.BASE_LR", "0.1"])

    def fresh() -> tuple[torch.optim.Optimizer, list[nn.Parameter]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
        optimizer = build_optimizer(cfg, model)
        return optimizer, [parameter for group in optimizer.param_groups for parameter in group["params"]]

    fused, parameters = fresh()
    assert isinstance(fused, kind) and fused.defaults["fused"]
    together = moved(fused, parameters, updates=range(5))

    def one_by_one(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        own = [{key: value for key, value in group.items() if key not in ("fused", "foreach")} for group in groups]
        return kind(own, lr=0.1, fused=False, foreach=False)

    plain, own = fresh()
    plain = one_by_one(plain.param_groups)
    first = moved(plain, own, updates=range(3)).clone()
    assert torch.allclose(moved(plain, own, updates=range(3, 5)), together, rtol=1e-5, atol=1e-6)

    earlier, copies = fresh()
    before = one_by_one(earlier.param_groups)
    assert torch.equal(moved(before, copies, updates=range(3)), first)
    names = [str(number) for number in range(len(copies))]
    load_optimizer_state(earlier, before.state_dict(), names=names, saved_names=names, saved_kind=kind.__name__)
    assert earlier.param_groups[0]["fused"]
    assert torch.allclose(moved(earlier, copies, updates=range(3, 5)), together, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "key", "value", "kind"), KINDS)
def test_an_update_whose_scaled_gradient_overflows_is_left_out(
    name: str, key: str, value: float, kind: type[torch.optim.Optimizer]
) -> None:
    cfg = load_config(overrides=["SOLVER.OPTIMIZING_METHOD", name, key, str(value)])
    model = nn.Linear(2, 2)
    updater = Updater(
        parameters=list(model.parameters()),
        optimizer=build_optimizer(cfg, model),
        device=torch.device("cpu"),
        precision=Precision("fp16"),
    )
    before = model.weight.detach().clone()
    updater.accumulate((model.weight - model.weight.detach()).abs().sqrt().sum())
    updater.apply()
    assert torch.equal(model.weight, before)
    updater.accumulate(model.weight.sum())
    updater.apply()
    assert not torch.equal(model.weight, before) and model.weight.isfinite().all()
