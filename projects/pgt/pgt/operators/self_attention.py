"""Self-attention that others wrote, timm and Hugging Face among them, with a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from pgt.operators.attention_parts import AttentionParts
from pgt.operators.foreign_tokens import MarkovForeignAttention

if TYPE_CHECKING:
    _Module = nn.Module
else:
    _Module = object  # mixed into the class of a module, which comes behind


class MarkovSelfAttention(MarkovForeignAttention, _Module):
    """A module that plainly is a self-attention (`pgt.operators.attention_parts.understood`). What it returns has the module's
    form; weights, where it gives them, have the keys of what is remembered in front of those of the step."""

    parts: AttentionParts

    def forward(self, *args: Any, **options: Any) -> Any:
        """The tokens (N, L, C), first or alone by name. Raises AttentionCallError where other tensors come with them."""
        rest = dict(options)
        x = args[0] if args else rest.pop(next(iter(rest), ""), None)
        if not isinstance(x, Tensor) or x.dim() != 3:
            self.refuse_call("called without tokens (N, L, C)")
        self.check_options({f"argument {number}": value for number, value in enumerate(args) if number} | rest)
        around = self.surroundings(x)
        if around is None:
            return super().forward(*args, **options)
        asked = any(value is True for value in args[1:]) or bool(rest.get("output_attentions"))
        mixed, weights = self.parts.attend(self, x, around.seen, around.mask, need_weights=asked or self.parts.gives_weights)
        if self.parts.returns == 0:
            return mixed
        return (mixed, weights) if asked or self.parts.returns == 2 else (mixed,)
