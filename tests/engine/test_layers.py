"""Layers nearer to the input learn more slowly, by the factor that is asked for, and what a network exempts does not decay."""

import copy

import pytest
import torch
from torch import nn

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.engine.layers import rate_factors, without_decay
from slowfast.engine.optimizer import build_optimizer, load_optimizer_state, parameter_names, set_learning_rate
from slowfast.models import build_model
from tests.engine.engine_toys import ToyNet


class Layered(nn.Module):
    """A stem with a table of positions, three blocks, a norm and a head."""

    num_layers = 3

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.pos_embed = nn.Parameter(torch.ones(1, 5, 4))
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def layer_of(self, name: str) -> int:
        part, _, rest = name.partition(".")
        if part == "blocks":
            return int(rest.split(".")[0]) + 1
        return 0 if part in ("stem", "pos_embed") else self.num_layers + 1

    def no_weight_decay(self) -> tuple[str, ...]:
        return ("pos_embed",)


class Wrapped(nn.Module):
    """Somebody's network around one that knows its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Layered()
        self.gate = nn.Linear(2, 2)


def config(**solver: object) -> CfgNode:
    options = {"LAYER_DECAY": 0.5, "OPTIMIZING_METHOD": "adamw", "ZERO_WD_1D_PARAM": True, "WEIGHT_DECAY": 0.05} | solver
    return load_config(overrides=[part for key, value in options.items() for part in (f"SOLVER.{key}", value)])


def rates(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, float]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[parameter]: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}


def decays(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, float]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[parameter]: group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}


def test_each_layer_has_the_factor_times_the_rate_of_the_next() -> None:
    model = Layered()
    optimizer = build_optimizer(config(), model)
    set_learning_rate(optimizer, 0.8)
    found = rates(optimizer, model)
    assert found["norm.weight"] == found["head.weight"] == found["head.bias"] == 0.8
    assert [found[f"blocks.{block}.weight"] for block in range(3)] == [0.1, 0.2, 0.4]
    assert found["stem.weight"] == found["pos_embed"] == 0.05


def test_rates_are_those_of_the_formula_after_every_change_of_the_rate() -> None:
    model = Layered()
    optimizer = build_optimizer(config(LAYER_DECAY=0.75), model)
    for rate in (0.3, 0.1, 1e-6):
        set_learning_rate(optimizer, rate)
        for name, found in rates(optimizer, model).items():
            assert found == rate * 0.75 ** (model.num_layers + 1 - model.layer_of(name))


def test_layers_are_found_within_what_is_wrapped_around_the_network() -> None:
    model = Wrapped()
    factors = rate_factors(model, 0.5)
    assert factors[model.network.stem.weight] == 0.5**4
    assert factors[model.gate.weight] == 1.0
    assert without_decay(model) == {model.network.pos_embed}


def test_blocks_of_a_transformer_are_its_layers_and_its_tables_do_not_decay() -> None:
    network = ["MODEL.MODEL_NAME", "MViT", "MODEL.ARCH", "mvit", "MVIT.DEPTH", 3, "DATA.INPUT_CHANNEL_NUM", [3]]
    solver = ["SOLVER.LAYER_DECAY", 0.5, "SOLVER.ZERO_WD_1D_PARAM", True, "SOLVER.WEIGHT_DECAY", 0.05]
    cfg = load_config(overrides=[*network, *solver, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32])
    model = build_model(cfg)
    optimizer = build_optimizer(cfg, model)
    set_learning_rate(optimizer, 1.0)
    found = rates(optimizer, model)
    assert found["head.projection.weight"] == 1.0 and found["cls_token"] == found["patch_embed.proj.weight"] == 0.5**4
    assert [found[f"blocks.{block}.mlp.fc1.weight"] for block in range(3)] == [0.5**3, 0.5**2, 0.5]
    decayed = decays(optimizer, model)
    assert {decayed[name] for name in decayed if name.startswith(("cls_token", "pos_embed"))} == {0.0}
    assert decayed["blocks.0.mlp.fc1.weight"] == 0.05


def test_a_factor_of_one_asks_no_network_for_its_layers() -> None:
    model = ToyNet()
    assert set(rate_factors(model, 1.0).values()) == {1.0}
    optimizer = build_optimizer(config(LAYER_DECAY=1.0), model)
    set_learning_rate(optimizer, 0.1)
    assert set(rates(optimizer, model).values()) == {0.1}


def test_a_network_without_layers_is_told_so() -> None:
    with pytest.raises(ConfigError, match=r"SOLVER\.LAYER_DECAY = 0\.5: ToyNet does not say .*right would be: 1\.0"):
        build_optimizer(config(), ToyNet())


@pytest.mark.parametrize("value", [0.0, -0.5, 1.5])
def test_factors_beyond_their_range_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"SOLVER\.LAYER_DECAY"):
        config(LAYER_DECAY=value)


def test_what_a_network_exempts_has_no_weight_decay() -> None:
    model = Layered()
    found = decays(build_optimizer(config(), model), model)
    assert found["pos_embed"] == found["stem.bias"] == 0.0
    assert found["stem.weight"] == found["blocks.2.weight"] == 0.05


def train(model: nn.Module, optimizer: torch.optim.Optimizer, updates: range) -> None:
    for update in updates:
        generator = torch.Generator().manual_seed(update)
        set_learning_rate(optimizer, 0.1 / (update + 1))
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


def test_training_that_goes_on_from_a_state_keeps_the_factors_to_the_bit() -> None:
    torch.manual_seed(0)
    whole = Layered()
    first = copy.deepcopy(whole)
    train(whole, build_optimizer(config(), whole), range(4))
    optimizer = build_optimizer(config(), first)
    train(first, optimizer, range(2))
    second = copy.deepcopy(first)
    again = build_optimizer(config(), second)
    names = parameter_names(optimizer, first)
    load_optimizer_state(again, optimizer.state_dict(), names=names, saved_names=names, saved_kind="AdamW")
    train(second, again, range(2, 4))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
