"""The training loop. It knows when; the hooks know what else; the step turns a batch into an update."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import nn

from slowfast.engine.lr_schedule import Schedule
from slowfast.engine.optimizer import load_optimizer_state, parameter_names, set_learning_rate
from slowfast.engine.steps import TrainStep
from slowfast.engine.updater import Updater
from slowfast.engine.weight_average import AVERAGED, WeightAverage
from slowfast.runtime import distributed
from slowfast.runtime.errors import NonFiniteLossError
from slowfast.runtime.random_state import seed_iteration
from slowfast.runtime.transfers import DeviceFeed
from slowfast.structures import ClipBatch, EpochPlan, LaneBatch, StepOutput

if TYPE_CHECKING:  # hooks import the trainer
    from slowfast.engine.hooks.base import Hook

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Loader(Protocol):
    """Batches whose order is a function of the epoch alone.

    global_batch_size: samples of a batch, over all processes. order: what the order depends on besides the epoch, as a text.
    """

    @property
    def global_batch_size(self) -> int: ...

    @property
    def order(self) -> str: ...

    def __len__(self) -> int:
        """Batches of an epoch, the same number on every process."""

    def batches(self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None) -> Iterator[Any]:
        """The batches of an epoch but for the first `start`. offset: samples of the epoch, over all processes, before its
        batch 0. clip_frames: frames of a clip; None: as configured."""


class Trainer:
    """One training, from its first iteration or from where a checkpoint left it.

    Attributes that hooks read:
        epoch: epochs done; within an epoch also its number, from 0. iteration: iterations done in this epoch.
        batch, output, learning_rate: of the latest iteration. means: of losses, over the latest epoch that is done.
        metrics: of the latest validation, if this epoch had one.
        model, step, updater, optimizer, loader, device, num_epochs, seed: as given.
    """

    batch: ClipBatch | LaneBatch
    output: StepOutput
    _plan: EpochPlan

    def __init__(
        self,
        *,
        model: nn.Module,
        step: TrainStep,
        updater: Updater,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        loader: Loader,
        device: torch.device,
        num_epochs: int,
        seed: int,
        accumulate: int = 1,
        average: WeightAverage | None = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        """schedule: learning rate by fractional epoch. accumulate: iterations that make one update; those that are left at the
        end of an epoch make one as well. average: of the model's weights, which follows them and is kept in checkpoints.
        hooks: called in this order at every occasion."""
        self.model = model
        self.step = step
        self.updater = updater
        self.optimizer = optimizer
        self.loader = loader
        self.device = device
        self.num_epochs = num_epochs
        self.hooks = list(hooks)
        self.epoch = 0
        self.iteration = 0
        self._offset = 0  # samples of this epoch before its batch 0; not 0 when its beginning was read in other batches
        self.learning_rate = 0.0
        self.means: dict[str, float] = {}
        self.metrics: dict[str, float] = {}
        self._schedule = schedule
        self.seed = seed
        self._accumulate = accumulate
        self._average = average
        self._feed = DeviceFeed(device)
        self._names: list[str] = []  # of the videos that this process has a part of the next update from

    @property
    def within_update(self) -> bool:
        """Whether gradients wait for further iterations. A checkpoint does not hold them, so nothing is saved now."""
        return self.updater.pending > 0

    @property
    def iterations_done(self) -> int:
        """Iterations since the start of the training, over all epochs."""
        return self.epoch * len(self.loader) + self.iteration

    @property
    def samples_done(self) -> int:
        """Samples of this epoch that were trained on, over all processes."""
        return self._offset + self.iteration * self.loader.global_batch_size

    def train(self) -> None:
        """Runs to the last epoch. Raises whatever a hook or the step raises, NonFiniteLossError among it."""
        try:
            self._call("before_train")
            while self.epoch < self.num_epochs:
                self._train_epoch()
            self._call("after_train")
        finally:
            for hook in self.hooks:
                hook.close()

    def _train_epoch(self) -> None:
        self.metrics = {}
        self._plan = self.step.plan(self.epoch, self.num_epochs)
        self._call("before_epoch")
        self.model.train()
        for _, batch in self._feed(self._batches()):
            self._run_iteration(batch)
            self.iteration += 1
            self._call("after_iteration")
        if self.within_update:
            self._locating(self.updater.finish)
        self._call("after_last_iteration")
        self.epoch, self.iteration, self._offset = self.epoch + 1, 0, 0
        self._call("after_epoch")

    def _batches(self) -> Iterator[Any]:
        return self.loader.batches(self.epoch, self.iteration, offset=self._offset, clip_frames=self._plan.clip_frames)

    def _run_iteration(self, batch: ClipBatch | LaneBatch) -> None:
        self.batch = batch
        self.learning_rate = self._plan.lr_scale * self._schedule(self.epoch + self.iteration / len(self.loader))
        set_learning_rate(self.optimizer, self.learning_rate)
        seed_iteration(self.seed, self.iterations_done)
        self.updater.holds = (self.iteration + 1) % self._accumulate > 0
        self._names += self.batch.names
        self.output = self._locating(lambda: self.step(self.model, self.batch, self.updater))

    def _locating(self, update: Callable[[], Result]) -> Result:
        """Runs what may make an update; an error that comes of it says where."""
        try:
            result = update()
        except NonFiniteLossError as error:
            raise self._located(error) from None
        if not self.within_update:
            self._names.clear()
            if self._average is not None:
                self._average.update()
        return result

    def _call(self, occasion: str) -> None:
        for hook in self.hooks:
            getattr(hook, occasion)(self)

    def _located(self, error: NonFiniteLossError) -> NonFiniteLossError:
        """The error with time and place. The updater raises it on all processes at once, so that they can gather here."""
        gathered = distributed.gather_everywhere(tuple(self._names) if error.here else ())
        names = dict.fromkeys(name for names in gathered for name in names)
        return NonFiniteLossError(
            f"{error} in epoch {self.epoch + 1}, iteration {self.iteration + 1}, learning rate {self.learning_rate:g}; "
            f"videos of the batch: {', '.join(names)}. The weights are as they were before it. Right would be a lower "
            "SOLVER.BASE_LR, a longer warm-up, or gradient clipping (SOLVER.CLIP_GRAD_L2NORM)"
        )

    def state_dict(self) -> dict[str, Any]:
        """All that a later process needs to go on exactly from here, as tensors and plain containers. Where the step carries
        something from batch to batch, every process must call it."""
        return {
            "epoch": self.epoch,
            "iteration": self.iteration,
            "samples": self.samples_done,
            "order": self.loader.order,
            "processes": distributed.world_size(),
            "model_state": self.model.state_dict(),
            "optimizer": type(self.optimizer).__name__,
            "optimizer_state": self.optimizer.state_dict(),
            "optimizer_names": parameter_names(self.optimizer, self.model),
            "scaler": self.updater.state_dict(),
            **self._average_state(),
            "step": self.step.state_dict(),
            "hooks": {type(hook).__name__: state for hook in self.hooks if (state := hook.state_dict())},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over all but the model's weights, which `checkpoint.restore_model` loads with a check of its own.

        The optimizer keeps its own options (weight decay, momentum, ...). The place in an epoch is kept in samples, so that
        none is repeated or left out when batches have another size now; where the epoch has another order of samples, or
        other ones, it begins again. What differs is logged. Raises OptimizerStateError.
        """
        self.epoch = state["epoch"]
        goes_on = self._take_up_epoch(state)
        load_optimizer_state(
            self.optimizer,
            state["optimizer_state"],
            names=parameter_names(self.optimizer, self.model),
            saved_names=state.get("optimizer_names"),
            saved_kind=state.get("optimizer", ""),
        )
        self.updater.load_state_dict(state.get("scaler", {}))
        self._load_average(state)
        if goes_on:
            self.step.load_state_dict(state.get("step", {}))
        for hook in self.hooks:
            if type(hook).__name__ in state.get("hooks", {}):
                hook.load_state_dict(state["hooks"][type(hook).__name__])

    def scored_weights(self) -> dict[str, Any]:
        """A state dict of the weights that validation and tests score: their average, where there is one."""
        return self.model.state_dict() if self._average is None else self._average.state_of(self.model)

    def _average_state(self) -> dict[str, Any]:
        if self._average is None:
            return {}
        return {AVERAGED: self.scored_weights(), "average_updates": self._average.updates}

    def _load_average(self, state: dict[str, Any]) -> None:
        if self._average is None:
            return
        if AVERAGED in state:
            self._average.load(state[AVERAGED], updates=state["average_updates"])
        else:
            self._average.load(state["model_state"], updates=0)
            logger.info("TRAIN.EMA_DECAY: the checkpoint has no average of weights, so it begins with the weights as they are")

    def _take_up_epoch(self, state: dict[str, Any]) -> bool:
        """Where in the epoch to go on; whether samples come in the order of before. Checkpoints of earlier versions count
        batches only."""
        size, order = self.loader.global_batch_size, self.loader.order
        samples, goes_on = state.get("samples", state["iteration"] * size), state.get("order", order) == order
        if samples and not goes_on:
            logger.warning(
                "the checkpoint was taken within epoch %d, after %d of its samples, and their order is another one now (it was "
                "of %s and is of %s): this epoch begins anew, and those samples are seen twice. Right would be the data and "
                "RNG_SEED from before",
                self.epoch + 1, samples, state["order"], order,
            )  # fmt: skip
            samples = 0
        self.iteration, self._offset = divmod(samples, size)
        if samples and self.iteration != state["iteration"]:
            logger.info(
                "batches have another size now, %d samples: the epoch goes on behind the %d samples that were seen",
                size, samples,
            )  # fmt: skip
        return bool(goes_on)
