"""From losses to an update of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.engine.gradient_sync import average_gradients
from slowfast.engine.optimizer import trainable
from slowfast.runtime.errors import NonFiniteLossError
from slowfast.runtime.precision import SINGLE, Precision, precision_of

MOST_OVERFLOWS = 32
"""Scaled losses that overflow so often in a row overflow at any scale: it is halved each time, and begins at 2 ** 16."""


class Updater:
    """Turns one or more losses into one update.

    A train step calls `accumulate` once for each backward pass, so gradients are those of the SUM of the losses, and `apply`
    once for each update. Processes talk to each other in `apply` only, however many backward passes came before.

    While `holds`, `apply` changes no weight: `finish` makes one update with the MEAN of what the calls since the last one would
    have used, and `pending` counts them.
    """

    def __init__(
        self,
        *,
        parameters: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        precision: Precision = SINGLE,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
    ) -> None:
        """precision: of forward passes. clip_norm: largest L2 norm of the whole gradient, clip_value: largest absolute value of
        an entry; 0: any."""
        self._parameters = list(parameters)
        self._optimizer = optimizer
        self._device = device
        self._precision = precision
        self._scaler = torch.amp.GradScaler(device.type, enabled=precision.scales_losses)
        self._overflows = 0  # updates in a row
        self._clip_norm = clip_norm
        self._clip_value = clip_value
        self._loss_sum = torch.zeros((), device=device)
        self.holds = False
        self.pending = 0

    @classmethod
    def from_cfg(cls, cfg: CfgNode, *, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> Updater:
        """Raises ConfigError for a precision that the device does not compute with."""
        return cls(
            parameters=list(trainable(model)),
            optimizer=optimizer,
            device=device,
            precision=precision_of(cfg, "TRAIN", device),
            clip_norm=cfg.SOLVER.CLIP_GRAD_L2NORM,
            clip_value=cfg.SOLVER.CLIP_GRAD_VAL,
        )

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Context for the forward pass: half precision where it is safe, if that is wanted."""
        return self._precision.autocast(self._device)

    def accumulate(self, loss: Tensor | None, carried: Sequence[tuple[Tensor, Tensor]] = ()) -> None:
        """Adds the gradient of `loss`, a scalar, to what the next update will use.

        carried: tensors of the same graph with gradients that earlier backward passes since the last update have found for
        them, scaled as those are. loss: None where only these are to be propagated back.
        """
        tensors, gradients = [tensor for tensor, _ in carried], [gradient for _, gradient in carried]
        if loss is None:
            torch.autograd.backward(tensors, gradients)
            return
        torch.autograd.backward([self._scaler.scale(loss), *tensors], [None, *gradients])
        self._loss_sum += loss.detach()

    def apply(self) -> None:
        """Says that the gradients of an update are complete; unless this `holds`, `finish` follows."""
        self.pending += 1
        if not self.holds:
            self.finish()

    def finish(self) -> None:
        """Updates the weights with the mean over all processes of the accumulated gradients, and forgets these.

        Raises NonFiniteLossError on every process, and changes no weight, when a loss or a gradient is not finite. With scaled
        losses (fp16) a gradient that is not only makes the scale smaller, and this update is left out; it is raised after
        MOST_OVERFLOWS of them in a row.
        """
        parts, self.pending = self.pending, 0
        own_loss, self._loss_sum = self._loss_sum / parts, torch.zeros_like(self._loss_sum)
        loss = average_gradients(self._parameters, own_loss)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        if not gradients:  # no process had anything to learn from
            return
        # A scaler gets its scale from the first loss that it sees; a process without boxes has seen none so far.
        self._scaler.scale(own_loss)
        self._scaler.unscale_(self._optimizer)
        if parts > 1:
            torch._foreach_div_(gradients, parts)
        norm = torch.nn.utils.get_total_norm(gradients)
        self._check_finite(own_loss, loss, norm)
        if self._clip_norm:
            torch.nn.utils.clip_grads_with_norm_(self._parameters, self._clip_norm, norm)
        if self._clip_value:
            torch.nn.utils.clip_grad_value_(self._parameters, self._clip_value)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)

    def _check_finite(self, own_loss: Tensor, loss: Tensor, norm: Tensor) -> None:
        """One transfer from the device tells all three."""
        own, overall, gradient = torch.stack([own_loss, loss, norm.to(loss)]).isfinite().tolist()
        self._overflows = 0 if gradient else self._overflows + 1
        if overall and (gradient or (self._precision.scales_losses and self._overflows < MOST_OVERFLOWS)):
            return
        self._optimizer.zero_grad(set_to_none=True)
        what = "the gradient has entries that are not finite" if overall else "the loss is not finite"
        if overall and self._precision.scales_losses:
            what += f", {self._overflows} updates in a row, whatever the losses are scaled by (fp16; bf16 needs no scaling)"
        raise NonFiniteLossError(what, here=overall or not own)

    def state_dict(self) -> dict[str, Any]:
        """The scale of losses; empty where they are not scaled."""
        return dict(self._scaler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state and self._precision.scales_losses:
            self._scaler.load_state_dict(state)
