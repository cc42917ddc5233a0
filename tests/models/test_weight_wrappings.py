"""Weights whose tensors fit are loaded, whatever stands around them; whatever wants to run something is refused."""

import argparse
import collections
import datetime
import decimal
import itertools
import operator
import os
import pathlib
import pickle
import subprocess
import types
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from fvcore.common.config import CfgNode

from slowfast.models.weights import WeightsError, load_weights, read_weights


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Enough names to tell our networks by."""
    shapes = {"s1.pathway0_stem.conv.weight": (2, 3), "s2.pathway0_res0.branch2.a.weight": (4,), "head.projection.bias": (5,)}
    return {name: torch.rand(shape) for name, shape in shapes.items()}


def assert_found(path: Path, weights: dict[str, torch.Tensor]) -> None:
    found = read_weights(path)
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(found[name], value), name


@dataclass
class Settings:
    """A class of the person who trained."""

    rate: float = 0.1
    names: tuple[str, ...] = ("a",)


Point = collections.namedtuple("Point", "x y")

BESIDE = {
    "NumPy scalar": np.float64(71.2),
    "NumPy array": np.arange(3),
    "generator": np.random.default_rng(0),
    "random state": np.random.get_state(),
    "namespace": argparse.Namespace(lr=0.1, path=Path("a/b")),
    "simple namespace": types.SimpleNamespace(lr=0.1),
    "defaultdict": collections.defaultdict(list, {"loss": [1.0]}),
    "ordered": collections.OrderedDict(a=1),
    "counter": collections.Counter("abba"),
    "deque": collections.deque([1, 2], maxlen=3),
    "path": Path("a/b"),
    "windows path": pathlib.PureWindowsPath("a/b"),
    "date": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
    "duration": datetime.timedelta(hours=1),
    "decimal": decimal.Decimal("1.5"),
    "number": uuid.UUID(int=1),
    "sets": [{1, 2}, frozenset({3}), range(3), slice(1, 2), 1j, b"bytes", bytearray(b"more")],
    "dataclass": Settings(),
    "named tuple": Point(1, 2),
    "config": CfgNode({"A": {"B": 1}}),
    "torch's": [torch.device("cpu"), torch.float16, torch.Size([1]), torch.__version__],
    "key": {Path("a"): Settings(), Settings: 1},
    "optimizer": torch.optim.SGD([torch.zeros(1)], lr=0.1),
    "rates": torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], lr=0.1), 1).state_dict(),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("zipped", [True, False])
def test_data_beside_weights_does_no_harm(tmp_path, weights, zipped, protocol):
    for name, beside in BESIDE.items():
        path = tmp_path / f"{name}.pth"
        content = {"args": beside, "model": weights, "more": [beside]}
        torch.save(content, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
        assert_found(path, weights)


@pytest.mark.parametrize(
    "keys",
    [
        *(("model_state",), ("state_dict",), ("model_state_dict",), ("model",), ("net",), ("network",), ("ema",), ("weights",)),
        *(("model", "state_dict"), ("state", "model"), ("checkpoint", "state", "net"), ("my_own",), ("generator",)),
    ],
)
def test_weights_are_found_under_any_key(tmp_path, weights, keys):
    content = weights
    for key in reversed(keys):
        content = {"epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(9)}}, "param_groups": []}, key: content}
    torch.save(content, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


def test_averages_over_a_training_come_after_its_weights(tmp_path, weights):
    torch.save({"ema": {name: value + 1 for name, value in weights.items()}, "model": weights}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


class Bunch(dict[str, torch.Tensor]):
    """A mapping of the person who trained."""


@pytest.mark.parametrize("container", [collections.OrderedDict, lambda x: collections.defaultdict(list, x), Bunch])
def test_weights_are_found_in_any_container(tmp_path, weights, container):
    torch.save({"model": container(weights)}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)
    torch.save(container(weights), tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


def test_arrays_are_as_good_as_tensors(tmp_path, weights):
    arrays = {name: value.numpy() for name, value in weights.items()}
    torch.save({"state_dict": arrays}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)
    np.savez(tmp_path / "w.npz", **arrays)
    assert_found(tmp_path / "w.npz", weights)


def test_numbers_among_weights_are_left_out_and_told(tmp_path, weights, caplog):
    caplog.set_level("INFO", logger="slowfast")
    torch.save({**weights, "epoch": 3}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)
    assert "left out: epoch" in caplog.text


PREFIXES = ("_orig_mod.", "model.", "backbone.", "module.", "network.", "net.")


@pytest.mark.parametrize(
    "prefix",
    [*("".join(parts) for parts in itertools.permutations(PREFIXES, 2)), "".join(PREFIXES), "encoder_q.", "a.b.module."],
)
def test_prefixes_of_wrappers_go_in_any_order(tmp_path, weights, prefix):
    torch.save({"state_dict": {f"{prefix}{name}": value for name, value in weights.items()}}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


@pytest.mark.parametrize("inside", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
def test_wrappers_of_parts_go_as_well(tmp_path, weights, inside):
    torch.save({name.replace(".", f".{inside}.", 1): value for name, value in weights.items()}, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


def test_backbone_and_head_may_have_different_prefixes(tmp_path, weights):
    mixed = {
        ("model.head" + name[4:] if name.startswith("head") else f"model.backbone.{name}"): v for name, v in weights.items()
    }
    torch.save(mixed, tmp_path / "w.pth")
    assert_found(tmp_path / "w.pth", weights)


@pytest.mark.parametrize("prefixes", [("student.", "teacher."), ("module.", "model.")])
def test_of_two_networks_neither_is_chosen(tmp_path, weights, prefixes):
    torch.save({prefix + name: value for prefix in prefixes for name, value in weights.items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: holds several networks, under .*CLEAR_NAME_PATTERN \["):
        read_weights(tmp_path / "w.pth")


def test_names_of_others_are_translated_behind_a_prefix(tmp_path):
    theirs = {"layer1.0.conv1.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}
    torch.save({f"module.encoder_q.{name}": value for name, value in theirs.items()}, tmp_path / "w.pth")
    assert list(read_weights(tmp_path / "w.pth")) == ["s2.pathway0_res0.branch2.a.weight", "head.projection.bias"]


def test_prefixes_also_go_when_a_state_dict_is_given(tiny):
    model = tiny("slow")
    state = {f"_orig_mod.module.{name}": value + 1 for name, value in model.state_dict().items()}
    assert load_weights(model, state).complete


def test_whole_network_is_told_from_its_weights(tmp_path):
    torch.save(torch.nn.Linear(1, 1), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"refused: it holds a whole network .*right would be a file of model\.state_dict"):
        read_weights(tmp_path / "w.pth")


def test_program_of_torch_is_refused(tmp_path):
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "w.pth"))
    with pytest.raises(WeightsError, match=r"w\.pth: "):
        read_weights(tmp_path / "w.pth")


class Calls:
    """Calls something when it is unpickled."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> object:
        return self.call


HOSTILE = {
    "os.system": lambda victim: Calls(os.system, f"touch {victim}"),
    "subprocess": lambda victim: Calls(subprocess.run, ["touch", victim]),
    "exec": lambda victim: Calls(exec, f"open({victim!r}, 'w')"),
    "eval": lambda victim: Calls(eval, f"open({victim!r}, 'w')"),
    "open": lambda victim: Calls(open, victim, "w"),
    "method": lambda victim: Calls(Path.touch, Path(victim)),
    "nested": lambda victim: Calls(operator.methodcaller("touch"), Path(victim)),
    "torch.save": lambda victim: Calls(torch.save, {}, victim),
    "numpy": lambda victim: Calls(np.savetxt, victim, [1.0]),
    "mkdir": lambda victim: Calls(os.makedirs, victim),
    "import": lambda victim: Calls(__import__, "antigravity"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_file_that_calls_something_is_refused_and_calls_nothing(tmp_path, weights, name, protocol):
    victim = tmp_path / "touched"
    hostile = HOSTILE[name](str(victim))
    if name != "import":
        pickle.loads(pickle.dumps(hostile))
        assert victim.exists()  # so it is hostile
        victim.rmdir() if victim.is_dir() else victim.unlink()
    for number, (place, zipped) in enumerate(itertools.product(("beside", "among", "instead"), (True, False))):
        content = {
            "beside": {"args": hostile, "model": weights},
            "among": {"model": {**weights, "x": hostile}},
            "instead": hostile,
        }
        path = tmp_path / f"{number}.pth"
        torch.save(content[place], path, _use_new_zipfile_serialization=zipped, pickle_protocol=max(2, protocol))
        with pytest.raises(WeightsError, match=r"refused: it wants to call "):
            read_weights(path)
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"blobs": {"pred_w": hostile}}, protocol=protocol))
    with pytest.raises(WeightsError, match=r"w\.pkl: refused: it wants to call "):
        read_weights(tmp_path / "w.pkl")
    assert not victim.exists()


class Attributes:
    """A class of the person who trained, with code that runs when it is unpickled by others."""

    def __setstate__(self, state: object) -> None:
        raise AssertionError("was run")

    def __getstate__(self) -> object:
        return {"a": 1}


def test_code_of_classes_of_others_is_not_run(tmp_path, weights):
    for protocol in (2, 4):
        torch.save({"model": weights, "x": Attributes()}, tmp_path / "w.pth", pickle_protocol=protocol)
        with pytest.raises(AssertionError, match="was run"):
            torch.load(tmp_path / "w.pth", weights_only=False)
        assert_found(tmp_path / "w.pth", weights)


def written(path: Path, weights: dict[str, torch.Tensor], kind: str) -> bytes:
    """The content of a file of weights."""
    arrays = {name: value.numpy() for name, value in weights.items()}
    if kind == "safetensors":
        safetensors.torch.save_file(weights, path)
    elif kind == "npz":
        np.savez(path.with_suffix(".npz"), **arrays)
        path = path.with_suffix(".npz")
    elif kind == "caffe2":
        path.write_bytes(pickle.dumps({"blobs": {"res2_0_branch2a_w": arrays["head.projection.bias"], "lr": 0.1}}, protocol=2))
    else:
        content = {"model": weights, "args": argparse.Namespace(a=1)} if "namespace" in kind else {"model": weights}
        torch.save(content, path, _use_new_zipfile_serialization="legacy" not in kind)
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind", ["torch", "torch namespace", "torch legacy", "torch legacy namespace", "safetensors", "npz", "caffe2"]
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_file_is_read_or_refused_in_one_line(tmp_path, weights, kind):
    whole = written(tmp_path / "w", weights, kind)
    random = np.random.default_rng(7)
    for number in range(80):
        content = bytearray(whole)
        if number % 4 == 0:
            del content[int(random.integers(len(whole))) :]
        else:
            for place in random.integers(len(whole), size=1 + number % 3):
                content[place] ^= 1 << int(random.integers(8))
        (tmp_path / "damaged").write_bytes(content)
        try:
            read_weights(tmp_path / "damaged")
        except WeightsError as error:
            assert str(error).startswith(f"{tmp_path / 'damaged'}: ")
            assert "\n" not in str(error)
        else:
            assert number % 4 or kind == "caffe2", "cut off, and not noticed"
