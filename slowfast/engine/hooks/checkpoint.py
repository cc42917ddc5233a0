"""Checkpoints while a training runs."""

from __future__ import annotations

import time
from pathlib import Path

from slowfast.engine import checkpoint
from slowfast.engine.contract import KEY
from slowfast.engine.hooks.base import Hook, is_due
from slowfast.engine.host_copy import HostCopy
from slowfast.engine.trainer import Trainer
from slowfast.runtime import distributed
from slowfast.runtime.background_writer import BackgroundWriter


class CheckpointHook(Hook):
    """Keeps a checkpoint every `period` epochs and at the end, and one rolling point to go on from.

    The rolling one is written at the end of every epoch and every `minutes` within one (0: not within epochs), between two
    updates. A writer in the background writes copies, so that training goes on at once; what it could not write is raised
    after the next iteration. Everything is written when a training ends, however it does.
    """

    def __init__(
        self,
        *,
        output_dir: str | Path,
        period: int,
        minutes: float,
        cfg_text: str,
        contract: str = "",
        keep: int = 0,
        writer: BackgroundWriter | None = None,
    ) -> None:
        """cfg_text: the config as YAML, kept in the file for whoever wants to know how the weights came about. contract: the
        text of a `Contract`, for whoever wants to use them; empty: none. keep: so many of the kept ones stay, 0: all; an older
        one goes when the newer ones are safe. writer: None: one that writes at once."""
        self._output_dir = Path(output_dir)
        self._period = period
        self._seconds = 60 * minutes
        self._notes = {"cfg": cfg_text, **({KEY: contract} if contract else {})}
        self._keep = keep
        self._writer = writer or BackgroundWriter(background=False)
        self._copy = HostCopy()
        self._saved_at = time.monotonic()
        self._began_at = 0

    def before_train(self, trainer: Trainer) -> None:
        self._began_at = trainer.iterations_done
        if self._seconds:
            trainer.updater.asks("save", self._is_due)

    def after_iteration(self, trainer: Trainer) -> None:
        if trainer.within_update:
            return
        self._writer.check()
        # Where all processes have a part in the checkpoint, they must take it at the same iteration.
        if trainer.updater.agreed("save") if trainer.step.carries else self._is_due():
            self.save_last(trainer)

    def _is_due(self) -> bool:
        """The main process, which writes, knows. Not while it still does: on a disk so slow training would always wait."""
        if not self._seconds or not distributed.main_process() or self._writer.busy:
            return False
        return time.monotonic() - self._saved_at >= self._seconds

    def after_epoch(self, trainer: Trainer) -> None:
        self.save_last(trainer, keeps=is_due(trainer, trainer.epoch, self._period))

    def after_train(self, trainer: Trainer) -> None:
        if trainer.iterations_done == self._began_at:  # this run only did what was unfinished; it must not be done again
            self.save_last(trainer)
        self.finish()

    def finish(self) -> None:
        """Waits until all that was saved is written. Raises WriteError."""
        self._writer.finish()

    def close(self) -> None:
        self._writer.close()

    def save_last(self, trainer: Trainer, *, keeps: bool = False) -> Path:
        """Saves the rolling checkpoint of now, on the main process, and returns where it lies, after `finish` at the latest.

        keeps: writes it as one that is kept, too.
        """
        last, epochs_done = checkpoint.last_path(self._output_dir), trainer.epoch
        state = trainer.state_dict() if distributed.main_process() or trainer.step.carries else {}
        if not distributed.main_process():
            return last
        self._writer.finish()  # it reads the copy before, whose memory is used again
        content = {**(self._copy.of(state) if self._writer.background else state), **self._notes}

        def write() -> None:
            if keeps:
                checkpoint.save(checkpoint.kept_path(self._output_dir, epochs_done), content)
            checkpoint.save(last, content)
            if keeps and self._keep:
                checkpoint.delete_older(self._output_dir, epochs_done=epochs_done, keep=self._keep)

        self._writer.start(write)
        self._saved_at = time.monotonic()
        return last
