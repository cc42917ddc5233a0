"""Multiscale Vision Transformers as networks: sizes of clips, first weights, layers, detection, compiled training."""

import logging

import pytest
import torch

from slowfast.config import ConfigError
from slowfast.registry import MODELS

DETECTION = {
    "DETECTION__ENABLE": True,
    "DETECTION__SPATIAL_SCALE_FACTOR": 8,
    "MODEL__HEAD_ACT": "sigmoid",
    "MODEL__LOSS_FUNC": "bce",
}
BOXES = torch.tensor([[0, 2, 2, 20, 26], [1, 8, 0, 30, 30], [1, 0, 0, 9, 9]], dtype=torch.float32)


@pytest.mark.parametrize(
    "changes",
    [
        {"MVIT__MODE": "avg"},
        {"MVIT__MODE": "max"},
        {"MVIT__POOL_FIRST": True},
        {"MVIT__POOL_FIRST": True, "MVIT__MODE": "conv_unshared"},
        {"MVIT__SEPARATE_QKV": True},
        {"MVIT__QKV_BIAS": False},
        {"MVIT__CLS_EMBED_ON": False},
        {"MVIT__CLS_EMBED_ON": False, "MVIT__USE_MEAN_POOLING": False},
        {"MVIT__SEP_POS_EMBED": False},
        {"MVIT__USE_ABS_POS": False},
        {"MVIT__DIM_MUL_IN_ATT": False},
        {"MVIT__NORM_STEM": True},
        {"MVIT__POOL_KVQ_KERNEL": []},
        {"MVIT__POOL_KV_STRIDE_ADAPTIVE": [], "MVIT__POOL_KV_STRIDE": [[0, 2, 4, 4], [1, 1, 2, 2]]},
        {"MVIT__POOL_Q_STRIDE": [[1, 2, 2, 2]]},
    ],
)
def test_every_variant_gives_every_parameter_a_gradient_and_takes_clips_of_other_sizes(tiny, clip, changes):
    model = tiny("mvit", **changes).train()
    model(clip("mvit")).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []
    with torch.no_grad():
        assert model([torch.randn(1, 3, 12, 40, 56)]).shape == (1, 5)


def test_poolings_before_the_projections_are_as_wide_as_the_heads_of_what_a_block_reads(tiny):
    model = tiny("mvit", MVIT__POOL_FIRST=True)
    shapes = {name: tuple(value.shape) for name, value in model.blocks[1].attn.state_dict().items()}
    assert shapes["pool_q.weight"] == shapes["pool_v.weight"] == (4, 1, 3, 3, 3)  # 16 channels, 4 heads
    assert shapes["norm_k.weight"] == (4,)
    assert shapes["q.weight"] == shapes["v.weight"] == (32, 16)
    assert shapes["rel_pos_h"][1] == 8
    assert "qkv.weight" not in shapes


@pytest.mark.parametrize(("joint", "said"), [(True, 2), (False, 2)])
def test_positions_are_interpolated_for_other_clips_and_the_log_says_so_once(tiny, clip, caplog, joint, said):
    model = tiny("mvit", MVIT__SEP_POS_EMBED=not joint)
    with caplog.at_level(logging.INFO), torch.no_grad():
        model(clip("mvit"))
        assert not caplog.messages
        for _ in range(2):
            model(clip("mvit", size=48))
    assert len(caplog.messages) == said
    assert "relative positions within 4 x 8 x 8 tokens are interpolated (linear) for 4 x 12 x 12" in caplog.messages


def test_interpolated_positions_are_those_of_one_trilinear_interpolation(tiny):
    model = tiny("mvit", MVIT__CLS_EMBED_ON=False)
    frames = torch.zeros(1, 16, 6, 5, 7)
    _, separate = model._positioned(frames)
    summed = model.pos_embed_temporal[0, :, None] + model.pos_embed_spatial
    volume = summed.view(1, 4, 8, 8, 16).permute(0, 4, 1, 2, 3)
    wanted = torch.nn.functional.interpolate(volume, size=(6, 5, 7), mode="trilinear").permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(separate, wanted.flatten(2, 3))


def test_first_weights_are_those_of_the_published_trainings(tiny):
    model = tiny("mvit", MVIT__EMBED_DIM=64, MVIT__HEAD_INIT_SCALE=0.5, MODEL__NUM_CLASSES=100)
    state = model.state_dict()
    for name, std in (
        ("patch_embed.proj.weight", 0.02),
        ("blocks.0.attn.qkv.weight", 0.02),
        ("blocks.0.attn.pool_k.weight", 0.02),
        ("blocks.0.attn.rel_pos_h", 0.02),
        ("pos_embed_spatial", 0.02),
        ("head.projection.weight", 0.01),
    ):
        assert state[name].std().item() == pytest.approx(std, rel=0.1), name
    for name, value in (
        ("blocks.1.attn.qkv.bias", 0.02),
        ("norm.bias", 0.02),
        ("norm.weight", 1.0),
        ("head.projection.bias", 0.01),
    ):
        assert (state[name] == value).all(), name


def test_relative_positions_start_at_zero_if_asked_to(tiny):
    model = tiny("mvit", MVIT__REL_POS_ZERO_INIT=True)
    assert not any(table.any() for name, table in model.named_parameters() if "rel_pos" in name)


def test_layers_are_counted_from_the_stem_to_the_head(tiny):
    model = tiny("mvit")
    layers = {name: model.layer_of(name) for name, _ in model.named_parameters()}
    assert model.num_layers == 2
    assert {name for name, layer in layers.items() if layer == 0} == {
        *("cls_token", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_class"),
        *("patch_embed.proj.weight", "patch_embed.proj.bias"),
    }
    assert {layer for name, layer in layers.items() if name.startswith("blocks.1.")} == {2}
    assert {name for name, layer in layers.items() if layer == 3} == {
        *("norm.weight", "norm.bias", "head.projection.weight", "head.projection.bias")
    }


def test_decay_leaves_the_class_token_and_positions_alone_if_asked_to(tiny):
    tables = {"cls_token", "pos_embed_spatial", "pos_embed_temporal", "pos_embed_class", "rel_pos_h", "rel_pos_w", "rel_pos_t"}
    assert tiny("mvit").no_weight_decay() == tables
    assert tiny("mvit", MVIT__ZERO_DECAY_POS_CLS=False).no_weight_decay() == set()


def test_branches_are_dropped_the_more_often_the_deeper_they_are(tiny):
    model = tiny("mvit", MVIT__DEPTH=5, MVIT__DROPPATH_RATE=0.4)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(("strides", "frames"), [([[0, 1, 1, 1], [1, 1, 2, 2]], 2), ([[1, 2, 2, 2]], 4)])
def test_temporal_stride_is_that_of_patches_and_pooled_queries(config, strides, frames):
    assert MODELS.get("MViT").temporal_stride(config("mvit", MVIT__POOL_Q_STRIDE=strides)) == frames


@pytest.mark.parametrize("execution", ["3d", "2d"])
def test_persons_are_scored_from_the_normalised_tokens_of_their_boxes_over_all_slices(tiny, clip, execution):
    model, inputs = tiny("mvit", MODEL__EXECUTION=execution, **DETECTION), clip("mvit")
    with torch.no_grad():
        scores = model(inputs, BOXES)
        tokens, grid = model.tokens(inputs[0])
        [features] = model.features(inputs)
    assert (scores.shape, grid) == ((3, 5), (4, 4, 4, 1))
    torch.testing.assert_close(features.flatten(2).transpose(1, 2), model.norm(tokens)[:, 1:])
    whole = torch.tensor([[1.0, -1000.0, -1000.0, 1000.0, 1000.0]])
    torch.testing.assert_close(scores[1:2], model([inputs[0][1:]], BOXES[1:2] * torch.tensor([0, 1, 1, 1, 1])))
    assert model(inputs, whole[:0]).shape == (0, 5)


def test_last_block_with_persons_to_score_learns_its_relative_positions(tiny, clip):
    model = tiny("mvit", **DETECTION).train()
    model(clip("mvit"), BOXES).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.slow
def test_compiled_training_breaks_no_graph_and_has_the_same_gradients(tiny, clip):
    gradients = []
    for compiled in (False, True):
        model, inputs = tiny("mvit").train(), clip("mvit")
        forward = torch.compile(model, fullgraph=True, backend="aot_eager") if compiled else model
        forward(inputs).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(*gradients)
    torch._dynamo.reset()


def test_scores_in_half_precision_are_those_of_single_precision_to_two_digits(tiny, clip):
    model, inputs = tiny("mvit"), clip("mvit")
    with torch.no_grad():
        wanted = model(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(inputs)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, wanted, rtol=0.05, atol=0.005)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MODEL__ARCH": "slow"}, r"MODEL\.ARCH = 'slow'.*right would be: mvit"),
        ({"MVIT__DIM_MUL": [[2, 2.0]]}, "no block 2; right would be: blocks from 0 to 1"),
        ({"MVIT__DIM_MUL": [[1, 2.0], [1, 2.0]]}, "names a block twice"),
        ({"MVIT__DIM_MUL": [[0, 2.0]], "MVIT__DIM_MUL_IN_ATT": False}, r"MVIT\.EMBED_DIM for block 0"),
        ({"MVIT__DIM_MUL": [[1]]}, "has not 2 numbers"),
        ({"MVIT__HEAD_MUL": [[1, 0.3]]}, "block 1 has 32 channels and 0.6 heads"),
        ({"MVIT__NUM_HEADS": 3, "MVIT__HEAD_MUL": []}, "block 0 has 16 channels and 3 heads"),
        ({"MVIT__POOL_Q_STRIDE": [[1, 1, 0, 2]]}, "not above 0"),
        ({"MVIT__POOL_KV_STRIDE": [[0, 1, 2, 2]]}, "one of the two"),
        ({"MVIT__POOL_KV_STRIDE_ADAPTIVE": [1, 8]}, "has not 3 numbers"),
        ({"MVIT__POOL_KVQ_KERNEL": [3, 4, 4]}, "an odd number there"),
        ({"MVIT__MODE": "conv_unshared"}, "MVIT.POOL_FIRST True"),
        (
            {"MVIT__POOL_FIRST": True, "MVIT__HEAD_MUL": [[1, 16.0]], "MVIT__EMBED_DIM": 16},
            "32 heads of block 1 pool 16 channels",
        ),
        ({"DATA__TRAIN_CROP_SIZE": 7}, "at least 8"),
        ({**DETECTION, "DETECTION__SPATIAL_SCALE_FACTOR": 16}, "8 pixels wide"),
        ({"TRAIN__ACTIVATION_CHECKPOINTING": "stages"}, "right would be: blocks"),
    ],
)
def test_options_that_do_not_fit_are_refused(tiny, changes, words):
    with pytest.raises(ConfigError, match=words):
        tiny("mvit", **changes)


def test_pyslowfasts_switch_of_checkpointing_means_blocks(tiny):
    assert tiny("mvit", MODEL__ACT_CHECKPOINT=True).checkpointing == "blocks"
