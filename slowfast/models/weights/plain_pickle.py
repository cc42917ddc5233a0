"""Reading pickles without running them.

A pickle is a program: it names functions and calls them. Here every name it may use leads to a stand-in of ours that only
remembers numbers; any other name ends the reading. Nothing of the file is ever called, not even NumPy's own constructors.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np

NUMBER_KINDS = "fiub"
"""Floats, integers, unsigned integers, truth values: what NumPy calls the kinds of arrays that hold no objects."""


FORBIDDEN_CALL = "it wants to call {}, and weights need numbers and containers only"


class ForbiddenPickleError(pickle.UnpicklingError):
    """A pickle that wants more than numbers and containers."""


class StoredType:
    """Stands for numpy.dtype."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = str(code)
        self.is_big_endian = False

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.is_big_endian = state[1] == ">"

    def to_numpy(self) -> np.dtype[Any]:
        found = np.dtype(self.code)
        if found.kind not in NUMBER_KINDS:
            raise ForbiddenPickleError(f"it holds an array of {found}, not of numbers")
        return found.newbyteorder(">" if self.is_big_endian else "<")


class StoredArray:
    """Stands for numpy.ndarray."""

    shape: tuple[int, ...]
    dtype: StoredType
    is_fortran: bool
    data: bytes

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.is_fortran, data = state
        self.data = _bytes(data)

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """A copy in the machine's byte order."""
        flat = np.frombuffer(self.data, self.dtype.to_numpy())
        array = flat.reshape(self.shape, order="F" if self.is_fortran else "C")
        return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).reshape(self.shape)


def load_plain_pickle(file: BinaryIO) -> Any:
    """The object of a pickle, with StoredArray in the place of arrays and of NumPy's scalars.

    Texts of Python 2 are read as Latin-1. Raises ForbiddenPickleError for a pickle that names anything else, and what
    `pickle.load` raises for a damaged one.
    """
    return _PlainUnpickler(file, encoding="latin1").load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise ForbiddenPickleError(FORBIDDEN_CALL.format(f"{module}.{name}"))
        stand_in = _STAND_INS[module, name]
        # A function of its own for each use: a pickle can also write attributes onto what it has named.
        return lambda *arguments: stand_in(*arguments)


def _empty_array(*_: object) -> StoredArray:
    """Stands for NumPy's _reconstruct, which makes an array that is filled afterwards."""
    return StoredArray()


def _scalar(dtype: StoredType, data: str | bytes) -> StoredArray:
    return _from_buffer(_bytes(data), dtype, (), "C")


def _from_buffer(data: bytes, dtype: StoredType, shape: tuple[int, ...], order: str) -> StoredArray:
    array = StoredArray()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _bytes(data: object) -> bytes:
    if isinstance(data, str):
        return data.encode("latin1")
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    raise ForbiddenPickleError(f"it holds an array whose content is a {type(data).__name__}, not of numbers")


def _encode(text: str, *_: object) -> bytes:
    """Stands for codecs.encode, with which Python 3 writes bytes for Python 2 to read."""
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): StoredType,
    ("numpy", "ndarray"): StoredArray,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")  # before and since NumPy 2
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _empty_array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
