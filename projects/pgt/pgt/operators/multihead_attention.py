"""PyTorch's own attention over tokens, with a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from pgt.operators.foreign_tokens import MarkovForeignAttention

if TYPE_CHECKING:
    _MultiheadAttention = nn.MultiheadAttention
else:
    _MultiheadAttention = object  # mixed into the class of a module, which comes behind


class MarkovMultiheadAttention(MarkovForeignAttention, _MultiheadAttention):
    """Self-attention of `torch.nn.MultiheadAttention`, whose keys and values come from the memory and the step.

    N rows, L tokens, S tokens that they look at (what is remembered stands before the step's own), C channels.
    """

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """query, key, value: one tensor, (N, L, C), or (L, N, C) unless `batch_first`. Returns that shape, and with
        `need_weights` the weights (N, L, S). Raises AttentionCallError for other queries than keys, and for masks."""
        if query is not key or key is not value:
            self.refuse_call("called with queries, keys and values that are not one tensor")
        if query.dim() != 3 or query.is_nested:
            self.refuse_call(
                f"called with a tensor of shape {'?' if query.is_nested else tuple(query.shape)}, not of three axes"
            )
        self.check_options({"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "is_causal": is_causal})
        around = self.surroundings(query if self.batch_first else query.transpose(0, 1))
        weights = {"need_weights": need_weights, "average_attn_weights": average_attn_weights}
        if around is None:
            return super().forward(query, key, value, **weights)  # type: ignore[call-arg]
        seen = around.seen if self.batch_first else around.seen.transpose(0, 1)
        hidden = None
        if around.mask is not None:
            rows, length, keys = len(around.seen), around.mask.shape[2], around.mask.shape[3]
            hidden = ~around.mask.expand(rows, self.num_heads, length, keys).flatten(0, 1)
        return super().forward(query, seen, seen, attn_mask=hidden, **weights)  # type: ignore[call-arg]

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        return super().frames_of(tensor if self.batch_first or tensor.dim() != 3 else tensor.transpose(0, 1))


def keep_parts_apart(module: nn.Module) -> None:
    """Has an encoder layer call this attention: where a part of it has a hook, PyTorch runs no fused layer in its place."""
    module.register_forward_pre_hook(_hook)


def _hook(module: nn.Module, args: Any) -> None:
    pass
