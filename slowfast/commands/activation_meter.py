"""How much memory a backward pass will need: the bytes that autograd keeps alive for it."""

from __future__ import annotations

from types import TracebackType

import torch
from torch import Tensor, nn


class ActivationMeter:
    """Context that counts the storage of all tensors saved for a backward pass, on any device.

    A storage counts whole, because that is what stays alive, and once, however many saved tensors share it; it stops
    counting when the graph lets go of the last of them. Parameters and buffers of `exclude` do not count: they are there
    anyway. Only tensors saved inside the `with` are seen, but they are followed beyond its end.

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

    def __enter__(self) -> ActivationMeter:
        if self._exclude is not None:
            kept = [*self._exclude.parameters(), *self._exclude.buffers()]
            # Holding the storages keeps their numbers from being given to others.
            self._excluded = {_storage_id(tensor): tensor.untyped_storage() for tensor in kept}
        self._hooks.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hooks.__exit__(kind, error, trace)

    def _pack(self, tensor: Tensor) -> _Saved:
        # Detached: a saved result that knew its graph, which in turn holds what was saved, would never be freed.
        return _Saved(self, tensor.detach())

    @staticmethod
    def _unpack(saved: _Saved) -> Tensor:
        return saved.tensor

    def _hold(self, tensor: Tensor) -> None:
        key = _storage_id(tensor)
        if key in self._excluded:
            return
        if key not in self._holders:
            self.live_bytes += tensor.untyped_storage().nbytes()
            self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        self._holders[key] = self._holders.get(key, 0) + 1

    def _let_go(self, tensor: Tensor) -> None:
        key = _storage_id(tensor)
        if key not in self._holders:
            return
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self.live_bytes -= tensor.untyped_storage().nbytes()


class _Saved:
    """One tensor in autograd's keeping; its end tells the meter."""

    __slots__ = ("meter", "tensor")

    def __init__(self, meter: ActivationMeter, tensor: Tensor) -> None:
        self.meter = meter
        self.tensor = tensor
        meter._hold(tensor)

    def __del__(self) -> None:
        self.meter._let_go(self.tensor)


def _storage_id(tensor: Tensor) -> int:
    """Number that no other living storage has; views of one tensor share it. An empty storage has no address to go by."""
    return int(tensor.untyped_storage()._cdata)
