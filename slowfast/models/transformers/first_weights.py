"""First weights of networks of tokens, as their papers' code draws them."""

from __future__ import annotations

from torch import Tensor, nn

STD = 0.02
"""Standard deviation of normal numbers, of which those beyond 2 are drawn again."""


def draw_table(table: Tensor) -> None:
    """Of a class token, or of positions that are learned."""
    nn.init.trunc_normal_(table, std=STD)


def draw_linear_weights(network: nn.Module) -> None:
    """Linear layers normal, their biases zero. Norms, and convolutions that make tokens, stay as PyTorch draws them."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
