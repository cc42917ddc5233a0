"""What Markov operators have in common: they are the modules that they were, with a memory.

A module gets a memory by a change of its class, in place, to a subclass of its own one that is made on the fly. So it stays
the object it was: parameters, buffers, hooks, parametrizations, and whoever holds a reference to it, are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pgt.cell import Cell
from pgt.memory import Memory, Past, StepLengthError


class MarkovOperator(nn.Module):
    """A temporal operator that takes its left context from the memory. To be mixed into the class of a module, before it.

    Subclasses write `forward`, in which `super().forward` is that of the plain module, and call `self.memory.exchange` there,
    once, with `self.cell` and the frames (B, C, T, H, W) that are to be remembered.
    """

    prefix: ClassVar[str] = "Markov"
    is_open: ClassVar[bool] = False
    """Whether what it holds is looked at by itself, and not this operator's business."""
    reads_frames: ClassVar[bool] = True
    """Whether a tensor of five axes that it is given is frames (B, C, T, H, W)."""
    made_of: ClassVar[tuple[type[MarkovOperator], type[nn.Module]]]
    """This class and that of the plain module, which the class of the module was made of."""

    cell: Cell
    memory: Memory

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **options: Any) -> Any: ...

        def forward(self, x: Tensor) -> Tensor: ...

    def frames_of(self, tensor: Tensor) -> Tensor | None:
        """A view of a tensor that the operator returned, in which axis 2 is time; None where it has no such axis."""
        return tensor if tensor.dim() == 5 else None

    def __reduce_ex__(self, protocol: Any) -> Any:
        """The class has no name that a pickle could find, so it is made again."""
        reduced = super().__reduce_ex__(protocol)
        if isinstance(reduced, str):
            return reduced
        function, arguments, *rest = reduced
        marked = tuple(None if argument is type(self) else argument for argument in arguments)
        return (_rebuild, (*self.made_of, function, marked), *rest)


def _rebuild(
    mixin: type[MarkovOperator], plain: type[nn.Module], function: Callable[..., Any], arguments: tuple[Any, ...]
) -> Any:
    cls = markov_class(mixin, plain)
    return function(*(cls if argument is None else argument for argument in arguments))


_CLASSES: dict[tuple[type[nn.Module], type[nn.Module]], type[MarkovOperator]] = {}


def markov_class(mixin: type[MarkovOperator], plain: type[nn.Module]) -> type[MarkovOperator]:
    """The subclass of both, such as MarkovConv3d for a Conv3d."""
    parts = (mixin, plain)
    if parts not in _CLASSES:
        _CLASSES[parts] = type(mixin.prefix + plain.__name__, parts, {"__module__": plain.__module__, "made_of": parts})
    return _CLASSES[parts]


def become(module: nn.Module, mixin: type[MarkovOperator], attributes: dict[str, Any]) -> None:
    """Gives a module a memory, in place. attributes: `memory`, `cell` and what else the operator reads."""
    plain = type(module)
    if parametrize.is_parametrized(module):
        # Its class was made for it, on top of the one that it goes back to when the parametrization is removed.
        below = markov_class(mixin, plain.__bases__[0])
        own = {name: value for name, value in vars(plain).items() if name not in ("__dict__", "__weakref__", "__doc__")}
        module.__class__ = type(plain.__name__, (below,), own)
    else:
        module.__class__ = markov_class(mixin, plain)
    module.__dict__.update(attributes)


def has_own_forward(module: nn.Module, kind: type[nn.Module], *methods: str) -> bool:
    """Whether the module's class is not `kind` as PyTorch or we wrote it, but computes in a way of its own."""
    return any(getattr(type(module), method) is not getattr(kind, method) for method in ("forward", *methods))


def check_rhythm(name: str, num_frames: int, stride: int) -> None:
    """Raises StepLengthError where a step would not end with a whole stride."""
    if num_frames % stride:
        raise StepLengthError(
            f"{name}: its temporal stride of {stride} does not divide the {num_frames} frames that it sees in this step; right "
            f"would be: steps, and new frames of later steps, that leave a multiple of {stride} here"
        )


def run_joined(forward: Callable[[Tensor], Tensor], past: Past, x: Tensor, *, context: int, stride: int, name: str) -> Tensor:
    """What a forward of its own gives for x, with the past in front of it: run over both joined, the past's outputs dropped.

    context: frames of the past that are joined, a multiple of stride. Raises StepLengthError where the output has another
    length than windows around their frames would give.
    """
    y = forward(torch.cat([newest(past.frames, context), x], dim=2))
    wanted = (context + x.shape[2]) // stride
    if y.shape[2] != wanted:
        raise StepLengthError(
            f"{name}: made {y.shape[2]} frames of {context + x.shape[2]} where its kernel, stride and padding promise {wanted}"
        )
    return past.select(y[:, :, context // stride :], lambda: forward(x))


def newest(frames: Tensor, count: int) -> Tensor:
    """The last `count` frames, behind zeros where there are fewer."""
    missing = count - frames.shape[2]
    if missing <= 0:
        return frames[:, :, -missing:]
    return torch.cat([frames.new_zeros((*frames.shape[:2], missing, *frames.shape[3:])), frames], dim=2)


def triple(value: int | tuple[int, ...]) -> tuple[int, int, int]:
    """A kernel, stride, padding or dilation along time, height and width, which may be one number for all."""
    return (value, value, value) if isinstance(value, int) else (value[0], value[1], value[2])


def along_time(value: int | tuple[int, ...]) -> int:
    """The first of such numbers, for modules of one axis as well."""
    return value if isinstance(value, int) else int(value[0])
