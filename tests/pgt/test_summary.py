"""What a model says of its own memory."""

from typing import Any

import pytest
import torch
from torch import nn

from pgt import Summary, explain, progressive, summary
from slowfast.config import load_config
from slowfast.models import build_model


def cfg_of(file: str, *overrides: Any) -> Any:
    tiny = ("NUM_GPUS", 0, "RESNET.WIDTH_PER_GROUP", 8, "DATA.TRAIN_CROP_SIZE", 64, "MODEL.NUM_CLASSES", 4)
    return load_config(f"configs/{file}.yaml", [*tiny, *overrides])


def test_slow_operators_see_frames_of_their_own_pathway_and_laterals_those_of_the_fast_one() -> None:
    found = summary(build_model(cfg_of("Kinetics/SLOWFAST_PGT", "PGT.CACHE", "last", "PGT.CACHE_MOMENTUM", 0.0)))
    slow = [operator for operator in found.operators if operator.path.startswith(("s4.pathway0", "s5.pathway0"))]
    assert [operator.alone for operator in slow] == [1 + 2 * number for number in range(1, 10)]  # nine kernels of 3
    laterals = {operator.path: operator for operator in found.operators if "conv_f2s" in operator.path}
    assert {operator.pathway for operator in laterals.values()} == {1}
    assert laterals["s1_fuse.conv_f2s"].alone == 5 + 4  # the stem's kernel of 5, and its own
    fast = next(operator for operator in found.operators if operator.path.startswith("s2.pathway1"))
    assert fast.alone == 5 + 2  # the lateral before it is a branch
    assert "pathway" in str(found).splitlines()[0]


def test_detection_models_are_summed_up_with_and_without_boxes() -> None:
    cfg = cfg_of("AVA/SLOWONLY_PGT")
    model = build_model(cfg)
    clip = [torch.randn(1, 3, cfg.PGT.STEP_LEN[0], 64, 64)]
    alone, given = summary(model, clip), summary(model, clip, torch.tensor([[0.0, 4, 4, 40, 40]]))
    assert alone == given
    assert alone.memory_bytes and f"{alone.memory_bytes} bytes go from step to step" in str(alone)


def test_what_was_not_given_a_memory_is_listed_with_the_reason() -> None:
    network = nn.Sequential(
        nn.Conv3d(3, 4, (2, 4, 4), stride=(2, 4, 4)),
        nn.Conv3d(4, 4, 3, padding=1),
        nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0)),
    )
    found = summary(progressive(network, step_len=4, overlap=2, leave=["2"]))
    assert [operator.path for operator in found.operators] == ["1"]
    assert set(found.forgetful) == {"0", "2"}
    assert "crosses a border" in found.forgetful["0"] and "as was asked" in found.forgetful["2"]
    assert str(found).endswith("\n".join(["without memory:", *(f"    {path}: {why}" for path, why in found.forgetful.items())]))


def test_the_summary_leaves_memory_and_modes_as_they_were() -> None:
    network = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4))
    model = progressive(network, step_len=4, overlap=1).train()
    network[1].eval()
    model.step(torch.randn(1, 3, 4, 5, 5))
    memory, buffers = model.memory(), {name: value.clone() for name, value in network.named_buffers()}
    assert isinstance(summary(model, torch.randn(2, 3, 4, 5, 5)), Summary)
    assert {name: value.tolist() for name, value in model.memory().items()} == {k: v.tolist() for k, v in memory.items()}
    assert network.training and network[0].training and not network[1].training
    assert all(torch.equal(value, buffers[name]) for name, value in network.named_buffers())


def test_the_former_name_still_prints_the_table_and_says_the_new_one() -> None:
    model = progressive(nn.Sequential(nn.Conv3d(3, 4, 3, padding=1)), step_len=4, overlap=1)
    with pytest.warns(FutureWarning, match=r"pgt\.summary"):
        assert explain(model) == str(summary(model))
