"""Whatever mixes tokens of several time slices in its own forward is found by running the network, and named by its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pgt import UnsupportedOperatorError, VerificationError, progressive
from tests.pgt.foreign_attention import Residual, SeparateAttention, TimmAttention
from tests.pgt.foreign_transformers import CHANNELS, Tokens, clip, layout

LENGTH = 4 * 6


class Mixes(nn.Module):
    """A block that does something to tokens (B, L, C) beside a layer of its own."""

    def __init__(self, operation: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.norm, self.layer, self.operation = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, CHANNELS), operation
        self.table = nn.Parameter(torch.randn(LENGTH, LENGTH))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.operation(self, self.norm(x))


def functional_attention(block: Mixes, x: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(block.layer(x), x, x)


def attention_by_hand(block: Mixes, x: Tensor) -> Tensor:
    return (block.layer(x) @ x.transpose(1, 2)).softmax(-1) @ x


def neighbours(block: Mixes, x: Tensor) -> Tensor:
    """A convolution over the tokens of a row."""
    return functional.conv1d(x.transpose(1, 2), block.layer.weight[..., None].expand(-1, -1, 3), padding=1).transpose(1, 2)


class MlpMixer(nn.Module):
    """A linear layer over tokens (Tolstikhin et al., arXiv:2105.01601)."""

    def __init__(self) -> None:
        super().__init__()
        self.mixing = nn.Linear(LENGTH, LENGTH)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.mixing(x.transpose(1, 2)).transpose(1, 2)
        return found


OPERATIONS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "functional attention": functional_attention,
    "attention by hand": attention_by_hand,
    "learned table": lambda block, x: torch.einsum("lm,bmc->blc", block.table, block.layer(x)),
    "mean over tokens": lambda block, x: block.layer(x) - x.mean(1, keepdim=True),
    "fourier": lambda block, x: torch.fft.fft2(x).real,
    "shift": lambda block, x: block.layer(x).roll(12, 1),
    "running sum": lambda block, x: block.layer(x).cumsum(1),
    "convolution": neighbours,
}


def make(block: nn.Module, **options: Any) -> Any:
    torch.manual_seed(0)
    network = Tokens([Residual(TimmAttention()), block, Residual(TimmAttention())]).double().eval()
    return progressive(network, step_len=4, overlap=0, tokens=layout(), **options)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("operator", ["local", "causal"])
def test_mixing_in_a_forward_is_named_by_the_path_of_its_module(name: str, operator: Any) -> None:
    with pytest.raises(VerificationError, match=r"^blocks\.1: looks across time in its forward.*register_operator.*leave"):
        make(Mixes(OPERATIONS[name]), operator=operator, sample=clip())
    assert "blocks.1" in make(Mixes(OPERATIONS[name]), leave=["blocks.1"]).alone


@pytest.mark.parametrize("operator", ["local", "causal"])
def test_a_layer_over_tokens_is_named_itself(operator: Any) -> None:
    with pytest.raises(VerificationError, match=r"^blocks\.1\.mixing: looks across time without remembering"):
        make(MlpMixer(), operator=operator, sample=clip())


def test_what_mixes_nothing_passes() -> None:
    make(Mixes(lambda block, x: block.layer(x).relu()), sample=clip())


def test_networks_in_which_nothing_remembers_are_refused_with_what_was_found() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"^network: nothing in it remembers"):
        progressive(Tokens([Mixes(functional_attention)]), step_len=4, overlap=0)
    tubelets = nn.Conv3d(3, CHANNELS, (2, 4, 4), stride=(2, 4, 4))
    with pytest.raises(UnsupportedOperatorError, match=r"^network: nothing in it remembers.*; 0: no window crosses a border"):
        progressive(nn.Sequential(tubelets, nn.Flatten(2)), step_len=4, overlap=0)
    with pytest.raises(UnsupportedOperatorError, match=r"; blocks\.0: left as it is"):
        progressive(Tokens([SeparateAttention()]), step_len=4, overlap=0, leave=["blocks.0"])
