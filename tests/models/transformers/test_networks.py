"""What TimeSformer and ViT promise beyond their published numbers, on tiny networks."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slowfast.config import ConfigError
from slowfast.models import build_model
from slowfast.models.transformers.network import TokenNetwork
from slowfast.models.transformers.timesformer import ClassTokenMean, DividedBlock, TimeSformer
from slowfast.models.transformers.vit import ViT
from tests.models.tiny_networks import tiny_config

SECTIONS = {"timesformer": "TIMESFORMER", "vit": "VIT"}
KINDS = {
    "timesformer": ("timesformer", {}),
    "videomae": ("vit", {}),
    "mae_st": ("vit", {"VIT__CLS_EMBED_ON": True, "VIT__SEP_POS_EMBED": True, "VIT__QKV_BIAS": "all"}),
}


def build(variant: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    model = build_model(tiny_config(variant, **changes))
    assert isinstance(model, TokenNetwork)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # first weights are so small that most of what they compute is invisible
            nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(params=sorted(KINDS))
def model(request: pytest.FixtureRequest) -> Any:
    variant, changes = KINDS[request.param]
    return build(variant, **changes)


def pixels(frames: int = 8, height: int = 32, width: int = 32, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, frames, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("frames", "height", "width"), [(16, 32, 32), (4, 32, 32), (8, 64, 48), (12, 40, 70)])
def test_clips_of_any_length_and_size_are_taken_with_a_line_in_the_log(
    model: Any, caplog: pytest.LogCaptureFixture, frames: int, height: int, width: int
) -> None:
    with caplog.at_level(logging.INFO):
        first = model.eval()([pixels()])
        assert not [message for message in caplog.messages if "interpolated" in message]
        scores = model([pixels(frames, height, width)])
    assert len([message for message in caplog.messages if "interpolated" in message]) == (frames != 8) + (height != 32)
    assert scores.shape == (2, 5) and scores.isfinite().all()
    torch.testing.assert_close(model([pixels()]), first)


@pytest.mark.parametrize("variant", SECTIONS)
def test_positions_may_be_made_for_clips_of_another_length(variant: str) -> None:
    model = build(variant, **{f"{SECTIONS[variant]}__NUM_FRAMES": 4, "DATA__NUM_FRAMES": 16})
    tables = {"timesformer": lambda m: m.time_embed.shape[1], "vit": lambda m: len(m.pos_embed) * 2}
    assert tables[variant](model) == 4
    assert model([pixels(16)]).shape == (2, 5)


def test_blocks_that_are_run_again_have_the_same_gradients(model: Any) -> None:
    model.train()
    for module in model.modules():
        if hasattr(module, "rate"):
            module.rate = 0.3  # what is dropped must be the same both times
    gradients = []
    for checkpointing in ("none", "blocks"):
        twin = copy.deepcopy(model)
        twin.checkpointing = checkpointing
        torch.manual_seed(3)
        twin([pixels()]).square().mean().backward()
        gradients.append([parameter.grad for parameter in twin.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("variant", SECTIONS)
def test_stages_to_run_again_are_refused(variant: str) -> None:
    with pytest.raises(ConfigError, match=r"has blocks, and no stages; right would be: blocks"):
        build(variant, TRAIN__ACTIVATION_CHECKPOINTING="stages")
    assert build(variant, MODEL__ACT_CHECKPOINT=True).checkpointing == "blocks"


@pytest.mark.slow
def test_training_compiles_to_one_graph(model: Any) -> None:
    compiled = torch.compile(model.train(), fullgraph=True, backend="aot_eager")
    try:
        torch.testing.assert_close(compiled([pixels()]), model([pixels()]))
        torch.testing.assert_close(compiled([pixels(16, 48, 48)]), model([pixels(16, 48, 48)]))
    finally:
        torch._dynamo.reset()


@pytest.mark.parametrize("variant", SECTIONS)
def test_execution_in_2d_changes_nothing(variant: str) -> None:
    flat, full = build(variant, MODEL__EXECUTION="2d").eval(), build(variant, MODEL__EXECUTION="3d").eval()
    torch.testing.assert_close(flat([pixels(8, 96, 96)]), full([pixels(8, 96, 96)]))


def test_layers_are_counted_from_stem_to_head(model: Any) -> None:
    layers = {name: model.layer_of(name) for name, _ in model.named_parameters()}
    assert model.num_layers == 2
    assert {
        layers.pop(name) for name in list(layers) if name.startswith(("patch_embed.", "pos_embed", "time_embed", "cls_token"))
    } == {0}
    assert {layers.pop(name) for name in list(layers) if name.startswith("blocks.1.")} == {2}
    assert {layers.pop(name) for name in list(layers) if name.startswith("blocks.0.")} == {1}
    assert set(layers.values()) == {3}


def test_positions_and_class_token_are_kept_from_weight_decay(model: Any) -> None:
    own = {name for name, _ in model.named_parameters(recurse=False)}
    assert model.no_weight_decay() == own


@pytest.mark.parametrize("variant", SECTIONS)
def test_drop_path_rises_from_nothing_in_the_first_block(variant: str) -> None:
    model = build(variant, **{f"{SECTIONS[variant]}__DROPPATH_RATE": 0.3, f"{SECTIONS[variant]}__DEPTH": 4})
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_first_weights_are_those_of_the_papers() -> None:
    wide = {"EMBED_DIM": 64, "DEPTH": 3, "NUM_HEADS": 2}
    for variant, section in SECTIONS.items():
        model = build_model(tiny_config(variant, **{f"{section}__{key}": value for key, value in wide.items()}))
        assert isinstance(model, TimeSformer | ViT)
        for name, parameter in model.named_parameters():
            if name.endswith((".bias", "_bias")) and not name.startswith("patch_embed."):
                assert not parameter.any(), name
            elif name.endswith(("qkv.weight", "proj.weight", "fc1.weight")) and "patch" not in name:
                assert parameter.std().item() == pytest.approx(0.02, rel=0.1), name
    assert model.head.weight.std().item() == pytest.approx(0.02 * 0.001, rel=0.2)
    timesformer = build_model(tiny_config("timesformer"))
    assert isinstance(timesformer, TimeSformer)
    assert [bool(block.temporal_fc.weight.any()) for block in timesformer.blocks] == [True, False]  # type: ignore[operator, union-attr]
    assert not timesformer.time_embed.any() and timesformer.pos_embed.std().item() == pytest.approx(0.02, rel=0.2)


def test_a_block_takes_a_class_token_of_the_clip_or_one_of_each_frame() -> None:
    block = build("timesformer").blocks[0]
    x, one = torch.randn(2, 3, 4, 16), torch.randn(2, 1, 16)
    told, places = block(one, x)
    assert told.shape == (2, 1, 16) and places.shape == x.shape
    same = block(one.expand(-1, 3, -1), x)
    torch.testing.assert_close(same[0], told.expand(-1, 3, -1))
    torch.testing.assert_close(same[1], places)


def test_frames_may_have_class_tokens_of_their_own() -> None:
    """With running means, a class token of a frame knows nothing of those to come."""

    class RunningMean(ClassTokenMean):
        def forward(self, x: Tensor) -> Tensor:
            return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]

    model = build("timesformer", TIMESFORMER__DEPTH=1).eval()
    whole = model([pixels()])
    model.blocks[0].class_token_mean = RunningMean()
    torch.testing.assert_close(model([pixels()]), whole)


def test_only_attention_along_time_mixes_the_places_of_frames() -> None:
    block = build("timesformer").blocks[0]
    assert isinstance(block, DividedBlock)
    nn.init.zeros_(block.temporal_fc.weight)
    x, other, token = torch.randn(2, 3, 4, 16), torch.randn(2, 3, 4, 16), torch.randn(2, 1, 16)
    other[:, 1] = x[:, 1]
    torch.testing.assert_close(block(token, other)[1][:, 1], block(token, x)[1][:, 1])


def test_the_mean_over_time_is_taken_by_a_pool_of_its_own() -> None:
    model = build("vit").eval()
    seen: list[Tensor] = []
    model.temporal_pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model([pixels()])
    assert [tuple(x.shape) for x in seen] == [(2, 16, 4, 1, 1)]
    torch.testing.assert_close(seen[0][..., 0, 0], model.features(pixels()).mean((3, 4)))


def test_the_largest_values_may_be_classified() -> None:
    model = build("vit", MODEL__FINAL_POOL=["max", "max"]).train()
    features = model.features(pixels()).amax((2, 3, 4))
    torch.testing.assert_close(model([pixels()]), model.head(model.fc_norm(features)))


def test_vit_classifies_boxes_and_timesformer_says_that_it_does_not() -> None:
    detection = {"DETECTION__ENABLE": True, "MODEL__HEAD_ACT": "sigmoid", "MODEL__LOSS_FUNC": "bce"}
    model = build("vit", **detection).eval()
    boxes = torch.tensor([[0.0, 0, 0, 16, 16], [1, 8, 8, 32, 32], [1, 0, 0, 31, 31]])
    assert model([pixels()], boxes).shape == (3, 5)
    assert (model([pixels(12, 64, 48)], boxes) <= 1).all()
    with pytest.raises(ConfigError, match=r"DETECTION\.ENABLE"):
        build("timesformer", **detection)
    with pytest.raises(ConfigError, match=r"SPATIAL_SCALE_FACTOR.*16 pixels wide"):
        build("vit", **detection, DETECTION__SPATIAL_SCALE_FACTOR=32)


@pytest.mark.parametrize(
    ("variant", "key", "value", "words"),
    [
        ("vit", "DATA.NUM_FRAMES", 9, "a multiple, such as 8"),
        ("vit", "VIT.NUM_FRAMES", 5, "a multiple, such as 4"),
        ("vit", "DATA.TRAIN_CROP_SIZE", 100, "a multiple, such as 96"),
        ("timesformer", "DATA.TRAIN_CROP_SIZE", 100, "a multiple, such as 96"),
        ("vit", "VIT.NUM_HEADS", 3, "a divisor"),
        ("timesformer", "TIMESFORMER.NUM_HEADS", 5, "a divisor"),
        ("timesformer", "TIMESFORMER.ATTENTION_TYPE", "space_only", "divided_space_time"),
        ("vit", "MODEL.ARCH", "slow", "vit"),
        ("timesformer", "NONLOCAL.LOCATION", [[[]], [[1]], [[]], [[]]], r"\[\[\[\]\]"),
    ],
)
def test_options_that_do_not_fit_are_refused(variant: str, key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"right would be: .*{words}") as caught:
        build(variant, **{key.replace(".", "__"): value})
    assert caught.value.key == key


def test_the_published_settings_of_timesformer_are_taken_with_a_word_on_its_dropout() -> None:
    theirs = {"MODEL__MODEL_NAME": "vit_base_patch16_224", "TIMESFORMER__ATTENTION_TYPE": "divided_space_time"}
    with pytest.warns(UserWarning, match="which it did not read there"):
        assert isinstance(build("timesformer", **theirs), TimeSformer)


def test_frames_that_are_no_whole_number_of_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"made of 2 frames, and 7 are no whole number of tokens; right would be: 6"):
        build("vit")([pixels(7)])
