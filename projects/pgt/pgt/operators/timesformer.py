"""Hugging Face's TimeSformer with attention along time and across space, step by step.

Its tokens are class tokens, then those of places, place by place, and of a place time slice by time slice. A clip has one class
token; in a causal network each time slice has one, so that none says anything of later ones, and the last is the clip's.

B batch, T time slices, P places of a slice, E class tokens (1 or T), C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pgt.cell import Cell
from pgt.operators.attention_parts import AttentionParts
from pgt.operators.base import MarkovOperator
from pgt.operators.foreign_tokens import MarkovForeignAttention, TokenLayoutError
from pgt.operators.time_positions import rows_by_clock

if TYPE_CHECKING:
    _Module = nn.Module
else:
    _Module = object  # mixed into the class of a module, which comes behind


class TimesformerPositions(MarkovOperator, _Module):
    """`TimesformerEmbeddings`. Positions in time begin anew with every step; in a causal network they are those of the number
    of a slice in its video, modulo the length of the table. clock: counts the slices; None: begin anew."""

    prefix = "Stepwise"
    reads_frames = False
    num_places: int
    clock: Cell | None

    if TYPE_CHECKING:
        cls_token: Tensor
        position_embeddings: Tensor
        time_embeddings: Tensor
        patch_embeddings: Any
        pos_drop: Any
        time_drop: Any

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> tokens (B, E + P * T, C). Raises TokenLayoutError for pictures of another size."""
        batch, num_slices = pixel_values.shape[:2]
        patches, _, _ = self.patch_embeddings(pixel_values)
        if patches.shape[1] != self.num_places:
            raise TokenLayoutError(
                f"{self.cell.name}: pictures of {patches.shape[1]} places; right would be: {self.num_places}, as in its config"
            )
        places = self.pos_drop(patches + self.position_embeddings[:, 1:]).unflatten(0, (batch, num_slices))
        class_token = self.pos_drop(self.cls_token + self.position_embeddings[:, :1])
        table = self.time_embeddings[0].unsqueeze(1)
        if self.clock is not None:
            rows = rows_by_clock(self.memory, self.clock, places, table)
        else:
            rows = table[torch.arange(num_slices, device=table.device) % len(table)]
        places = self.time_drop(places + rows).transpose(1, 2).flatten(1, 2)
        own = 1 if self.clock is None else num_slices
        return torch.cat([class_token.expand(batch, own, -1), places], dim=1)

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return _places(tensor, self.num_places, causal=self.clock is not None)[1]


class NewestClassToken(MarkovOperator, _Module):
    """`TimesformerEncoder` of a causal network: of the class tokens the last is left."""

    is_open = True
    reads_frames = False
    prefix = "Causal"
    num_places: int

    def forward(self, hidden_states: Tensor, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        """tokens (B, T + P * T, C) -> what the plain encoder returns, with tokens (B, 1 + P * T, C)."""
        outputs: Any = super().forward(hidden_states, *args, **options)
        class_tokens, places = _places(outputs[0], self.num_places, causal=True)
        newest = torch.cat([class_tokens[:, -1:], places.flatten(1, 2)], dim=1)
        if isinstance(outputs, tuple):
            return (newest, *outputs[1:])
        outputs.last_hidden_state = newest
        return outputs

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return _places(tensor, self.num_places, causal=False)[1] if tensor.dim() == 3 else None


class MarkovTimesformerLayer(MarkovForeignAttention, _Module):
    """`TimesformerLayer`: attention along time remembers; that across space sees a frame, and the class token beside it."""

    parts: AttentionParts

    if TYPE_CHECKING:
        temporal_layernorm: Any
        temporal_attention: Any
        temporal_dense: Any
        layernorm_before: Any
        attention: Any
        layernorm_after: Any
        intermediate: Any
        output: Any
        drop_path: Any

    def forward(self, hidden_states: Tensor, output_attentions: bool = False) -> Any:
        """tokens (B, E + P * T, C) -> a tuple of tokens and, if asked for, weights of attention across space."""
        causal = self.tokens.causal
        class_tokens, x = _places(hidden_states, self.order.layout.num_places, causal=causal)
        along_time = self.drop_path(self._along_time(self.temporal_layernorm(x).flatten(0, 1)))
        x = x + self.temporal_dense(along_time.view_as(x))
        frames = x.transpose(1, 2)
        beside = class_tokens.expand(-1, frames.shape[1], -1).unsqueeze(2)
        across = self.layernorm_before(torch.cat([beside, frames], dim=2).flatten(0, 1))
        seen, *weights = self.attention(across, output_attentions=output_attentions)
        seen = self.drop_path(seen).unflatten(0, frames.shape[:2])
        said = seen[:, :, 0] if causal else seen[:, :, 0].mean(1, keepdim=True)
        tokens = torch.cat([class_tokens + said, (x + seen[:, :, 1:].transpose(1, 2)).flatten(1, 2)], dim=1)
        found = self.output(self.intermediate(self.layernorm_after(tokens)))
        return (tokens + self.drop_path(found), *weights)

    def _along_time(self, x: Tensor) -> Tensor:
        """x (B * P, T, C) -> the same shape."""
        around = self.along_time(x)
        if around is None:
            return self.temporal_attention(x)[0]  # type: ignore[no-any-return]
        inner = self.temporal_attention.attention
        mixed, _ = self.parts.attend(inner, x, around.seen, around.mask, need_weights=False)
        return self.temporal_attention.output(mixed)  # type: ignore[no-any-return]

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return _places(tensor, self.order.layout.num_places, causal=self.tokens.causal)[1] if tensor.dim() == 3 else None


def _places(tokens: Tensor, num_places: int, *, causal: bool) -> tuple[Tensor, Tensor]:
    """tokens (B, E + P * T, C) -> class tokens (B, E, C), and places (B, P, T, C): views."""
    own = tokens.shape[1] // (num_places + 1) if causal else 1
    places: Tensor = tokens[:, own:].unflatten(1, (num_places, -1))
    return tokens[:, :own], places
