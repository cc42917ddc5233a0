"""A state as it is at one moment, on the host, while training goes on changing its tensors in place."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor


class HostCopy:
    """Copies states to the memory of the host.

    The memory of one copy is used again for the next, which must not be made before nobody reads the one before. So copies
    cost no more than the transfer: on a CPU new memory takes longer than the copy itself, and a GPU copies fast to pinned
    memory only, which is dear to get.
    """

    def __init__(self) -> None:
        self._used: dict[Hashable, list[Tensor]] = {}

    def of(self, state: Any) -> Any:
        """The same containers with copies of the tensors; those that were one tensor are one in the copy, too. Waits until all
        is there. state: tensors in dicts, lists and tuples, and what can be copied besides."""
        copying = _Copying(spare=self._used)
        copied = copying.copied(state)
        for device in copying.devices:
            torch.cuda.current_stream(device).synchronize()
        self._used = copying.used
        return copied


class _Copying:
    """One copy, while it is made. spare: memory to use, by form."""

    def __init__(self, *, spare: dict[Hashable, list[Tensor]]) -> None:
        self._spare = spare
        self._seen: dict[Hashable, Tensor] = {}
        self.used: defaultdict[Hashable, list[Tensor]] = defaultdict(list)
        self.devices: set[torch.device] = set()

    def copied(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value.detach())
        if isinstance(value, dict):
            new = copy.copy(value)  # with the versions of modules, which state dicts carry beside their entries
            for key, entry in value.items():
                new[key] = self.copied(entry)
            return new
        if isinstance(value, list | tuple):
            return type(value)([self.copied(entry) for entry in value])
        return copy.deepcopy(value)

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor.layout != torch.strided:
            return tensor.cpu().clone()
        form = (tensor.dtype, tensor.shape, tensor.stride(), tensor.is_cuda)
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.device, form)
        if tensor.numel() and place in self._seen:
            return self._seen[place]
        spare = self._spare.get(form)
        target = spare.pop() if spare else torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
        target.copy_(tensor, non_blocking=tensor.is_cuda)
        if tensor.is_cuda:
            self.devices.add(tensor.device)
        self.used[form].append(target)
        self._seen[place] = target
        return target
