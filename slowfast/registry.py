"""Names that lead to code: the extension points of the library.

A registry maps a name, as it stands in a config file, to a class or function. Our own packages and projects add entries
with the decorator; whoever builds something asks for the entry by name. What an entry is called with and what must come
back is stated beside each registry below.
"""

import difflib
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from slowfast.errors import UserError

T = TypeVar("T")


class UnknownNameError(UserError, LookupError):
    """A name that nothing is registered under."""


class Registry(Generic[T]):
    """Entries by name. `kind` is the noun that error messages use for an entry."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files an entry under `name`; the same name twice is a programming error."""

        def add(entry: T) -> T:
            if name in self._entries and self._entries[name] is not entry:
                raise ValueError(f"two entries want to be the {self.kind} {name!r}")
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


CONFIG_SECTIONS: Registry[Any] = Registry("config section")
"""`slowfast.config.Section` objects: the options of one section, and the check that runs once a config is complete."""

MODELS: Registry[Any] = Registry("model")
"""Classes with `from_cfg(cfg) -> nn.Module` (see `slowfast.models` for what the module is called with and returns) and
`temporal_stride(cfg) -> int`: how many frames of a pathway's input become one inside the network."""

DATASETS: Registry[Any] = Registry("data set")
"""`(cfg, split) -> slowfast.datasets.ClipDataset`, with split one of "train", "val", "test"."""

EXAMPLES: Registry[Callable[..., None]] = Registry("drawing of examples")
"""`(cfg, *, model, step, dataset, device) -> None`: writes what the model says of some samples of the test split below
OUTPUT_DIR. By the name of a data set, or else by that of its task: "classification" or "detection" (see
`slowfast.engine.tasks`). step: an EvalStep. The model is in evaluation mode, gradients are off, and only one process calls."""

MODEL_WRAPPERS: Registry[Any] = Registry("model wrapper")
"""Objects with `enabled(cfg) -> bool` and `wrap(cfg, model) -> nn.Module`. Every enabled wrapper is applied, by name order.

A wrapped model that carries something from one step of a video to the next says how much in its attribute `memory_bytes`."""

TRAIN_STEPS: Registry[Any] = Registry("train step")
"""Classes with `enabled(cfg) -> bool` and `from_cfg(cfg)`; see `slowfast.engine.steps.TrainStep` for what the object does."""

EVAL_STEPS: Registry[Any] = Registry("evaluation step")
"""Classes with `enabled(cfg) -> bool` and `from_cfg(cfg)`; see `slowfast.engine.steps.EvalStep` for what the object does."""
