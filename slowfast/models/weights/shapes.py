"""The same weights in another shape."""

from __future__ import annotations

from torch import Size, Tensor

CONV_2D, CONV_3D, LINEAR = 4, 5, 2
"""Dimensions of the weights of each kind of layer."""


def adapted(value: Tensor, shape: Size, *, inflate: bool) -> Tensor:
    """`value` in the network's shape where there is a way that keeps what it computes, else `value` as it is."""
    if LINEAR in (value.ndim, len(shape)) and _without_ones(value.shape) == _without_ones(shape):
        return value.reshape(shape)
    return inflated(value, shape) if inflate else value


def inflated(value: Tensor, shape: Size) -> Tensor:
    """Convolution weights of one frame, repeated over the kernel's frames and divided by their number.

    value (O, I, h, w) or (O, I, 1, h, w), shape (O, I, t, h, w). A clip of one picture, repeated, then gives what the picture
    gave, away from the ends of the clip (Carreira & Zisserman, arXiv:1705.07750, sec. 2.4). Other shapes come back unchanged.
    """
    if len(shape) != CONV_3D:
        return value
    clip = value.unsqueeze(2) if value.ndim == CONV_2D else value
    if clip.ndim != CONV_3D or clip.shape[2] != 1 or clip.shape[:2] != shape[:2] or clip.shape[3:] != shape[3:]:
        return value
    return clip.expand(shape) / shape[2]


def is_of_pictures(value: Tensor, shape: Size) -> bool:
    """Whether these are weights of a 2-D convolution where the network has a 3-D one."""
    return value.ndim == CONV_2D and len(shape) == CONV_3D


def _without_ones(shape: Size) -> list[int]:
    """The shape up to the last dimension above 1; a linear layer is a convolution whose kernel is one cell."""
    sizes = list(shape)
    while len(sizes) > LINEAR and sizes[-1] == 1:
        sizes.pop()
    return sizes
