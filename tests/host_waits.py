"""Counts how often the host would wait for a device. The device "meta" stands in for it: nothing that it holds can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("meta")

aten: Any = torch.ops.aten
READ = {aten._local_scalar_dense.default: 0.0, aten.equal.default: True}
"""What tells the host a number of the device, and what it is told here."""

SIZED = {
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.repeat_interleave.Tensor,
}
"""What has a result whose size only the device knows."""

INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}

MADE_ON_HOST = {torch.tensor, torch.as_tensor, Tensor.new_tensor}
"""What makes a tensor on the host and then copies it, which the dispatcher does not hear of for this device."""


class HostWaitError(AssertionError):
    """A wait whose result a device without content cannot make up."""


class HostWaits(TorchDispatchMode):
    """Within it, `found` lists the operators that make the host wait for the device: numbers and copies that it reads, results
    whose size it asks for, copies to the device that are not told to go on by themselves. What is read is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._functions = _Functions(self.found)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not any(tensor.device == DEVICE for tensor in tensors) and kwargs.get("device") != DEVICE:
            return func(*args, **kwargs)
        if func in READ:
            return self._wait(func, lambda: READ[func])
        if func in SIZED or (func is aten.index.Tensor and any(_is_mask(index) for index in args[1])):
            self.found.append(str(func))
            raise HostWaitError(f"{func} makes the host wait for a size that the device knows")
        if func in INDEXING and any(index is not None and index.device != DEVICE for index in args[1]):
            self.found.append(f"{func} by a tensor of the host")
        if func is aten._to_copy.default:
            return self._copied(func, args[0], kwargs)
        if func is aten.copy_.default and args[0].device != args[1].device:
            goes_on = kwargs.get("non_blocking", False) or args[2:3] == (True,)
            return args[0] if goes_on else self._wait(func, lambda: args[0])
        return func(*args, **kwargs)

    def __enter__(self) -> HostWaits:
        self._functions.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def _copied(self, func: Any, source: Tensor, options: dict[str, Any]) -> Any:
        target = torch.device(options.get("device") or source.device)
        if source.device == DEVICE and target != DEVICE:
            return self._wait(func, lambda: torch.zeros(source.shape, dtype=options.get("dtype") or source.dtype))
        if source.device != target and not options.get("non_blocking"):
            self.found.append(f"{func} to the device")
        return func(source, **options)

    def _wait(self, func: Any, result: Callable[[], Any]) -> Any:
        self.found.append(str(func))
        return result()


class _Functions(TorchFunctionMode):
    """Hears of calls that do not reach the dispatcher."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is Tensor.tolist and args[0].device == DEVICE:
            self._found.append("tolist")
            return torch.zeros(args[0].shape, dtype=args[0].dtype).tolist()
        result = func(*args, **(kwargs or {}))
        if func in MADE_ON_HOST and result.device == DEVICE:
            self._found.append(f"{func.__name__} on the device")
        return result


def _is_mask(index: Tensor | None) -> bool:
    return index is not None and index.dtype in (torch.bool, torch.uint8)
