"""Hugging Face's V-JEPA 2, whose queries and keys are turned by their place in time, height and width.

What its rotation makes of a score does not depend on the distance in time alone. So keys are remembered before they are turned,
and times are counted anew whenever they are read: local attention counts from the oldest slice that is kept, a slice of causal
attention from the oldest that it sees. So times stay as small as those that the network knows, and are the same for any cut.

B batch, T time slices of a step, F remembered ones, W those that are looked at, P places of a slice, C channels, D channels of
a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pgt.operators.attention_parts import AttentionParts
from pgt.operators.base import MarkovOperator, check_rhythm
from pgt.operators.foreign_tokens import MarkovForeignAttention
from pgt.operators.token_attention import aged
from pgt.operators.token_memory import SeenBefore

if TYPE_CHECKING:
    _Module = nn.Module
else:
    _Module = object  # mixed into the class of a module, which comes behind


class WholeTubelets(MarkovOperator, _Module):
    """`VJEPA2Embeddings`, which repeats the frames of a clip that is shorter than a tubelet: a step must hold whole ones."""

    is_open = True
    reads_frames = False
    prefix = "Stepwise"
    tubelet: int

    def forward(self, pixel_values_videos: Tensor) -> Tensor:
        """(B, frames, 3, H, W) -> tokens (B, T * P, C). Raises StepLengthError."""
        if self.memory.in_step:
            check_rhythm(self.cell.name, pixel_values_videos.shape[1], self.tubelet)
        return super().forward(pixel_values_videos)

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return None


class MarkovRotaryAttention(MarkovForeignAttention, _Module):
    """`VJEPA2RopeAttention`."""

    parts: AttentionParts
    apply_rotary_embeddings: Any

    def forward(self, hidden_states: Tensor, position_mask: Tensor | None = None) -> Any:
        """tokens (B, T * P, C) -> the same shape, and None for weights. Raises AttentionCallError for tokens of which some are
        missing."""
        self.check_options({"position_mask": position_mask})
        if not self.memory.in_step and not self.tokens.causal:
            return super().forward(hidden_states)
        _, num_slices = self.order.of_call(hidden_states, self.memory.rows)
        grid = self.order.layout._replace(time=num_slices)
        _, frames = grid.split(hidden_states)
        before = self.tokens.exchange(self.memory, frames, hidden_states[:, :0])
        if before.is_empty and not self.tokens.causal:
            return super().forward(hidden_states)
        past = aged(before.frames, self.age_offsets).flatten(2).transpose(1, 2)
        seen = torch.cat([past, hidden_states], dim=1)
        queries, keys, values = self.parts.project(self, hidden_states, seen)
        size, reach = before.num_slices, self.tokens.reach
        if reach is None:
            mixed = self._read(before, (queries, size, size + num_slices), (keys, values, 0))
        else:
            parts = []
            for number in range(num_slices):  # each has times of its own
                first, place = max(size + number - reach, 0), slice(number * grid.num_places, (number + 1) * grid.num_places)
                window = slice(first * grid.num_places, (size + number + 1) * grid.num_places)
                own = queries[:, :, place]
                visible = (keys[:, :, window], values[:, :, window], first)
                parts.append(self._read(before, (own, size + number, size + number + 1), visible))
            mixed = torch.cat(parts, dim=1)
        return self.parts.finish(self, mixed), None

    def _read(self, before: SeenBefore, asking: tuple[Tensor, int, int], seen: tuple[Tensor, Tensor, int]) -> Tensor:
        """What queries of slices [start, stop) read of slices [first, stop), (B, L, C), numbered from the oldest of F.

        asking: queries (B, heads, L, D), start, stop. seen: keys and values (B, heads, S, D), first."""
        (queries, start, stop), (keys, values, first) = asking, seen
        numbers = torch.arange(first, stop, device=queries.device)[None]
        absent = 0 if before.present is None else (before.num_slices - before.present.sum(1, keepdim=True))
        times = numbers - torch.as_tensor(absent, device=queries.device).clamp(min=first)  # (B or 1, W), below 0: not there
        keys = self._turned(keys, times)
        queries = self._turned(queries, times[:, start - first :])
        there = None
        if before.present is not None:
            there = (times >= 0).repeat_interleave(self.order.layout.num_places, dim=1)[:, None, None]
        return self.parts.mix(self, queries, keys, values, there, need_weights=False)[0]

    def _turned(self, heads: Tensor, times: Tensor) -> Tensor:
        """heads (B, heads, W * P, D), times (B or 1, W) -> the same shape."""
        places = torch.arange(self.order.layout.num_places, device=heads.device).repeat(times.shape[1])
        time = times.repeat_interleave(self.order.layout.num_places, dim=1)[:, None]
        width = self.order.layout.width
        return self.apply_rotary_embeddings(heads, (time, places // width, places % width))  # type: ignore[no-any-return]


class MarkovPooledQueries(MarkovForeignAttention, _Module):
    """`VJEPA2PoolerCrossAttention`: queries that are learned look at what the newest slice sees, and the step."""

    parts: AttentionParts

    def forward(  # type: ignore[override]
        self, queries: Tensor, keys: Tensor, values: Tensor, attention_mask: Tensor | None = None
    ) -> Any:
        """queries (B, L, C), keys and values one tensor, (B, T * P, C) -> (B, L, C), and None for weights."""
        if keys is not values:
            self.refuse_call("called with keys and values that are not one tensor")
        self.check_options({"attention_mask": attention_mask})
        around = self.surroundings(keys)
        if around is None:
            return super().forward(queries, keys, values)  # type: ignore[call-arg]
        mask = None if around.mask is None else around.mask[:, :, -1:]
        return self.parts.attend(self, queries, around.seen, mask, need_weights=False)

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return None
