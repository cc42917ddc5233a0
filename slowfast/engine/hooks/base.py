"""What a hook is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slowfast.engine.trainer import Trainer


class Hook:
    """Something that happens around the iterations of a training. Every method may do nothing.

    Hooks run on every process. One that writes or prints does so on the main process only; one that talks to other processes
    does so on all of them.
    """

    unfinished: bool = False
    """Whether a training whose epochs are all done has to go on for this hook's sake."""

    def before_train(self, trainer: Trainer) -> None:
        """Once, before the first epoch of this run, which a resumed run may enter in its middle."""

    def before_epoch(self, trainer: Trainer) -> None:
        """Before the first iteration of an epoch, or of what is left of it."""

    def after_iteration(self, trainer: Trainer) -> None:
        """`trainer.iteration` counts the one just done."""

    def after_last_iteration(self, trainer: Trainer) -> None:
        """Before an epoch counts as done; `trainer.iteration` is what it was. A run that is stopped here comes here again."""

    def after_epoch(self, trainer: Trainer) -> None:
        """`trainer.epoch` counts the one just done; `trainer.iteration` is 0."""

    def after_train(self, trainer: Trainer) -> None:
        """Once, after the last epoch; not after an error or an interruption."""

    def close(self) -> None:
        """Once, however the training ends."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know, as tensors and plain containers; empty for most."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what `state_dict` gave; not called when that was empty."""


def is_due(trainer: Trainer, epoch: int, period: int) -> bool:
    """Whether something done every `period` epochs, and after the last one, is due when `epoch` are done; 0 is never."""
    return bool(period) and (epoch % period == 0 or epoch == trainer.num_epochs)
