"""What all video transformers here have in common: a stem, a chain of blocks, and a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.models.layers.checkpointing import Checkpointing, checkpointed


class TokenNetwork(nn.Module):
    """A network of tokens, whose chain of blocks is called "blocks"."""

    num_pathways = 1
    checkpointing: Checkpointing = "none"
    """With "blocks" training keeps the inputs of blocks alone, and runs them again when gradients need what is inside."""

    blocks: nn.ModuleList
    last_parts: tuple[str, ...] = ("norm", "fc_norm", "head")
    """Modules behind the blocks."""
    tables: tuple[str, ...] = ()
    """Parameters that are added and multiply nothing, class tokens and positions: weight decay is kept from them."""

    @staticmethod
    def clip_of(inputs: Sequence[Tensor]) -> Tensor:
        """The one tensor of a network with one pathway. Raises ValueError for another number of pathways."""
        if len(inputs) != 1:
            raise ValueError(f"this network reads one pathway but was given {len(inputs)}")
        return inputs[0]

    @property
    def num_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def layer_of(self, name: str) -> int:
        """How deep the parameter of that name stands: 0 for stem, class token and positions, i + 1 for block i, and
        num_layers + 1 for what follows."""
        first, _, rest = name.partition(".")
        if first == "blocks":
            return int(rest.partition(".")[0]) + 1
        return self.num_layers + 1 if first in self.last_parts else 0

    def no_weight_decay(self) -> set[str]:
        """Names of parameters, besides norms and biases, that are trained without it."""
        return {name for name in self.tables if getattr(self, name, None) is not None}

    def run_block(self, block: nn.Module, *inputs: Any) -> Any:
        """What the block makes of its inputs, the first of which are tokens."""
        if self.checkpointing == "none" or not (self.training and torch.is_grad_enabled()):
            return block(*inputs)
        return checkpointed(block, *inputs)
