"""Attention of networks that we did not write: how its tokens lie, call by call, and what they look at besides their own step.

B rows of the batch, N rows of a call, L tokens of a row, S tokens that they look at, T time slices, F remembered ones, P places
of a slice, E extra tokens, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor, nn

from pgt.operators.base import MarkovOperator
from pgt.operators.token_attention import aged
from pgt.operators.token_memory import TokenMemory
from slowfast.errors import UserError
from slowfast.models.transformers.grid import TokenGrid


class TokenLayoutError(UserError, ValueError):
    """Tokens that do not lie as `progressive` was told. The text names the attention's path and what would be right."""


class AttentionCallError(UserError, TypeError):
    """An attention that is called in a way which its memory does not know. The text names its path."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """seen: (N, S, C), what the tokens of a call look at. mask: bool (N or 1, 1, L, S), true where they do; None: at all."""

    seen: Tensor
    mask: Tensor | None


Order = Literal["clip", "along time"]


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """layout: of a clip's tokens. path: of the attention."""

    layout: TokenGrid
    path: str

    def of_call(self, x: Tensor, batch: int | None) -> tuple[Order, int]:
        """How the tokens x (N, L, C) of a call lie, and how many time slices they have.

        "clip": a row is a clip, (B, E + T * P, C). "along time": a row is a place of a clip, (B * P, T, C). batch: B; None
        where it is not known, so that a row is a clip. Raises TokenLayoutError.
        """
        rows, length, _ = x.shape
        places, extra = self.layout.num_places, self.layout.extra
        batch = rows if batch is None else batch
        if rows == batch and length > extra and (length - extra) % places == 0:
            return "clip", (length - extra) // places
        along_time = places > 1 and rows == batch * places
        within_frames = rows % batch == 0 and rows > batch and length in (places, extra + places)
        if along_time and within_frames:
            why = f"{rows} rows may be {places} places each or {places} time slices each; right would be: another step length"
        elif along_time:
            return "along time", length
        elif within_frames:
            why = f"{rows} rows are {rows // batch} time slices each of {batch} clips; right would be: its path in `leave`"
        else:
            one, many = extra + places, extra + self.layout.time * places
            why = f"a batch of {batch} clips has rows of {one} tokens for a time slice, {many} for {self.layout.time}; right "
            why += "would be: tokens=TokenLayout(...) as they lie, or its path in `leave` where it does not look across time"
        told = ", ".join(f"{name}={size}" for name, size in self.layout._asdict().items())
        raise TokenLayoutError(f"{self.path}: sees {length} tokens in {rows} rows, but TokenLayout({told}): {why}")


class MarkovForeignAttention(MarkovOperator):
    """What operators of such attention have in common. They call `surroundings` once, with the step's tokens."""

    tokens: TokenMemory
    order: TokenOrder
    age_offsets: nn.Parameter | None

    def surroundings(self, x: Tensor) -> Surroundings | None:
        """x (N, L, C); what its tokens look at. None: at each other, as in the plain module. Raises TokenLayoutError."""
        if not self.memory.in_step and not self.tokens.causal:
            return None
        order, num_slices = self.order.of_call(x, self.memory.rows)
        return self._of_clip(x, num_slices) if order == "clip" else self.along_time(x)

    def _of_clip(self, x: Tensor, num_slices: int) -> Surroundings | None:
        grid = self.order.layout._replace(time=num_slices)
        extra, frames = grid.split(x)
        before = self.tokens.exchange(self.memory, frames, extra)
        mask = self.tokens.mask(
            before,
            num_slices=num_slices,
            num_extra=grid.extra,
            query_places=grid.num_places,
            key_places=grid.num_places,
        )
        if before.is_empty and mask is None:
            return None
        past = aged(before.frames, self.age_offsets).flatten(2).transpose(1, 2)
        return Surroundings(torch.cat([before.extra, extra, past, x[:, grid.extra :]], dim=1), mask)

    def along_time(self, x: Tensor) -> Surroundings | None:
        """The same for x (B * P, T, C), whose rows are places."""
        places = self.order.layout.num_places
        frames = x.unflatten(0, (-1, places)).permute(0, 3, 2, 1).unsqueeze(-1)
        before = self.tokens.exchange(self.memory, frames, x[:, :0])
        sees = self.tokens.sees(before, x.shape[1])
        if before.is_empty and sees is None:
            return None
        past = aged(before.frames, self.age_offsets).squeeze(-1).permute(0, 3, 2, 1).flatten(0, 1)
        mask = None if sees is None else sees.expand(frames.shape[0], -1, -1).repeat_interleave(places, dim=0)[:, None]
        return Surroundings(torch.cat([past, x], dim=1), mask)

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        if tensor.dim() != 3:
            return None
        order, num_slices = self.order.of_call(tensor, self.memory.rows)
        if order == "along time":
            return tensor.unsqueeze(1)
        extra = self.order.layout.extra
        frames: Tensor = tensor[:, extra:].unflatten(1, (num_slices, -1)).transpose(1, 2)
        return frames

    def refuse_call(self, reason: str) -> NoReturn:
        raise AttentionCallError(f"{self.order.path}: {reason}, which its memory does not know; right would be: {_RIGHT}")

    def check_options(self, options: dict[str, Any]) -> None:
        """Raises AttentionCallError for masks, biases and whatever else tensors may say about who looks at whom."""
        for name, value in options.items():
            if isinstance(value, Tensor) or (isinstance(value, tuple | list) and any(isinstance(v, Tensor) for v in value)):
                self.refuse_call(f"called with {name}")
            if name == "is_causal" and value:
                self.refuse_call("called with is_causal")


_RIGHT = 'plain self-attention (operator="causal" has its own mask), or the path in `leave` where it is to see its step alone'
