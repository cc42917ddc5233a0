"""From the names of others to ours.

The lists of names are written down from the structure of each source's networks; they must give all names of PySlowFast's.
"""

import json
from pathlib import Path

import pytest
import torch

from slowfast.models.weights.names import in_our_names, naming_of

ZOO = Path(__file__).parents[1] / "data/golden/zoo"
R50 = (3, 4, 6, 3)
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def conv(path):
    return [f"{path}.weight"]


def norm(path):
    return [f"{path}.{kind}" for kind in NORM]


def linear(path):
    return [f"{path}.weight", f"{path}.bias"]


def ours(case):
    return {name for name, _ in json.loads((ZOO / f"{case}.json").read_text())["state_dict"]}


def hub_stage(prefix, num_blocks, *, squeezes=False, norms_shortcut=True):
    """A stage of pytorchvideo; X3D puts the norm of its middle convolution and what follows into a sequence."""
    names = []
    for index in range(num_blocks):
        block = f"{prefix}res_blocks.{index}."
        if index == 0:
            names += conv(f"{block}branch1_conv") + (norm(f"{block}branch1_norm") if norms_shortcut else [])
        for letter in "abc":
            names += conv(f"{block}branch2.conv_{letter}")
            names += norm(f"{block}branch2.norm_{letter}" + (".0" if squeezes and letter == "b" else ""))
        if squeezes and index % 2 == 0:
            names += linear(f"{block}branch2.norm_b.1.block.0") + linear(f"{block}branch2.norm_b.1.block.2")
    return names


def hub_slow():
    names = conv("blocks.0.conv") + norm("blocks.0.norm") + linear("blocks.5.proj")
    for stage, num_blocks in enumerate(R50, start=1):
        names += hub_stage(f"blocks.{stage}.", num_blocks)
    return names


def hub_i3d():
    """A pooling layer without weights takes number 2."""
    names = conv("blocks.0.conv") + norm("blocks.0.norm") + linear("blocks.6.proj")
    for stage, num_blocks in zip((1, 3, 4, 5), R50, strict=True):
        names += hub_stage(f"blocks.{stage}.", num_blocks)
    return names


def hub_slowfast():
    names = linear("blocks.6.proj")
    for pathway in (0, 1):
        stem = f"blocks.0.multipathway_blocks.{pathway}"
        names += conv(f"{stem}.conv") + norm(f"{stem}.norm")
        for stage, num_blocks in enumerate(R50, start=1):
            names += hub_stage(f"blocks.{stage}.multipathway_blocks.{pathway}.", num_blocks)
    for stage in range(4):
        fusion = f"blocks.{stage}.multipathway_fusion"
        names += conv(f"{fusion}.conv_fast_to_slow") + norm(f"{fusion}.norm")
    return names


def hub_x3d():
    """The first stage is as wide as the stem, so its shortcut has no norm."""
    names = conv("blocks.0.conv.conv_t") + conv("blocks.0.conv.conv_xy") + norm("blocks.0.norm")
    for stage, num_blocks in enumerate((3, 5, 11, 7), start=1):
        names += hub_stage(f"blocks.{stage}.", num_blocks, squeezes=True, norms_shortcut=stage > 1)
    names += conv("blocks.5.pool.pre_conv") + norm("blocks.5.pool.pre_norm") + conv("blocks.5.pool.post_conv")
    return names + linear("blocks.5.proj")


def picture_resnet50():
    names = conv("conv1") + norm("bn1") + linear("fc")
    for stage, num_blocks in enumerate(R50, start=1):
        for index in range(num_blocks):
            block = f"layer{stage}.{index}"
            for layer in (1, 2, 3):
                names += conv(f"{block}.conv{layer}") + norm(f"{block}.bn{layer}")
            if index == 0:
                names += conv(f"{block}.downsample.0") + norm(f"{block}.downsample.1")
    return names


def caffe2(*, pathways=("",), with_nonlocal=False):
    """Caffe2 has no counters of batches."""
    bn = ("s", "b", "rm", "riv")
    names = ["pred_w", "pred_b"]
    for pathway in pathways:
        names += [f"{pathway}conv1_w", *(f"{pathway}res_conv1_bn_{kind}" for kind in bn)]
        for stage, num_blocks in enumerate(R50, start=2):
            for index in range(num_blocks):
                for layer in ("1", "2a", "2b", "2c") if index == 0 else ("2a", "2b", "2c"):
                    path = f"{pathway}res{stage}_{index}_branch{layer}"
                    names += [f"{path}_w", *(f"{path}_bn_{kind}" for kind in bn)]
    if len(pathways) > 1:
        last = [
            f"t_res{stage}_{num_blocks - 1}_branch2c_bn_subsample" for stage, num_blocks in zip((2, 3, 4), R50, strict=False)
        ]
        for path in ("t_pool1_subsample", *last):
            names += [f"{path}_w", *(f"{path}_bn_{kind}" for kind in bn)]
    for stage, index in ((3, 1), (3, 3), (4, 1), (4, 3), (4, 5)) if with_nonlocal else ():
        path = f"nonlocal_conv{stage}_{index}"
        names += [f"{path}_{layer}_{kind}" for layer in ("theta", "phi", "g", "out") for kind in "wb"]
        names += [f"{path}_bn_{kind}" for kind in bn]
    return names


def alphaction(prefix=""):
    """Its lateral connections have no norm; the weights of Kinetics lie under "backbone."."""
    names = linear("cls_head.pred")
    for pathway in ("slow", "fast"):
        names += conv(f"{prefix}{pathway}.conv1") + norm(f"{prefix}{pathway}.bn1")
        for stage, num_blocks in enumerate(R50, start=1):
            for index in range(num_blocks):
                block = f"{prefix}{pathway}.res_nl{stage}.res_{index}"
                for layer in ("btnk.conv1", "btnk.conv2", "btnk.conv3", *(["shortcut"] if index == 0 else [])):
                    names += conv(f"{block}.{layer}.conv") + norm(f"{block}.{layer}.bn")
    return names + [name for stage in range(1, 5) for name in conv(f"{prefix}fast.Tconv{stage}.conv")]


def regnet_names(stem, head, block, layers, squeeze):
    """A RegNetY of one block a stage. layers: paths of (shortcut, a, b, c), convolution and norm each."""
    names = conv(stem[0]) + norm(stem[1]) + linear(head)
    for stage in range(4):
        for path, norm_path in layers:
            names += conv(f"{block(stage)}.{path}") + norm(f"{block(stage)}.{norm_path}")
        for path in squeeze:
            names += linear(f"{block(stage)}.{path}")
    return names


TORCHVISION = regnet_names(
    ("stem.0", "stem.1"), "fc", lambda stage: f"trunk_output.block{stage + 1}.block{stage + 1}-0",
    [("proj.0", "proj.1"), ("f.a.0", "f.a.1"), ("f.b.0", "f.b.1"), ("f.c.0", "f.c.1")], ("f.se.fc1", "f.se.fc2"),
)  # fmt: skip
TIMM = regnet_names(
    ("stem.conv", "stem.bn"), "head.fc", lambda stage: f"s{stage + 1}.b1",
    [("downsample.conv", "downsample.bn"), *((f"conv{n}.conv", f"conv{n}.bn") for n in (1, 2, 3))], ("se.fc1", "se.fc2"),
)  # fmt: skip
PYCLS = regnet_names(
    ("stem.conv", "stem.bn"), "head.fc", lambda stage: f"s{stage + 1}.b1",
    [("proj", "bn"), ("f.a", "f.a_bn"), ("f.b", "f.b_bn"), ("f.c", "f.c_bn")], ("f.se.f_ex.0", "f.se.f_ex.2"),
)  # fmt: skip
OUR_REGNET = regnet_names(
    ("s1.pathway0_stem.conv", "s1.pathway0_stem.bn"), "head.projection", lambda stage: f"s{stage + 2}.pathway0_res0",
    [("branch1", "branch1_bn"), *((f"branch2.{x}", f"branch2.{x}_bn") for x in "abc")], ("branch2.se.fc1", "branch2.se.fc2"),
)  # fmt: skip


def translated(names):
    return set(in_our_names({name: torch.zeros(1, 1) for name in names}))


def without_counters(names):
    return {name for name in names if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize(
    ("source", "case"),
    [
        pytest.param(hub_slow(), "SLOW_8x8_R50", id="pytorchvideo Slow"),
        pytest.param(hub_i3d(), "I3D_8x8_R50", id="pytorchvideo I3D"),
        pytest.param(hub_slowfast(), "SLOWFAST_8x8_R50", id="pytorchvideo SlowFast"),
        pytest.param(picture_resnet50(), "C2D_8x8_R50", id="torchvision ResNet"),
    ],
)
def test_every_weight_of_the_source_finds_its_counterpart(source, case):
    assert translated(source) == ours(case)


@pytest.mark.parametrize(
    ("source", "case"),
    [
        pytest.param(caffe2(), "SLOW_8x8_R50", id="Slow"),
        pytest.param(caffe2(pathways=("", "t_")), "SLOWFAST_8x8_R50", id="SlowFast"),
        pytest.param(caffe2(with_nonlocal=True), "I3D_NLN_8x8_R50", id="I3D with non-local blocks"),
    ],
)
def test_every_blob_of_caffe2_finds_its_counterpart(source, case):
    assert translated(source) == without_counters(ours(case))


def test_every_weight_of_pytorchvideos_x3d_finds_its_counterpart():
    counter = "s2.pathway0_res0.branch1_bn.num_batches_tracked"
    assert translated(hub_x3d()) == ours("X3D_S") - {counter}


def test_a_shortcut_without_a_norm_gets_one_that_changes_nothing():
    found = in_our_names({name: torch.zeros(6, 6) for name in hub_x3d()})
    norm = torch.nn.BatchNorm3d(6).eval()
    norm.load_state_dict({kind: found[f"s2.pathway0_res0.branch1_bn.{kind}"] for kind in NORM[:-1]}, strict=False)
    x = torch.randn(1, 6, 2, 3, 3)
    torch.testing.assert_close(norm(x), x, rtol=1e-5, atol=0)  # but for the norm's epsilon


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_every_weight_of_alphactions_slowfast_finds_its_counterpart(prefix):
    assert translated(alphaction(prefix)) == {name for name in ours("SLOWFAST_8x8_R50") if "_fuse.bn." not in name}


@pytest.mark.parametrize("names", [TORCHVISION, TIMM, PYCLS], ids=["torchvision", "timm", "pycls"])
def test_regnets_of_pictures_have_the_names_of_ours(names):
    assert translated(names) == set(OUR_REGNET)


def test_names_of_our_regnets_are_those_of_the_table(tiny):
    names = tiny("regnety").state_dict()
    assert set(OUR_REGNET) == {name for name in names if "_res" not in name or "_res0" in name}


@pytest.mark.parametrize(
    ("theirs", "wanted"),
    [
        ("res4_5_branch2b_w", "s4.pathway0_res5.branch2.b.weight"),
        ("res2_0_branch1_bn_riv", "s2.pathway0_res0.branch1_bn.running_var"),
        ("t_res5_2_branch2c_bn_rm", "s5.pathway1_res2.branch2.c_bn.running_mean"),
        ("t_conv1_w", "s1.pathway1_stem.conv.weight"),
        ("res_conv1_bn_s", "s1.pathway0_stem.bn.weight"),
        ("t_pool1_subsample_w", "s1_fuse.conv_f2s.weight"),
        ("t_res3_3_branch2c_bn_subsample_bn_b", "s3_fuse.bn.bias"),
        ("nonlocal_conv3_1_theta_w", "s3.pathway0_nonlocal1.conv_theta.weight"),
        ("pred_b", "head.projection.bias"),
        ("no_such_blob_w", "no_such_blob_w"),
    ],
)
def test_blobs_of_caffe2_are_renamed_as_documented(theirs, wanted):
    names = [*caffe2(pathways=("", "t_")), theirs]
    assert naming_of(dict.fromkeys(names)).translation(names)[theirs] == wanted


def test_x3ds_spatial_convolution_is_the_one_that_pytorchvideo_calls_temporal():
    state = {name: torch.zeros(1) for name in hub_x3d()}
    state["blocks.0.conv.conv_t.weight"] = torch.ones(24, 3, 1, 3, 3)
    assert in_our_names(state)["s1.pathway0_stem.conv_xy.weight"].shape == (24, 3, 1, 3, 3)


def test_the_stem_of_pycls_learns_the_order_of_our_colours():
    stems = {}
    for names in (TIMM, PYCLS):
        state = {name: torch.zeros(1) for name in names}
        state["stem.conv.weight"] = torch.arange(3.0).view(1, 3, 1, 1)
        stems[names is PYCLS] = in_our_names(state)["s1.pathway0_stem.conv.weight"].flatten().tolist()
    assert stems == {False: [0, 1, 2], True: [2, 1, 0]}


def test_our_own_names_stay_as_they_are(tiny):
    state = tiny("slowfast").state_dict()
    assert naming_of(state) is None
    assert list(in_our_names(state)) == list(state)
