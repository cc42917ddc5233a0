"""The classifier of networks whose weights call it `head.weight` and `head.bias`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from slowfast.models.heads import HeadSpec, activated


class LinearHead(nn.Linear):
    """A classifier of one vector a clip, which is a linear layer by itself."""

    def __init__(self, channels: int, spec: HeadSpec) -> None:
        super().__init__(channels, spec.num_classes)
        self.dropout = spec.dropout
        self.activation, self.detaches = spec.activation, spec.detaches

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C) -> (B, K): logits in training, activated scores in evaluation."""
        features = functional.dropout(x.detach() if self.detaches else x, self.dropout, self.training)
        logits = super().forward(features)
        return logits if self.training else activated(logits, self.activation)
