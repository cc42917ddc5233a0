"""Reading pickles without running them.

A pickle is a program: it names functions and calls them. Here every name it may use leads to a stand-in of ours that only
remembers numbers; any other name ends the reading. Nothing of the file is ever called, not even NumPy's own constructors.
"""

from __future__ import annotations

import io
import pickle
import sys
import tarfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

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

    def __setstate__(self, state: tuple[object, ...]) -> None:
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


class Inert(dict[object, object]):
    """Stands for a class that is not known here: takes whatever a pickle gives it, and does nothing. A dict, since such
    classes often are, and then may hold weights."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None: ...

    def append(self, _: object) -> None: ...

    def extend(self, _: object) -> None: ...

    def add(self, _: object) -> None: ...

    __hash__ = object.__hash__  # type: ignore[assignment]  # it may be a key
    __eq__ = object.__eq__


def load_plain_pickle(file: BinaryIO) -> object:
    """The object of a pickle, with StoredArray in the place of arrays and of NumPy's scalars.

    Texts of Python 2 are read as Latin-1. Raises ForbiddenPickleError for a pickle that names anything else, and what
    `pickle.load` raises for a damaged one.
    """
    return _PlainUnpickler(_Lines(file.read()), encoding="latin1").load()


def load_torch_pickle(path: Path) -> object:
    """What torch.save wrote, where it holds more than tensors and containers.

    Data of the standard library (paths, dates, namespaces, ...) and classes of other packages become Inert, arrays StoredArray.
    Raises ForbiddenPickleError for a file that names anything of the standard library, of torch or of NumPy that is no data,
    and what torch.load raises for a damaged one.
    """
    if tarfile.is_tarfile(path):
        raise pickle.UnpicklingError("it is a tar archive, as torch wrote them before version 0.2")
    # Not `weights_only`, which knows no containers but its own. What may be called is settled in _TorchUnpickler alone.
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=_TorchPickle)


class _Lines(io.BytesIO):
    """Raises EOFError for a line that is cut off, which would else name something else."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise EOFError
        return line


class _PlainUnpickler(pickle._Unpickler):
    """The one in Python: that in C can be made to ask for any amount of memory by a single damaged byte."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise ForbiddenPickleError(FORBIDDEN_CALL.format(f"{module}.{name}"))
        stand_in = _STAND_INS[module, name]
        # A function of its own for each use: a pickle can also write attributes onto what it has named.
        return lambda *arguments: stand_in(*arguments)


class _TorchUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module, name = _names_of_python_3(module, name)
        if module == "torch" and isinstance(dtype := getattr(torch, name, None), torch.dtype):
            return dtype
        stand_in = _STAND_INS.get((module, name)) or _TORCH_STAND_INS.get((module, name))
        if stand_in is not None:
            return lambda *arguments: stand_in(*arguments)
        if module.startswith("torch.nn."):
            raise ForbiddenPickleError(
                f"it holds a whole network ({module}.{name} is of its code); right would be a file of model.state_dict()"
            )
        root = module.partition(".")[0]
        if (root in sys.stdlib_module_names or root in _CODE) and not _is_data(module, name):
            raise ForbiddenPickleError(FORBIDDEN_CALL.format(f"{module}.{name}".removeprefix("builtins.")))
        return type("Inert", (Inert,), {})  # a class of its own for each use, for the same reason


class _TorchPickle:
    """What torch.load wants of a module like pickle."""

    Unpickler = _TorchUnpickler

    @staticmethod
    def load(file: BinaryIO, **options: Any) -> Any:
        return _TorchUnpickler(file, **options).load()


def _names_of_python_3(module: str, name: str) -> tuple[str, str]:
    """torch.save writes names as Python 2 knew them."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _is_data(module: str, name: str) -> bool:
    """Whether it is a type of the standard library or NumPy that only holds values."""
    whole_module = module in _DATA_MODULES or module.startswith(("numpy.random.", "torch.optim."))
    return name in _DATA.get(module, ()) or (whole_module and "." not in name)


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


_CODE = ("torch", "numpy")
"""Packages, besides the standard library, whose names are refused unless they are known to be data."""

_DATA_MODULES = (
    *("collections", "pathlib", "pathlib._local", "datetime", "decimal", "fractions", "uuid", "typing"),
    *("numpy.dtypes", "torch.torch_version"),
)
_DATA = {
    "argparse": ("Namespace",),
    "types": ("SimpleNamespace",),
    "copyreg": ("_reconstructor",),
    "torch": ("device", "Size", "Generator"),
    "builtins": (
        *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range"),
        *("set", "slice", "str", "tuple"),
    ),
}

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

_TORCH_STAND_INS: dict[tuple[str, str], Any] = {
    **{
        ("torch._utils", rebuild.__name__): rebuild
        for rebuild in (torch._utils._rebuild_tensor, torch._utils._rebuild_tensor_v2, torch._utils._rebuild_tensor_v3)
    },
    ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda data, *_: data,
    ("torch._tensor", "_rebuild_from_type_v2"): lambda rebuild, kind, arguments, state: rebuild(*arguments),
}
