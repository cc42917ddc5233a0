"""Files of weights that nobody's training wrote: programs instead of numbers, and a few bytes that claim to be terabytes."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

CALLS = (
    *("os system", "posix system", "subprocess Popen", "subprocess check_output", "builtins eval", "builtins exec"),
    *("builtins getattr", "builtins __import__", "builtins open", "importlib import_module", "runpy run_path", "pty spawn"),
    *("functools partial", "operator attrgetter", "operator methodcaller", "codecs open", "timeit timeit", "code interact"),
    *("pickle loads", "_pickle loads", "marshal loads", "types FunctionType", "ctypes CDLL", "socket create_connection"),
    *("webbrowser open", "shutil rmtree", "pathlib Path.touch", "torch load", "torch.hub load", "torch.jit load"),
    *("torch.serialization load", "torch._utils _rebuild_wrapper_subclass", "numpy load", "numpy fromfile"),
    *("torch.utils.cpp_extension load", "bdb Bdb.run"),
    *("numpy.testing._private.utils runstring", "numpy.f2py compile", "pydoc pipepager", "cProfile run", "pdb run"),
    *("asyncio.unix_events _UnixSubprocessTransport._start", "logging.config fileConfig", "sys setrecursionlimit"),
    *("os.path join", "torch.nn.modules.linear Linear", "slowfast.engine.checkpoint save", "collections.abc Callable"),
)  # fmt: skip
"""Module and name of what a pickle would like to call."""


def program(call: str, way: str, canary: Path) -> bytes:
    """A pickle that calls something with the text of a command, which would make the file `canary`."""
    module, name = call.split()
    text = f"touch {canary}".encode()
    argument = b"X" + struct.pack("<I", len(text)) + text
    if way == "instance":
        return b"(" + argument + b"i" + f"{module}\n{name}\n".encode() + b"."
    named = b"c" + f"{module}\n{name}\n".encode()
    if way == "stack":
        texts = [b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)]
        named = b"".join(texts) + b"\x93"
        return b"\x80\x04" + named + argument + b"\x85R."
    if way == "new":
        return b"\x80\x02" + named + argument + b"\x85\x81."
    if way == "object":
        return b"(" + named + argument + b"o."
    if way == "state":  # the call hides in what an object is filled with
        return b"\x80\x02}" + b"X\x01\x00\x00\x00a" + named + argument + b"\x85Rs."
    return b"\x80\x02" + named + argument + b"\x85R."


WAYS = ("reduce", "instance", "stack", "new", "object", "state")


def in_torch_archive(data: bytes, path: Path) -> None:
    """The pickle of a file that torch wrote is replaced."""
    whole = io.BytesIO()
    torch.save({"state_dict": {"a": torch.ones(3)}}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, data if name.endswith("data.pkl") else source.read(name))


def programs(folder: Path) -> Iterator[tuple[str, Path]]:
    """(what it is, the file) for every call in every way, as a bare pickle and within a file of torch."""
    for number, call in enumerate(CALLS):
        for way in WAYS:
            data = program(call, way, folder / "canary")
            path = folder / f"{number}_{way}.pkl"
            path.write_bytes(data)
            yield f"pickle, {call}, {way}", path
            path = folder / f"{number}_{way}.pth"
            in_torch_archive(data, path)
            yield f"torch file, {call}, {way}", path


def giants(folder: Path) -> Iterator[tuple[str, Path]]:
    """Small files that claim to be huge."""
    for length in (2**63 - 1, 2**40, 100_000_001, 2**64 - 1):
        path = folder / f"{length}.safetensors"
        path.write_bytes(struct.pack("<Q", length) + b'{"a": ')
        yield f"safetensors whose header has {length} bytes", path
    for shape, ends in (([2**40], [0, 2**42]), ([2**62, 2**62], [0, 8]), ([-1], [0, 4]), ([3], [8, 4]), ([1], [0, 10**30])):
        header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": ends}}).encode()
        path = folder / f"shape {shape[0]} {ends[1]}.safetensors"
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
        yield f"safetensors of shape {shape} at {ends}", path
    for declared in (b"(1099511627776,)", b"(-1,)", b"(4611686018427387904, 4611686018427387904)", b"(" * 500):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + declared + b", }"
        header += b" " * (-len(header) % 64) + b"\n"
        path = folder / f"{len(declared)}.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + bytes(1 << 16))
        yield f"npz of shape {declared[:40]!r}", path
    path = folder / "zeros.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w", force_zip64=True) as file:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (536870912,), }".ljust(117) + b"\n"
        file.write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
        for _ in range(2 << 10):
            file.write(bytes(1 << 20))
    yield "npz of two megabytes that holds two gigabytes", path
    for what, count in (("bytes", b"B"), ("text", b"X"), ("long", b"\x8b"), ("memo", b"r")):
        path = folder / f"{what}.pkl"
        path.write_bytes(b"\x80\x02" + count + struct.pack("<I", 2**31 - 2) + b"abc.")
        yield f"pickle with a {what} of two gigabytes", path
    path = folder / "frame.pkl"
    path.write_bytes(b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.")
    yield "pickle with a frame of exabytes", path
    for name, tensor in (
        ("expanded", torch.ones(1).expand(2**40)),
        ("strided", torch.ones(4).as_strided((2**20, 2**20), (0, 0))),
    ):
        path = folder / f"{name}.pth"
        torch.save({"state_dict": {"s1.pathway0_stem.conv.weight": tensor, "head.projection.bias": tensor}}, path)
        yield f"torch file with an {name} tensor of 2**40 numbers", path
    path = folder / "nested.pkl"
    path.write_bytes(b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".")
    yield "pickle of lists in lists", path
    laughs = (
        b"\x80\x02]"
        + b"q\0"
        + b"".join(b"](" + b"h" + bytes([n]) * 1 + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(60))
    )
    (folder / "laughs.pkl").write_bytes(laughs + b".")
    yield "pickle of a billion laughs", folder / "laughs.pkl"


def odd_contents(folder: Path, state: dict[str, torch.Tensor]) -> Iterator[tuple[str, Path]]:
    """Files that are whole, and hold something else than the weights of the network."""
    first = next(iter(state))
    changes: dict[str, object] = {
        "a list": list(state.values()), "numbers for names": dict(enumerate(state.values())), "a text": "weights", "None": None,
        "no weights": {}, "texts": dict.fromkeys(state, "text"), "other shapes": {k: v[..., None] for k, v in state.items()},
        "no dimensions": {k: torch.tensor(1.0) for k in state}, "whole numbers": {k: v.long() for k, v in state.items()},
        "complex": {k: v.to(torch.complex64) for k, v in state.items()}, "half": {k: v.half() for k, v in state.items()},
        "bfloat16": {k: v.bfloat16() for k, v in state.items()}, "truths": {k: v > 0 for k, v in state.items()},
        "sparse": {k: v.to_sparse() for k, v in state.items()}, "empty": {k: v[:0] for k, v in state.items() if v.dim()},
        "meta": {k: v.to("meta") for k, v in state.items()}, "quantized": {
            k: torch.quantize_per_tensor(v.float(), 0.1, 0, torch.qint8) for k, v in state.items()
        },
        "one only": {first: state[first]}, "in itself": {}, "names of others": {f"x.{k}": v for k, v in state.items()},
        "wrapped ten times": state, "NaN": {k: torch.full(v.shape, float("nan")) for k, v in state.items()},
        "a name of a megabyte": {"x" * 1_000_000: state[first], **state}, "a set": {1, 2}, "bytes": b"bytes", "strange names":
        {"\n": state[first], "": state[first], **state}, "a number": 3.5, "numpy": {k: v.numpy() for k, v in state.items()},
        "numpy objects": {k: [v.numpy().astype(object)] for k, v in state.items()},
        "float8": {k: v.to(torch.float8_e4m3fn) for k, v in state.items()},
    }  # fmt: skip
    changes["in itself"]["state_dict"] = changes["in itself"]  # type: ignore[index]
    for _ in range(10):
        changes["wrapped ten times"] = {"model": changes["wrapped ten times"]}
    for number, (what, content) in enumerate(changes.items()):
        path = folder / f"odd{number}.pth"
        torch.save(content, path)
        yield f"torch file: {what}", path
        path = folder / f"odd{number}.pkl"
        with path.open("wb") as file:
            pickle.dump({"blobs": content}, file)
        yield f"pickle: {what}", path
