"""From one vector a clip to class scores: the head of networks of tokens."""

from __future__ import annotations

from torch import Tensor, nn

from slowfast.models.heads import HeadSpec, activated


class TokenHead(nn.Module):
    """A classifier of what a network of tokens has to say of a clip."""

    def __init__(self, channels: int, spec: HeadSpec) -> None:
        super().__init__()
        self.dropout = nn.Dropout(spec.dropout)
        self.activation, self.detaches = spec.activation, spec.detaches
        self.projection = nn.Linear(channels, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C) -> (B, K): logits in training, activated scores in evaluation."""
        logits: Tensor = self.projection(self.dropout(x.detach() if self.detaches else x))
        return logits if self.training else activated(logits, self.activation)
