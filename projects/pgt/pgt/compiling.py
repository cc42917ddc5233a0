"""`torch.compile` of a progressive model.

`model.compile()` needs nothing: steps call the model as one does. `torch.compile(model)` returns another module that forwards
calls to a compiled one and everything else, `step` with it, to the model itself; here it learns to take steps too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

if TYPE_CHECKING:
    from pgt.wrapper import ProgressiveModel

exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)
"""Whether `torch.export` is at work; before PyTorch 2.7 also whether `torch.compile` is."""


def compiles(module: object) -> nn.Module | None:
    """The module that a result of `torch.compile` stands for; None for any other object."""
    found = module.__dict__.get("_modules", {}).get("_orig_mod") if isinstance(module, nn.Module) else None
    return found if isinstance(found, nn.Module) else None


def let_compiled_models_step(kind: type[ProgressiveModel]) -> None:
    """From now on, what `torch.compile` makes of a model of this kind has compiled steps."""

    def notice(parent: nn.Module, name: str, child: nn.Module | None) -> None:
        if name == "_orig_mod" and isinstance(child, kind):
            parent.__class__ = _stepping(type(parent))

    register_module_module_registration_hook(notice)


_CLASSES: dict[type[nn.Module], type[nn.Module]] = {}


def _stepping(compiled: type[nn.Module]) -> type[nn.Module]:
    """The class that `torch.compile` returns objects of, with the steps of the model."""
    if compiled in _CLASSES.values():
        return compiled
    if compiled not in _CLASSES:

        def step(self: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            return self._orig_mod.step(inputs, *args, run=self, **options)

        def functional_step(self: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            return self._orig_mod.functional_step(inputs, *args, run=self, **options)

        def reduce(self: Any) -> Any:  # its own class has no name that a pickle could find
            return compiled, (self._orig_mod, self.dynamo_ctx)

        methods = {"step": step, "functional_step": functional_step, "__reduce__": reduce, "__module__": compiled.__module__}
        _CLASSES[compiled] = type(compiled.__name__, (compiled,), methods)
    return _CLASSES[compiled]
