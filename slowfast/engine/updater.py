"""From losses to an update of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.engine.gradient_sync import GradientSync
from slowfast.engine.optimizer import trainable
from slowfast.runtime import distributed
from slowfast.runtime.errors import NonFiniteLossError
from slowfast.runtime.precision import SINGLE, Precision, precision_of
from slowfast.runtime.transfers import read

MOST_OVERFLOWS = 32
"""Scaled losses that overflow so often in a row overflow at any scale: it is halved each time, and begins at 2 ** 16."""


class Updater:
    """Turns one or more losses into one update.

    A train step calls `accumulate` once for each backward pass, so gradients are those of the SUM of the losses, and `apply`
    once for each update. Gradients travel between the processes once an update, however many backward passes there were: during
    the one that the step says is the last, and in `apply` what that left. There the host waits for the device, once: all that
    it is to know of an update is read together.

    While `holds`, `apply` changes no weight: `finish` makes one update with the MEAN of what the calls since the last one would
    have used, and `pending` counts them.

    An update also carries answers of yes or no between the processes (`asks`, `agreed`), so that these need no message of
    their own.
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
        self._sync = GradientSync(self._parameters)
        self._optimizer = optimizer
        self._device = device
        self._precision = precision
        self._scaler = torch.amp.GradScaler(device.type, enabled=precision.scales_losses)
        self._overflows = 0  # updates in a row
        self._clip_norm = clip_norm
        self._clip_value = clip_value
        self._loss_sum = self._zero = torch.zeros((), device=device)
        self.holds = False
        self.pending = 0
        self._questions: dict[str, Callable[[], bool]] = {}
        self._agreed: dict[str, bool] = {}

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

    def asks(self, name: str, question: Callable[[], bool]) -> None:
        """From now on every update carries this process's answer to the question. All processes must ask the same ones."""
        self._questions[name] = question

    def agreed(self, name: str) -> bool:
        """Whether the answer is yes: in a run of one process now; with several whether it was on any of them when the newest
        update was made, on all of them alike. No for a question that nobody asks."""
        if distributed.world_size() > 1:
            return self._agreed.get(name, False)
        return name in self._questions and self._questions[name]()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Context for the forward pass: half precision where it is safe, if that is wanted."""
        return self._precision.autocast(self._device)

    def accumulate(
        self, loss: Tensor | None, carried: Sequence[tuple[Tensor, Tensor]] = (), *, completes: bool = False
    ) -> None:
        """Adds the gradient of `loss`, a scalar, to what the next update will use.

        carried: tensors of the same graph with gradients that earlier backward passes since the last update have found for
        them, scaled as those are. loss: None where only these are to be propagated back. completes: whether no further one
        comes before `apply`, so that gradients may be sent to the other processes while they are found.
        """
        if completes and not self.holds:
            self._sync.completes()
        tensors, gradients = [tensor for tensor, _ in carried], [gradient for _, gradient in carried]
        if loss is None:
            torch.autograd.backward(tensors, gradients)
            return
        torch.autograd.backward([self._scaler.scale(loss), *tensors], [None, *gradients])
        self._loss_sum = self._loss_sum + loss.detach()

    def apply(self) -> None:
        """Says that the gradients of an update are complete; unless this `holds`, `finish` follows."""
        self.pending += 1
        if not self.holds:
            self.finish()

    def apply_and_read(self, loss: Tensor) -> Tensor:
        """`apply`, and `loss`, a scalar, without its graph and on the host: an update waits for the device anyway, and reads
        all that is to be known at once. While this `holds` nothing waits, and the loss stays where it is."""
        self.pending += 1
        return loss.detach() if self.holds else self._finish(loss)

    def finish(self) -> None:
        """Updates the weights with the mean over all processes of the accumulated gradients, and forgets these.

        Raises NonFiniteLossError on every process, and changes no weight, when a loss or a gradient is not finite. With scaled
        losses (fp16) a gradient that is not only makes the scale smaller, and this update is left out; it is raised after
        MOST_OVERFLOWS of them in a row.
        """
        self._finish(self._zero)

    def _finish(self, wanted: Tensor) -> Tensor:
        """wanted: a scalar of the device, returned on the host. It comes with what this waits for anyway, in one transfer."""
        parts, self.pending = self.pending, 0
        own_loss, self._loss_sum = self._loss_sum / parts, self._zero
        averages = self._sync.average(own_loss, [question() for question in self._questions.values()])
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        if not gradients:  # nothing to learn from, in a run of one process
            return read(wanted)
        # A scaler gets its scale from the first loss that it sees; a process without boxes has seen none so far.
        self._scaler.scale(own_loss)
        self._scaler.unscale_(self._optimizer)
        if parts > 1:
            torch._foreach_div_(gradients, parts)
        norm = torch.nn.utils.get_total_norm(gradients)
        own = torch.stack([number.detach().to(averages) for number in (wanted, own_loss, norm)])
        known = read(torch.cat([own, averages]))
        shares = known[4:].tolist()
        if shares:
            count = len(self._questions)
            self._agreed = {name: share > 0 for name, share in zip(self._questions, shares[:count], strict=True)}
            self._sync.forget(shares[count:])
        own_is_finite, gradient_is_finite, loss_is_finite = known[1:4].isfinite().tolist()
        if all(p.grad is None for p in self._parameters):
            pass  # no process had anything to learn from
        elif self._is_usable(own_is_finite, loss_is_finite, gradient_is_finite):
            self._update(norm)
        self._scaler.update()
        self._sync.clear()
        return known[0]

    def _update(self, norm: Tensor) -> None:
        if self._clip_norm:
            torch.nn.utils.clip_grads_with_norm_(self._parameters, self._clip_norm, norm)
        if self._clip_value:
            torch.nn.utils.clip_grad_value_(self._parameters, self._clip_value)
        self._optimizer.step()  # the scaler's own step would ask the device once more whether anything has overflown

    def _is_usable(self, own: bool, overall: bool, gradient: bool) -> bool:
        """Whether to use the gradient, from whether own loss, mean loss and gradient are finite: not where scaled losses have
        overflown. Raises NonFiniteLossError for anything else that is not finite."""
        self._overflows = 0 if gradient else self._overflows + 1
        if overall and (gradient or (self._precision.scales_losses and self._overflows < MOST_OVERFLOWS)):
            return gradient
        self._sync.clear()
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
