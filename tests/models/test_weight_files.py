"""Files of weights of every format, whole, damaged and malicious."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from slowfast.models.weights import WeightsError, load_weights, read_weights

BLOBS = {
    "res2_0_branch2a_w": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    "res2_0_branch2a_bn_s": np.ones(2, np.float32),
    "pred_b": np.zeros(5, np.float64),
    "conv1_w_momentum": np.zeros(3, np.float32),
    "lr": np.float32(0.1),
    "model_iter": 7,
}

PYTHON_2 = (
    b"\x80\x02}U\x05blobs}U\x11res2_0_branch2a_w"
    b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x08\x00\x00\x80?\x00\x00 \xc0tbss."
)
"""{"blobs": {"res2_0_branch2a_w": array([1, -2.5], float32)}} as Python 2 pickles it, arrays as byte strings."""


@pytest.fixture
def state(tiny):
    return {name: value for name, value in tiny("slow").state_dict().items() if not name.endswith("num_batches_tracked")}


def write(path: Path, content: object, **options) -> Path:
    path.write_bytes(pickle.dumps(content, **options))
    return path


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("key", ["model_state", "state_dict", "model", None])
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_wherever_a_torch_file_keeps_them(tmp_path, state, key, zipped):
    content = {key: state, "epoch": 3, "cfg": "A: 1"} if key else state
    torch.save(content, tmp_path / "any.name", _use_new_zipfile_serialization=zipped)
    assert_same(read_weights(tmp_path / "any.name"), state)


def test_safetensors_are_told_by_their_content(tmp_path, state):
    safetensors.torch.save_file(state, tmp_path / "weights.pyth")
    found = read_weights(tmp_path / "weights.pyth")
    assert_same({name: found[name] for name in state}, state)


@pytest.mark.parametrize("protocol", range(6))
def test_caffe2_blobs_come_without_what_belongs_to_the_training(tmp_path, protocol):
    found = read_weights(write(tmp_path / "zoo.pkl", {"blobs": OrderedDict(BLOBS)}, protocol=protocol))
    assert list(found) == [
        "s2.pathway0_res0.branch2.a.weight",
        "s2.pathway0_res0.branch2.a_bn.weight",
        "head.projection.bias",
    ]
    assert np.array_equal(found["s2.pathway0_res0.branch2.a.weight"], BLOBS["res2_0_branch2a_w"])
    assert found["head.projection.bias"].dtype == torch.float64


@pytest.mark.parametrize("layout", ["fortran", "big endian", "strided"])
def test_arrays_of_any_layout_keep_their_values(tmp_path, layout):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    stored = {"fortran": np.asfortranarray(array), "big endian": array.astype(">f4"), "strided": np.repeat(array, 2, 1)[:, ::2]}
    found = read_weights(write(tmp_path / "zoo.pkl", {"blobs": {"pred_w": stored[layout]}}, protocol=2))
    assert np.array_equal(found["pred_w"], array)


def test_files_of_python_2_are_read(tmp_path):
    (tmp_path / "zoo.pkl").write_bytes(PYTHON_2)
    assert read_weights(tmp_path / "zoo.pkl")["s2.pathway0_res0.branch2.a.weight"].tolist() == [1, -2.5]


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("where", ["a pickle", "a blob", "a torch file"])
def test_a_file_that_wants_to_run_something_is_refused_before_it_does(tmp_path, where):
    victim, path = tmp_path / "touched", tmp_path / "weights.pkl"
    if where == "a torch file":
        torch.save({"model_state": Malicious(victim)}, path)
    else:
        write(path, {"blobs": {"pred_w": Malicious(victim)}} if where == "a blob" else Malicious(victim))
    with pytest.raises(WeightsError, match=r"weights\.pkl: refused: it wants to call (pathlib|(builtins\.)?getattr)"):
        read_weights(path)
    assert not victim.exists()
    if where != "a torch file":
        pickle.loads(path.read_bytes())
        assert victim.exists()  # so the file was dangerous


@pytest.mark.parametrize("call", ["os\nsystem", "builtins\neval", "builtins\ngetattr", "numpy\nload", "torch\nload"])
def test_no_function_of_others_can_be_named(tmp_path, call):
    (tmp_path / "weights.pkl").write_bytes(f"c{call}\n(Vx\ntR.".encode())
    with pytest.raises(WeightsError, match=f"wants to call {call}".replace("\n", r"\.")):
        read_weights(tmp_path / "weights.pkl")


def test_a_file_cannot_change_how_the_next_one_is_read(tmp_path):
    overwrites = b"\x80\x02cnumpy\nndarray\nN}X\x08\x00\x00\x00to_numpyK\x01s\x86b."
    (tmp_path / "first.pkl").write_bytes(overwrites)
    with pytest.raises(WeightsError, match="without a dict"):
        read_weights(tmp_path / "first.pkl")
    assert read_weights(write(tmp_path / "second.pkl", {"blobs": {"pred_b": np.ones(2)}}))["pred_b"].sum() == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"blobs": {"pred_w": np.array(["text"])}}, "not of numbers"),
        ({"blobs": {"pred_w": np.array([None])}}, "not of numbers"),
        ({"blob": {}}, 'without a dict "blobs"'),
        ([1, 2], 'without a dict "blobs"'),
    ],
)
def test_pickles_that_hold_no_weights_are_refused(tmp_path, content, why):
    with pytest.raises(WeightsError, match=f"zoo.pkl: .*{why}"):
        read_weights(write(tmp_path / "zoo.pkl", content))


@pytest.mark.parametrize(
    "content", [b"", b"not weights", b"PK\x03\x04 cut off", b"\x10" + bytes(7) + b"{broken header}", PYTHON_2[:80]]
)
def test_damaged_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "half.pyth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"half\.pyth: damaged, or not a file of weights"):
        read_weights(tmp_path / "half.pyth")


@pytest.mark.parametrize(("content", "why"), [(torch.zeros(3), "holds a Tensor"), ({"epoch": 3}, "epoch is a int")])
def test_torch_files_without_weights_are_refused(tmp_path, content, why):
    torch.save(content, tmp_path / "odd.pyth")
    with pytest.raises(WeightsError, match=rf"odd\.pyth: .*{why}"):
        read_weights(tmp_path / "odd.pyth")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.pyth: there is no such file"):
        read_weights(tmp_path / "nowhere.pyth")


def test_a_folder_is_no_file_of_weights(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(tmp_path)


def test_files_may_be_named_by_uri(tmp_path, state, monkeypatch):
    from iopath.common.file_io import PathHandler, g_pathmgr

    class Shelf(PathHandler):
        def _get_supported_prefixes(self):
            return ["shelf://"]

        def _get_local_path(self, path, force=False, **kwargs):
            return str(tmp_path / path.removeprefix("shelf://"))

    g_pathmgr.register_handler(Shelf())
    torch.save(state, tmp_path / "weights.pyth")
    assert_same(read_weights("shelf://weights.pyth"), state)


def test_pictures_of_a_file_train_on_as_clips(tmp_path, tiny):
    """A RegNet as timm saves it, read, inflated and loaded."""
    model = tiny("regnetx")
    layers = {"branch1.": "downsample.conv.", "branch1_bn.": "downsample.bn."}
    layers |= {
        f"branch2.{x}{end}": f"conv{n}.{kind}." for n, x in enumerate("abc", 1) for end, kind in ((".", "conv"), ("_bn.", "bn"))
    }
    theirs = {}
    for name, value in model.state_dict().items():
        stage, _, rest = name.partition(".pathway0_res")
        number, _, layer = rest.partition(".")
        found = [theirs for ours, theirs in layers.items() if layer.startswith(ours)]
        flat = value.sum(2) if value.ndim == 5 else value
        if rest:
            theirs[f"s{int(stage[1:]) - 1}.b{int(number) + 1}.{found[0]}{name.rpartition('.')[2]}"] = flat
        else:
            theirs[name.replace("s1.pathway0_stem", "stem").replace("head.projection", "head.fc")] = flat
    torch.save(theirs, tmp_path / "regnetx.pth")
    report = load_weights(tiny("regnetx"), read_weights(tmp_path / "regnetx.pth"), inflate=True)
    assert report.complete
    assert report.unexpected == ()


def test_parts_are_taken_out_of_names_before_anything_else(tmp_path, state):
    torch.save({"model_state": {f"module.backbone.{name}": value for name, value in state.items()}}, tmp_path / "x.pyth")
    assert set(read_weights(tmp_path / "x.pyth", clear=["backbone."])) == set(state)


def test_a_part_that_is_in_no_name_is_told(tmp_path, state, caplog):
    torch.save(state, tmp_path / "x.pyth")
    assert set(read_weights(tmp_path / "x.pyth", clear=["backbone."])) == set(state)
    assert "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN: no name of these weights holds 'backbone.'" in caplog.text


def test_names_that_would_become_the_same_are_refused(tmp_path):
    torch.save({"a.weight": torch.zeros(1), "b.a.weight": torch.zeros(1)}, tmp_path / "x.pyth")
    with pytest.raises(WeightsError, match=r"x\.pyth: without 'b\.', 1 of its names are no longer different"):
        read_weights(tmp_path / "x.pyth", clear=["b."])


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 16))
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bomb\.npz: damaged.* would become 4294967294"):
        read_weights(path)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (torch.eye(3).to_sparse(), "of the layout torch.sparse_coo"),
        (torch.ones(3, device="meta"), "of the device meta"),
        (torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "quantized"),
        (torch.ones(3, dtype=torch.complex64), "complex"),
    ],
)
def test_tensors_that_are_no_plain_numbers_are_refused_by_name(tmp_path, value, kind):
    path = tmp_path / "odd.pth"
    torch.save({"pred.weight": value}, path)
    with pytest.raises(WeightsError, match=rf"odd\.pth: 'pred\.weight' is .*{kind}"):
        read_weights(path)
