"""How much memory a backward pass will need: the bytes that autograd keeps alive for it."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_NO_BACKWARD = -1
"""Number that PyTorch gives to the backward pass at hand when there is none."""


class ActivationMeter:
    """Context that counts the storage of all tensors saved for a backward pass, on any device.

    A storage counts whole, because that is what stays alive, and once, however many saved tensors share it; it stops
    counting when the graph lets go of the last of them. Parameters and buffers of `exclude` do not count: they are there
    anyway. Only tensors saved inside the `with` are seen, but they are followed beyond its end.

    What a backward pass computes again (`torch.utils.checkpoint`) counts for as long as it lives, since checkpointing keeps
    it without telling.

    Attributes:
        live_bytes: bytes kept alive now. peak_bytes: the most there ever were.
    """

    def __init__(self, *, exclude: nn.Module | None = None) -> None:
        self.live_bytes = 0
        self.peak_bytes = 0
        self._holders: dict[int, int] = {}
        self._exclude = exclude
        self._excluded: dict[int, torch.UntypedStorage] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack)
        self._computed_again = _ComputedAgain(self)

    def __enter__(self) -> ActivationMeter:
        if self._exclude is not None:
            kept = [*self._exclude.parameters(), *self._exclude.buffers()]
            # By address; holding the storages keeps their addresses from being given to others.
            self._excluded = {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in kept}
        self._hooks.__enter__()
        self._computed_again.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._computed_again.__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self._hooks.__exit__(kind, error, trace)

    def _pack(self, tensor: Tensor) -> _Saved:
        # Detached: a saved result that knew its graph, which in turn holds what was saved, would never be freed.
        return _Saved(self, tensor.detach())

    @staticmethod
    def _unpack(saved: _Saved) -> Tensor:
        return saved.tensor

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._excluded:
            return
        if key not in self._holders:
            self.live_bytes += storage.nbytes()
            self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        self._holders[key] = self._holders.get(key, 0) + 1

    def _let_go(self, key: int, size: int) -> None:
        if key not in self._holders:
            return
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self.live_bytes -= size


class _Saved:
    """One tensor in autograd's keeping; its end tells the meter."""

    __slots__ = ("meter", "tensor")

    def __init__(self, meter: ActivationMeter, tensor: Tensor) -> None:
        self.meter = meter
        self.tensor = tensor
        meter._hold(tensor.untyped_storage())

    def __del__(self) -> None:
        storage = self.tensor.untyped_storage()
        self.meter._let_go(storage._cdata, storage.nbytes())


class _ComputedAgain(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells the meter of results that are computed with a graph of their own in the middle of a backward pass."""

    def __init__(self, meter: ActivationMeter) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._meter = meter

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        if torch.is_grad_enabled() and torch._C._current_graph_task_id() != _NO_BACKWARD:
            for tensor in tree_leaves(results):
                if isinstance(tensor, Tensor):
                    self._follow(tensor.untyped_storage())
        return results

    def _follow(self, storage: torch.UntypedStorage) -> None:
        self._meter._hold(storage)
        weakref.finalize(storage, self._meter._let_go, storage._cdata, storage.nbytes())
