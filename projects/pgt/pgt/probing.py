"""Runs a progressive network over parts of a clip and records what its modules are given and return, for `pgt.verification`.

B batch, C channels, T frames, H height, W width.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pgt.operators import MarkovOperator
from pgt.schedule import of_pathway
from pgt.site import ROOT

if TYPE_CHECKING:
    from pgt.wrapper import ProgressiveModel

STEPS = 3
"""Steps that the network is run over."""


class ClipError(ValueError):
    """A clip that the network cannot be run over."""


class TrialRun:
    """A model with the clip that it is run over, which has the frames of STEPS steps; one tensor a pathway."""

    def __init__(self, model: ProgressiveModel, clip: Any, args: tuple[Any, ...], time_axis: int) -> None:
        self.model, self.clip, self.args, self.axis = model, clip, args, time_axis
        self.count = len(tensors_of(clip))
        self.generator = torch.Generator().manual_seed(0)

    def frames(self, start: float, stop: float) -> Any:
        """A part of the clip, from one share of its steps to another: 0.5 is the middle of the first one."""
        number = itertools.count()

        def cut(clip: Any) -> Any:
            if not isinstance(clip, Tensor):
                return clip
            pathway = next(number)
            first, last = (self.frame(pathway, place) for place in (start, stop))
            return clip.narrow(self.axis, first, last - first)

        return pytree.tree_map(cut, self.clip)

    def frame(self, pathway: int, place: float) -> int:
        """The pathway's own frame at a share of the clip's steps."""
        length, overlap = of_pathway(self.model.step_len, pathway), of_pathway(self.model.overlap, pathway)
        if place <= 1:
            return round(place * length)
        return length + round((place - 1) * (length - overlap))

    def step(self, number: int, *, clip: Any = None) -> Any:
        """What the model makes of the frames of a step, or of those of `clip`."""
        clip = self.frames(number, number + 1) if clip is None else clip
        own = pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, clip)
        return self.model.step(own, *self.args)  # a copy: some networks write into what they are given

    def one_pass(self) -> Any:
        """What the network makes of the whole clip at once; None where its head or its pathways have no answer to that.

        Causal operators see it as one long step, so that windows over whole steps are told from others."""
        self.model.reset()
        try:
            if self.model.options.operator == "causal":
                return self.step(0, clip=self.frames(0, STEPS))
            return self.model(pytree.tree_map(lambda leaf: leaf, self.frames(0, STEPS)), *self.args)
        except (RuntimeError, ValueError):
            return None

    def disturbed(self, clip: Any, part: Callable[[Tensor], slice]) -> Any:
        """The clip with other frames in a part of it."""

        def disturb(tensor: Any) -> Any:
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
                return tensor
            noise = torch.randn(tensor.shape, generator=self.generator).to(tensor)
            changed = tensor.clone()
            places = [slice(None)] * tensor.dim()
            places[self.axis] = part(tensor)
            changed[tuple(places)] += (noise * (3 * tensor.std() + 1))[tuple(places)]
            return changed

        return pytree.tree_map(disturb, clip)

    def border(self, tensor: Tensor) -> int:
        """The first frame of the later half."""
        return half(tensor.shape[self.axis])

    def frames_read(self) -> list[int]:
        """Frames of each step, in the last pathway."""
        return [self.frame(self.count - 1, number + 1) - self.frame(self.count - 1, number) for number in range(STEPS)]

    def frames_seen(self, run: Callable[[], object]) -> dict[str, list[int]]:
        """Frames that each operator reads in each of its calls while `run` is called, by path."""
        seen: dict[str, list[int]] = {}
        known = {path for path in places_of(self.model, *self.model.operators, *self.model.alone) if self._reads_frames(path)}

        def count(path: str, call: int, tensors: list[Tensor]) -> None:
            if path in known and tensors and tensors[0].dim() == 5:
                seen.setdefault(path, []).append(tensors[0].shape[2])

        self.model.reset()
        with watched(self.model, before=count):
            run()
        return seen

    def _reads_frames(self, path: str) -> bool:
        return getattr(self.model.network.get_submodule(path), "reads_frames", True)

    def holds(self, start: float, stop: float) -> bool:
        """Whether there are frames of every pathway in a part of the clip."""
        return all(self.frame(pathway, stop) > self.frame(pathway, start) for pathway in range(self.count))


def whole_steps(model: ProgressiveModel, clip: Any, axis: int) -> Any:
    """The clip with exactly the frames of some steps: cut, or continued backwards and forwards in turn."""
    tensors = tensors_of(clip)
    if len(tensors) not in (1, len(model.step_len)):
        raise ClipError(f"{len(tensors)} tensors; right would be: one a pathway, {len(model.step_len)}")
    number = itertools.count()

    def fit(tensor: Any) -> Any:
        if not isinstance(tensor, Tensor):
            return tensor
        if tensor.dim() <= axis or tensor.shape[axis] == 0:
            raise ClipError(f"a tensor of shape {tuple(tensor.shape)}, with no frames on axis {axis}")
        pathway = next(number)
        length, overlap = of_pathway(model.step_len, pathway), of_pathway(model.overlap, pathway)
        wanted = length + (STEPS - 1) * (length - overlap)
        parts = [tensor, tensor.flip(axis)] * (wanted // tensor.shape[axis] + 1)
        return torch.cat(parts, axis).narrow(axis, 0, wanted)

    return pytree.tree_map(fit, clip)


@contextmanager
def undisturbed(model: ProgressiveModel) -> Iterator[None]:
    """Evaluation mode, no gradients; afterwards memory, modes and random state are as before."""
    before, modes = model._memory.frames, {module: module.training for module in model.network.modules()}
    devices = sorted({tensor.device.index or 0 for tensor in model.parameters() if tensor.device.type == "cuda"})
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            model.eval()
            yield
    finally:
        model._memory.frames = before
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def watched(
    model: ProgressiveModel, *, before: Callable[..., None] | None = None, after: Callable[..., Any] | None = None
) -> Iterator[None]:
    """Calls before(path, call, tensors) when a module begins and after(path, call, output) when it is done, the innermost
    first; what `after` returns, if anything, is taken for the output. call: how often the module ran already."""

    def listen(module: nn.Module, path: str) -> Iterator[Any]:
        begun, done = itertools.count(), itertools.count()
        if before is not None:

            def hook_before(module: nn.Module, args: Any, options: Any) -> None:
                before(path, next(begun), tensors_of((args, options)))

            yield module.register_forward_pre_hook(hook_before, with_kwargs=True)
        if after is not None:

            def hook_after(module: nn.Module, args: Any, output: Any) -> Any:
                return after(path, next(done), output)

            yield module.register_forward_hook(hook_after)

    known = places_of(model, *model.operators, *model.alone)
    handled = {path for path in known if not getattr(model.network.get_submodule(path), "is_open", False)}
    handles = [
        handle
        for path, module in model.network.named_modules()
        if not any(path.startswith(f"{known}." if known else "") and path != known for known in handled)
        for handle in listen(module, path)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def places_of(model: ProgressiveModel, *paths: str) -> set[str]:
    """Paths as named_modules() has them; the network itself has none."""
    itself = isinstance(model.network, MarkovOperator)
    return {"" if itself and path == ROOT else path for path in paths}


def half(num_frames: int) -> int:
    """How many of some frames belong to the earlier half."""
    return -(-num_frames // 2)


def time_axis_of(short: Tensor, long: Tensor) -> int | None:
    """The axis along which the output of more frames is longer; None where there is none, or more than one."""
    if short.dim() != long.dim():
        return None
    axes = [axis for axis in range(short.dim()) if short.shape[axis] != long.shape[axis]]
    return axes[0] if len(axes) == 1 else None


def joined(pieces: list[Tensor], together: Tensor, places: Iterable[int]) -> Iterator[Tensor]:
    """Outputs of steps as one pass may have them: one behind the other, or the last of them where they have no axis of time.

    Each may begin with class tokens: then those of the last step stand for all. places: numbers of places of a time slice, for
    tokens (B, L, C) that lie place by place, and of a place slice by slice."""
    axis = time_axis_of(pieces[0], together)
    if axis is None:
        yield pieces[-1]
        return
    surplus = sum(piece.shape[axis] for piece in pieces) - together.shape[axis]
    extra = surplus // max(len(pieces) - 1, 1)
    if extra < 0 or extra * (len(pieces) - 1) != surplus:
        return
    own = [piece.narrow(axis, extra, piece.shape[axis] - extra) for piece in pieces]
    newest = pieces[-1].narrow(axis, 0, extra)
    yield torch.cat([newest, *own], axis)
    for count in places:
        if all(piece.shape[axis] % count == 0 for piece in own):
            by_place = torch.cat([piece.unflatten(axis, (count, -1)) for piece in own], axis + 1)
            yield torch.cat([newest, by_place.flatten(axis, axis + 1)], axis)


def changed(tensor: Tensor, before: Tensor) -> Tensor:
    """Which numbers are others than before."""
    if not tensor.is_floating_point():
        return tensor != before
    scale = before.abs().amax().nan_to_num(posinf=1.0).clamp(min=1e-12) if before.numel() else 0.0
    return ~torch.isclose(tensor, before, rtol=0, atol=float(scale) * _precision(tensor), equal_nan=True)


def same(a: Any, b: Any, *, tolerance: float = 0.0) -> bool:
    """Whether two outputs are equal but for rounding; with a tolerance, for the rounding of another order of summation."""
    one, other = tensors_of(a), tensors_of(b)
    return len(one) == len(other) and all(
        x.shape == y.shape
        and (not x.numel() or float((x - y).abs().amax()) <= max(tolerance, _precision(x)) * max(float(y.abs().amax()), 1e-12))
        for x, y in zip(one, other, strict=True)
    )


def _precision(tensor: Tensor) -> float:
    return 100 * torch.finfo(tensor.dtype).eps if tensor.is_floating_point() else 0.0


def tensors_of(value: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def named_tensors(output: Any) -> dict[str, Tensor]:
    """The tensors of an output by their place in it."""
    leaves = pytree.tree_flatten_with_path(output)[0]
    return {"output" + pytree.keystr(path): leaf for path, leaf in leaves if isinstance(leaf, Tensor)}
