"""What all video transformers here have in common: a stem, a chain of blocks, and a head."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from slowfast.models.layers.checkpointing import Checkpointing, checkpointed
from slowfast.models.transformers.positions import PlacePositions, TimePositions, resized_over_time
from slowfast.models.weights.names.naming import AnyNaming

logger = logging.getLogger(__name__)


class TokenNetwork(nn.Module):
    """A network of tokens, whose chain of blocks is called "blocks"."""

    num_pathways = 1
    checkpointing: Checkpointing = "none"
    """With "blocks" training keeps the inputs of blocks alone, and runs them again when gradients need what is inside."""

    blocks: nn.ModuleList
    time_positions: TimePositions
    place_positions: PlacePositions
    last_parts: tuple[str, ...] = ("norm", "fc_norm", "head")
    """Modules behind the blocks."""
    tables: tuple[str, ...] = ()
    """Parameters that are added and multiply nothing, class tokens and positions: weight decay is kept from them."""

    time_tables: tuple[str, ...] = ("pos_embed_temporal",)
    place_tables: tuple[str, ...] = ("pos_embed_spatial",)
    """Those of them that have a row, (1, R, C), for each time slice, or for each place of a picture, perhaps behind others."""
    namings: tuple[AnyNaming, ...] = ()
    """Names of others that mean something else in other networks, so that only this one can tell."""

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

    def adopted(self, state: Mapping[str, Tensor], *, of_pictures: bool) -> dict[str, Tensor]:
        """Weights of others under the names of this network, and positions for its number of frames and size of pictures, which
        the log says. of_pictures: whether those of a network of pictures are taken, too."""
        naming = next((naming for naming in self.namings if naming.recognises(state)), None)
        adopted = dict(state) if naming is None else naming.translate(state)
        for name in (*self.time_tables, *self.place_tables):
            own, table = getattr(self, name, None), adopted.get(name)
            if own is None or table is None or table.dim() != 3 or table.shape[1] == own.shape[1]:
                continue
            fitted = self._over_time(table, own) if name in self.time_tables else self._over_places(table, own)
            if fitted is not None:
                logger.info("%s: %d rows are interpolated for %d", name, table.shape[1], own.shape[1])
                adopted[name] = fitted
        return adopted

    def _over_time(self, table: Tensor, own: Tensor) -> Tensor:
        return resized_over_time(table.transpose(0, 1), own.shape[1], self.time_positions.mode).transpose(0, 1)

    def _over_places(self, table: Tensor, own: Tensor) -> Tensor | None:
        """None for a table that is not that of a square picture."""
        here = self.place_positions
        extra = own.shape[1] - here.height * here.width
        side = math.isqrt(max(0, table.shape[1] - extra))
        if side == 0 or side**2 + extra != table.shape[1]:
            return None
        there = PlacePositions(side, side, here.mode)
        return torch.cat([table[:, :extra], there(table[:, extra:], here.height, here.width)], dim=1)


def mean_score(head: nn.Module, positions: Tensor) -> Tensor:
    """positions (B, t, C), as many as a pooling over time has left -> (B, K), what the head says of them, averaged."""
    rows: Tensor = head(positions.flatten(0, 1))
    return rows.view(*positions.shape[:2], -1).mean(1)
