"""What Hugging Face's VideoMAE does with time outside of its attention: positions in time, and the mean over all tokens.

B batch, T time slices, P places of a slice, C channels, R time slices of the table.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pgt.cell import Cell
from pgt.operators.base import MarkovOperator
from pgt.operators.foreign_tokens import AttentionCallError
from pgt.operators.pooling import pool_memory_and_step
from pgt.operators.time_positions import rows_by_clock

if TYPE_CHECKING:
    _Module = nn.Module
else:
    _Module = object  # mixed into the class of a module, which comes behind


class VideoMAEPositions(MarkovOperator, _Module):
    """`VideoMAEEmbeddings`. Positions begin anew with every step; in a causal network they are those of the number of a slice
    in its video, modulo the length of the table. clock: counts the slices; None: begin anew."""

    is_open = True
    reads_frames = False
    prefix = "Stepwise"
    patch_embeddings: Any
    position_embeddings: Tensor
    num_places: int
    clock: Cell | None

    def forward(self, pixel_values: Tensor, bool_masked_pos: Any = None) -> Tensor:
        """(B, frames, 3, H, W) -> tokens (B, T * P, C). Raises AttentionCallError for masked tokens."""
        if bool_masked_pos is not None:
            raise AttentionCallError(
                f"{self.cell.name}: called with bool_masked_pos, so that attention sees tokens without their places; right "
                "would be: no mask, in steps as in one pass"
            )
        tokens: Tensor = self.patch_embeddings(pixel_values)
        table = self.position_embeddings.detach().to(device=tokens.device, dtype=tokens.dtype)[0]
        slices, rows = (each.unflatten(-2, (-1, self.num_places)) for each in (tokens, table))
        if self.clock is not None:
            rows = rows_by_clock(self.memory, self.clock, slices, rows)
        else:
            rows = rows[torch.arange(slices.shape[1], device=rows.device) % len(rows)]
        placed: Tensor = slices + rows
        return placed.flatten(1, 2)

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        frames: Tensor = tensor.unflatten(1, (-1, self.num_places)).transpose(1, 2)
        return frames


class VideoMAEMean(MarkovOperator, _Module):
    """`VideoMAEForVideoClassification` that classifies the mean of all tokens: in steps, over memory and step.

    head: as that of a pooling over all of time; None: over the step alone."""

    is_open = True
    reads_frames = False
    videomae: Any
    fc_norm: Any
    classifier: Any
    num_places: int
    head: Cell | None

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None, **options: Any) -> Any:  # type: ignore[override]
        """(B, frames, 3, H, W) -> what the plain network returns."""
        if not self.memory.in_step:
            return super().forward(pixel_values, labels=labels, **options)  # type: ignore[call-arg, arg-type]
        as_tuple = options.pop("return_dict", self.config.return_dict) is False  # type: ignore[union-attr]
        outputs = self.videomae(pixel_values, **options)
        slices = outputs[0].unflatten(1, (-1, self.num_places)).mean(2).transpose(1, 2)[..., None, None]
        pooled = pool_memory_and_step(slices, "avg", self.head, self.memory).flatten(1)
        logits = self.classifier(self.fc_norm(pooled))
        loss = None if labels is None else self.loss_function(labels, logits, self.config, **options)  # type: ignore[operator]
        named = {name: outputs.get(name) for name in ("hidden_states", "attentions")}
        found = sys.modules[type(self).__module__].ImageClassifierOutput(loss=loss, logits=logits, **named)
        return found.to_tuple() if as_tuple else found
