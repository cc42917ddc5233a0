"""Norms folded into convolutions: the same scores, and nothing of it stays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgt import progressive
from slowfast.models.folding import FoldingError, fold_norms, foldable_pairs, norms_folded
from slowfast.models.layers.norm import FrozenBatchNorm3d, NormSpec
from slowfast.models.resnet.block import BasicTransform, BlockSpec, Bottleneck
from tests.golden_weights import fill_by_recipe

NORMS = (nn.BatchNorm3d, FrozenBatchNorm3d)

Make = Callable[..., Any]


def norms_that_run(model: nn.Module, run: Callable[[], object]) -> int:
    """Norms whose own computation a run takes."""
    ran: list[nn.Module] = []
    kinds = {kind: kind.forward for kind in NORMS}
    try:
        for kind, forward in kinds.items():

            def counted(self: nn.Module, x: Tensor, forward: Any = forward) -> Any:
                ran.append(self)
                return forward(self, x)

            kind.forward = counted  # type: ignore[method-assign, assignment]
        run()
    finally:
        for kind, forward in kinds.items():
            kind.forward = forward  # type: ignore[method-assign]
    return len(ran)


NONLOCAL = {"NONLOCAL__LOCATION": [[[]], [[0, 1]], [[1]], [[]]]}


def filled(model: nn.Module) -> nn.Module:
    """With norms that do something."""
    fill_by_recipe(model, "zoo")
    return model.eval()


@pytest.mark.parametrize("norm", ["batchnorm", "frozen_batchnorm"])
@torch.no_grad()
def test_scores_are_those_of_norms_by_themselves(tiny: Make, clip: Make, variant: str, norm: str) -> None:
    model = filled(tiny(variant, BN__NORM_TYPE=norm, **({} if variant not in ("c2d", "i3d", "slow") else NONLOCAL)))
    model.double()
    parts = [set(vars(part)) for part in model.modules()]
    inputs = [pathway.double() for pathway in clip(variant)]
    wanted, before = model(inputs), copy.deepcopy(model.state_dict())
    plainly = norms_that_run(model, lambda: model(inputs))
    with norms_folded(model):
        got = model(inputs)
        folded = norms_that_run(model, lambda: model(inputs))
        within = model.state_dict()
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    assert (plainly > 0, folded) == (True, 0)
    for state in (within, model.state_dict()):
        assert all(torch.equal(state[name], value) for name, value in before.items())
    assert torch.equal(model(inputs), wanted)
    assert [set(vars(part)) for part in model.modules()] == parts


@pytest.mark.parametrize("operator", ["local", "causal"])
@torch.no_grad()
def test_steps_give_the_same_scores_and_memory(tiny: Make, clip: Make, variant: str, operator: Any) -> None:
    slowfast = variant == "slowfast"
    network = filled(tiny(variant, BN__NORM_TYPE="frozen_batchnorm")).double()
    lengths = {"step_len": [4, 16] if slowfast else 4, "overlap": [2, 8] if slowfast else 2}
    model = progressive(network, memory="last" if operator == "causal" else "max", operator=operator, **lengths)  # type: ignore[arg-type]
    inputs = [pathway.double() for pathway in clip(variant, frames=16 if slowfast else 4)]

    def steps() -> tuple[Tensor, dict[str, Tensor]]:
        model.reset()
        return torch.stack([model.step(inputs), model.step(inputs)]), model.memory()

    wanted, remembered = steps()
    with norms_folded(model):
        got, memory = steps()
        assert norms_that_run(model, steps) == 0
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    for name, frames in memory.items():
        torch.testing.assert_close(frames, remembered[name], rtol=1e-9, atol=1e-9, msg=name)


@torch.no_grad()
def test_an_error_within_leaves_nothing_behind(tiny: Make) -> None:
    model = tiny("slow")
    parts = [set(vars(part)) for part in model.modules()]
    with pytest.raises(ValueError, match="pathway"), norms_folded(model):
        model([])
    assert [set(vars(part)) for part in model.modules()] == parts


def test_networks_that_learn_are_refused(tiny: Make) -> None:
    model = tiny("slow")
    with pytest.raises(FoldingError, match="gradients are on"), norms_folded(model):
        pass
    with pytest.raises(FoldingError, match="training mode"), torch.no_grad(), norms_folded(model.train()):
        pass


class OtherOrder(BasicTransform):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b_bn(self.b(self.a_relu(self.a_bn(self.a(x))))) * 2
        return out


class CenteredConv(nn.Conv3d):
    """Its weight is not what it convolves with."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(input, weight - weight.mean(), bias)


def test_what_is_not_plain_stays_as_it_is() -> None:
    spec = BlockSpec(in_channels=4, out_channels=4, inner_channels=4)
    assert foldable_pairs(OtherOrder(spec).eval()) == []
    block = Bottleneck(spec).eval()
    assert len(foldable_pairs(block)) == 3
    handle = block.a_bn.register_forward_hook(lambda *_: None)
    assert [conv for conv, _ in foldable_pairs(block)] == [block.b, block.c]
    handle.remove()
    nn.utils.parametrizations.weight_norm(block.a)
    block.b.__class__ = CenteredConv
    assert [conv for conv, _ in foldable_pairs(block)] == [block.c]
    block.c_bn.train()
    assert foldable_pairs(block) == []
    shared = Bottleneck(BlockSpec(in_channels=4, out_channels=4, inner_channels=4, style=_frozen())).train()
    shared.c = shared.a
    assert [conv for conv, _ in foldable_pairs(shared)] == [shared.b]


def _frozen() -> Any:
    from slowfast.models.resnet.block import BlockStyle

    return BlockStyle(norm=NormSpec(kind="frozen_batchnorm"))


@pytest.mark.parametrize("norm", ["batchnorm", "frozen_batchnorm"])
@torch.no_grad()
def test_norms_folded_for_good_leave_the_same_scores_and_a_network_without_them(
    tiny: Make, clip: Make, variant: str, norm: str
) -> None:
    model = filled(tiny(variant, BN__NORM_TYPE=norm)).double()
    inputs = [pathway.double() for pathway in clip(variant)]
    wanted, pairs = model(inputs), len(foldable_pairs(model))
    assert fold_norms(model) == pairs > 0
    torch.testing.assert_close(model(inputs), wanted)
    assert not [module for module in model.modules() if isinstance(module, NORMS)]
    assert not [name for name in model.state_dict() if "running" in name]
    assert fold_norms(model) == 0


def test_norms_of_a_network_that_learns_are_not_folded_for_good(tiny: Make) -> None:
    model = tiny("slow").train()
    with pytest.raises(FoldingError):
        fold_norms(model)
