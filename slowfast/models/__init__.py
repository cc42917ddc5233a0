"""Networks, and what comes right before and after them.

A network is called with a list of float tensors (B, C, T, H, W), one a pathway. In training it returns logits (B, K), in
evaluation activated scores (B, K), averaged over the positions that it looked at. For detection it is called with boxes
besides, (R, 5), and returns a row for each of them. It may say which layer a parameter belongs to (`num_layers`, `layer_of`)
and which have no weight decay (`no_weight_decay`); see `slowfast.engine.layers`. Importing this package files the networks in
the registry.
"""

from slowfast.models import regnet3d, resnet3d, slowfast, x3d
from slowfast.models.build import build_model
from slowfast.models.transformers import mvit, timesformer, vit

__all__ = ["build_model", "mvit", "regnet3d", "resnet3d", "slowfast", "timesformer", "vit", "x3d"]
