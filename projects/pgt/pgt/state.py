"""A memory as plain tensors, and whether it belongs to a network and to what it reads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pgt.cell import Cell
from slowfast.errors import UserError

State = dict[str, Tensor]
"""The memory as plain tensors: (B, C, F, H, W) by operator name."""

PHASE = ".phase"
"""Ending of the entry that says where a strided causal operator stands: frames seen so far, modulo its stride."""


class MemoryMismatchError(UserError, RuntimeError):
    """A memory met frames, or a network, that it does not belong to."""


def check_begins(begins: Tensor, input_shapes: tuple[tuple[int, int], ...]) -> None:
    rows = [count for count, _ in input_shapes]
    if not isinstance(begins, Tensor) or begins.dtype != torch.bool or begins.dim() != 1:
        found = f"{begins.dtype} of shape {tuple(begins.shape)}" if isinstance(begins, Tensor) else type(begins).__name__
        raise MemoryMismatchError(f"begins: {found}; right would be: torch.bool, one for each row")
    if any(count != begins.shape[0] for count in rows):
        right = " or ".join(map(str, sorted(set(rows))))
        raise MemoryMismatchError(f"begins: {len(begins)} rows; right would be: {right}, as many as the inputs have")


def check_count(count: int, begins: Tensor | None, input_shapes: tuple[tuple[int, int], ...]) -> None:
    """Raises MemoryMismatchError for several steps at once that are not those of videos that go on."""
    if count < 1 or any(rows % count for rows, _ in input_shapes):
        rows = f"inputs with {input_shapes[0][0]} rows" if input_shapes else "these inputs"
        raise MemoryMismatchError(
            f"num_steps={count}: {rows}; right would be: the rows of as many steps, one step after the other"
        )
    if begins is not None:
        raise MemoryMismatchError(
            f"num_steps={count}: no row begins (begins) in several steps at once; right would be: num_steps=1"
        )


def check_state(state: Mapping[str, Tensor], cells: Mapping[str, Cell]) -> None:
    """Raises MemoryMismatchError for names, shapes and types that operators with these cells do not leave."""
    rows: list[tuple[int, str]] = []  # the first operator of each number; numbers may be symbols while a step is exported
    for name, frames in state.items():
        if not isinstance(frames, Tensor):
            raise MemoryMismatchError(f"{name}: a {type(frames).__name__}; right would be: a tensor")
        if name.endswith(PHASE) and name.removesuffix(PHASE) in cells:
            if frames.dim() or frames.is_floating_point():
                raise MemoryMismatchError(f"{name}: {frames.dtype} of shape {tuple(frames.shape)}; right would be: one integer")
            continue
        if name not in cells:
            raise MemoryMismatchError(
                f"{name}: this network has no operator of that name; it has {', '.join(sorted(cells)) or 'none'}"
            )
        if not frames.is_floating_point():
            raise MemoryMismatchError(f"{name}: {frames.dtype}; right would be: a floating-point type")
        _check_shape(cells[name], frames)
        if all(count != frames.shape[0] for count, _ in rows):
            rows.append((frames.shape[0], name))
    if len(rows) > 1:
        texts = " but ".join(f"{name} has {count} rows" for count, name in rows)
        raise MemoryMismatchError(f"the memory is of different batches: {texts}")


def _check_shape(cell: Cell, frames: Tensor) -> None:
    wanted = {1: cell.channels, 2: cell.num_frames}
    if frames.dim() == 5 and all(size in (None, frames.shape[axis]) for axis, size in wanted.items()):
        return
    texts = ["any number" if size is None else str(size) for size in wanted.values()]
    raise MemoryMismatchError(
        f"{cell.name}: a tensor of shape {tuple(frames.shape)}; right would be: (B, C, F, H, W) with C {texts[0]}, F {texts[1]}"
    )
