"""Names that lead to code: the extension points of the library.

A registry maps a name, as a config file writes it, to a class or function. Our own packages and projects add entries
with the decorator; whoever builds something asks for the entry by name. What an entry is called with and what must come
back is stated beside each registry below.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from slowfast.errors import UserError

if TYPE_CHECKING:  # the options of a run are read before PyTorch is needed
    from fvcore.common.config import CfgNode
    from torch import nn
    from torch.utils.data import Dataset

    from slowfast.options import Section
    from slowfast.structures import Clip

T = TypeVar("T")


class UnknownNameError(UserError, LookupError):
    """A name that nothing is registered under."""


class Registry(Generic[T]):
    """Entries by name. `kind` is the noun that error messages use for an entry."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files an entry under `name`; the same name twice is a programming error.

        To type checkers a decorated function is what the registry holds, no more; one that is also called by its own name is
        registered by a line below it.
        """

        def add(entry: T) -> T:
            if name in self._entries and self._entries[name] is not entry:
                raise ValueError(f"two entries are registered as the {self.kind} {name!r}")
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str) -> T:
        """Entry of that name. Raises UnknownNameError, which lists the names there are."""
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UnknownNameError(f"no {self.kind} is called {name!r}; {hint}known names are: {', '.join(self) or 'none'}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def items(self) -> list[tuple[str, T]]:
        return sorted(self._entries.items())


class Network(Protocol):
    """A class of networks; `slowfast.models` says what its modules are called with and what they return."""

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> nn.Module: ...

    @staticmethod
    def temporal_stride(cfg: CfgNode) -> int:
        """How many frames of a pathway's input become one inside the network."""


class ModelWrapper(Protocol):
    """Something around the network, such as a memory."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool: ...

    @staticmethod
    def wrap(cfg: CfgNode, model: nn.Module) -> nn.Module: ...


class Step(Protocol):
    """A class of train or evaluation steps; `slowfast.engine.steps` says what its objects do."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool: ...

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Self: ...


class Program(Protocol):
    """A module that a network is exported as: (frames) -> scores; with a memory (frames, begins, memory) -> (scores, memory).

    num_frames: of a call. memory_shapes: of the memory's tensors by name, float32, without their first axis, that of the batch;
    empty: there is none, and no `begins`. frames: uint8 (B, num_frames, H, W, 3), RGB. begins: bool (B,), rows of which the
    memory is not read. scores: float32 (B, K).
    """

    num_frames: int
    memory_shapes: Mapping[str, tuple[int, ...]]

    def __call__(self, *args: Any) -> Any: ...


class HookBuilder(Protocol):
    """A class of hooks of trainings; `slowfast.engine.hooks.base` says what its objects do."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool: ...

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Any: ...


class Tracker(Protocol):
    """A program outside that shows numbers of trainings. Whatever its methods raise is told once, and the training goes on."""

    def start(self, run_id: str, options: Mapping[str, object]) -> str:
        """Begins a run with the options of a config, by full key, or goes on with that of an id; returns its id."""

    def last_step(self, name: str) -> int:
        """The largest step of which the run has a number of that name; -1: of none."""

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """Adds finite numbers by name, such as "train/loss". step: iterations done."""

    def finish(self, *, completed: bool) -> None:
        """The run ends here, for now: one that was stopped is gone on with by `start`."""


class ProgramBuilder(Protocol):
    """Makes the program of a network that is not run over whole clips at once."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool: ...

    @staticmethod
    def build(cfg: CfgNode, network: Any) -> Program:
        """network: what `build_model` returns. Raises `slowfast.models.programs.ExportError`."""


CONFIG_SECTIONS: Registry[Section] = Registry("config section")
"""`slowfast.config.Section` objects: the options of one section, and the check that runs once a config is complete."""

MODELS: Registry[type[Network]] = Registry("model")
"""Classes of networks."""

DATASETS: Registry[Callable[[CfgNode, str], Dataset[Clip]]] = Registry("data set")
"""`(cfg, split) -> slowfast.datasets.ClipDataset`, with split one of "train", "val", "test"."""

EXAMPLES: Registry[Callable[..., None]] = Registry("drawing of examples")
"""`(cfg, *, model, step, dataset, device) -> None`: writes what the model says of some samples of the test split below
OUTPUT_DIR. By the name of a data set, or else by that of its task: "classification", "detection" or "whole_videos" (see
`slowfast.engine.tasks`). step: an EvalStep. The model is in evaluation mode, gradients are off, and only one process calls."""

MODEL_WRAPPERS: Registry[ModelWrapper] = Registry("model wrapper")
"""Every enabled wrapper is applied, by name order.

A wrapped model that carries something from one step of a video to the next says how much in its attribute `memory_bytes`."""

TRAIN_STEPS: Registry[type[Step]] = Registry("train step")
"""Classes of `slowfast.engine.steps.TrainStep`."""

EVAL_STEPS: Registry[type[Step]] = Registry("evaluation step")
"""Classes of `slowfast.engine.steps.EvalStep`."""

PROGRAMS: Registry[ProgramBuilder] = Registry("exported program")
"""A network for which none is enabled is exported as `slowfast.models.programs.ClipProgram`."""

HOOKS: Registry[HookBuilder] = Registry("hook")
"""Every enabled one is called in a training, by name order, behind the hooks that log, save and validate. What its `state_dict`
gives is kept in checkpoints under the name of its class."""

TRACKERS: Registry[Callable[[CfgNode], Tracker]] = Registry("tracker")
"""By TRACKER.NAME, on the main process alone. One whose package is not there raises MissingPackageError at once."""
