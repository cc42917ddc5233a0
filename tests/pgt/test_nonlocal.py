"""Progressive non-local blocks: queries from the step, keys and values from what was before it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pgt import progressive
from pgt.operators.nonlocal_block import Context
from slowfast.models import build_model
from slowfast.models.layers.nonlocal_block import NonLocalBlock, NonLocalSpec
from slowfast.models.layers.norm import NormSpec


def make_block() -> NonLocalBlock:
    block = NonLocalBlock(4, inner_channels=2, spec=NonLocalSpec(), norm=NormSpec())
    nn.init.normal_(block.bn.weight)  # type: ignore[arg-type]
    return block.eval()


@pytest.mark.parametrize("context", ["memory", "memory_and_step"])
def test_keys_and_values_come_from_the_step_before(context: Context) -> None:
    block = make_block()
    model = progressive(
        nn.Sequential(block), step_len=4, overlap=1, memory="last", momentum=0.0, nonlocal_context=context
    ).eval()
    first, second = torch.randn(2, 4, 4, 3, 3), torch.randn(2, 4, 3, 3, 3)
    torch.testing.assert_close(model.step(first), block(first))
    seen = first if context == "memory" else torch.cat([first, second], dim=2)
    torch.testing.assert_close(model.step(second), block.attend(second, seen))
    remembered = model.memory()["0"]
    torch.testing.assert_close(remembered, torch.cat([first, second], dim=2)[:, :, -4:])


def test_a_video_does_not_depend_on_what_ran_before_it() -> None:
    model = progressive(nn.Sequential(make_block()), step_len=4, overlap=1, nonlocal_context="memory").eval()
    clip = torch.randn(1, 4, 7, 3, 3)
    alone = [model.step(clip[:, :, :4]), model.step(clip[:, :, 4:])]
    model.step(torch.randn(1, 4, 3, 3, 3))
    model.reset()
    model(torch.randn(3, 4, 4, 3, 3))  # a stray pass
    assert all(torch.equal(a, b) for a, b in zip(alone, [model.step(clip[:, :, :4]), model.step(clip[:, :, 4:])], strict=True))


def test_without_a_context_a_block_attends_to_its_own_step() -> None:
    block = make_block()
    remembers = nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0))
    model = progressive(nn.Sequential(block, remembers), step_len=4, overlap=1).eval()
    attended = []
    block.register_forward_hook(lambda _, inputs, output: attended.append((inputs[0], output)))
    model.step(torch.randn(1, 4, 4, 3, 3))
    model.step(torch.randn(1, 4, 3, 3, 3))
    assert list(model.operators) == ["1"] and list(model.alone) == ["0"]
    alone = make_block()
    alone.load_state_dict(block.state_dict())
    for step, output in attended:
        assert torch.equal(output, alone(step))


@pytest.mark.parametrize(
    ("norm", "parameters"), [("batchnorm", True), ("frozen_batchnorm", True), ("layernorm", False), ("none", False)]
)
def test_configs_choose_context_and_norm(norm: str, parameters: bool, tiny_cfg: Callable[..., Any]) -> None:
    location = [[[]], [[]], [[1]], [[]]]
    model = build_model(tiny_cfg(NONLOCAL__LOCATION=location, NONLOCAL__PROGRESS=True, PGT__NL_NORM=norm)).eval()
    block = next(path for path in model.operators if "nonlocal" in path)
    assert (f"{block}.bn.weight" in model.state_dict()) is parameters
    scores = [model.step([torch.randn(1, 3, frames, 32, 32)]) for frames in (4, 3, 3)]
    assert all(score.isfinite().all() for score in scores)


def test_a_frozen_norm_has_the_scales_and_statistics_of_the_blocks_own_and_holds_them_still() -> None:
    block = make_block()
    plain, x = block.bn, torch.randn(1, 4, 4, 3, 3)
    plain.running_mean.normal_()  # type: ignore[union-attr, operator]
    expected = plain(x)
    model = progressive(
        nn.Sequential(block), step_len=4, overlap=1, nonlocal_context="memory", nonlocal_norm="frozen_batchnorm"
    ).train()
    frozen = model.network[0].bn  # type: ignore[index]
    torch.testing.assert_close(frozen(x), expected)
    assert not list(frozen.parameters()) and set(frozen.state_dict()) == set(plain.state_dict()) - {"num_batches_tracked"}
