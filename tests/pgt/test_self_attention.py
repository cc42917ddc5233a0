"""Attention that others wrote remembers where it plainly is self-attention, and is refused by path otherwise."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgt import AttentionCallError, UnsupportedOperatorError, progressive, verify
from tests.pgt.foreign_attention import HIDDEN, UNDERSTOOD, Residual, SeparateAttention, TimmAttention, network
from tests.pgt.foreign_transformers import CHANNELS, SelfAttention, Tokens, clip, cuts, layout, make, parts, run

every_kind = pytest.mark.parametrize("kind", UNDERSTOOD)


@settings(max_examples=40, deadline=None)
@given(borders=cuts(), kind=st.sampled_from(sorted(UNDERSTOOD)), extra=st.integers(0, 2), slices=st.integers(1, 11))
def test_any_cut_of_causal_attention_gives_what_one_pass_gives(borders: list[int], kind: str, extra: int, slices: int) -> None:
    model = make(lambda: network(kind, kind, extra=extra), extra, operator="causal", attention_slices=slices)
    x = clip()
    with torch.no_grad():
        torch.testing.assert_close(parts(run(model, x, borders), extra), parts([model(x)], extra), rtol=0, atol=1e-12)


@every_kind
def test_one_pass_and_the_first_step_are_the_plain_network(kind: str) -> None:
    torch.manual_seed(0)
    plain, x = network(kind, extra=1).double().eval(), clip(frames=4)
    with torch.no_grad():
        expected, model = plain(x), make(lambda: network(kind, extra=1), 1)
        torch.testing.assert_close([model(x), model.step(x)], [expected, expected], rtol=0, atol=0)


@every_kind
def test_a_step_that_remembers_all_of_the_step_before_gives_what_one_pass_over_both_gives(kind: str) -> None:
    """Local attention of one layer: so what the operator computes is what the module computes."""
    model, x = make(lambda: network(kind), 0, attention_slices=4), clip(frames=8)
    with torch.no_grad():
        torch.testing.assert_close(run(model, x, [4])[1], model(x)[:, 24:], rtol=0, atol=1e-12)


@every_kind
@pytest.mark.parametrize("operator", ["local", "causal"])
def test_these_networks_pass_verification(kind: str, operator: Any) -> None:
    model = make(lambda: network(kind, kind, extra=1), 1, operator=operator)
    assert {"blocks.0.attn", "blocks.1.attn"} <= set(verify(model, clip()).remembering)


@every_kind
def test_names_and_parameters_stay(kind: str) -> None:
    plain = network(kind)
    before = dict(plain.named_parameters())
    model = progressive(plain, step_len=4, overlap=0, tokens=layout())
    assert all(before.pop(name) is parameter for name, parameter in model.named_parameters()) and not before


def test_several_kinds_of_attention_in_one_network_remember() -> None:
    blocks = [Residual(UNDERSTOOD["timm"]()), SelfAttention(batch_first=True), Residual(UNDERSTOOD["separate"]())]
    model, x = make(lambda: Tokens(blocks, extra=2), 2, operator="causal", attention_slices=2), clip()
    assert model.operators == ("blocks.0.attn", "blocks.1.attention", "blocks.2.attn")
    with torch.no_grad():
        torch.testing.assert_close(parts(run(model, x, [1, 3, 8]), 2), parts([model(x)], 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", HIDDEN)
def test_what_hides_something_in_its_attention_is_refused_by_path(name: str) -> None:
    build, words = HIDDEN[name]
    plain = Tokens([Residual(TimmAttention()), Residual(build())])
    kinds = [type(part) for part in plain.modules()]
    with pytest.raises(UnsupportedOperatorError, match=rf"^blocks\.1\.attn: it looks like attention, but .*{words}.*leave"):
        progressive(plain, step_len=4, overlap=0, tokens=layout())
    assert [type(part) for part in plain.modules()] == kinds
    assert "blocks.1.attn" in progressive(plain, step_len=4, overlap=0, tokens=layout(), leave=["blocks.1.attn"]).alone


@every_kind
def test_attention_of_which_nobody_told_how_its_tokens_lie_is_refused_by_path(kind: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"^blocks\.0\.attn: .*tokens=TokenLayout\(time=.*`leave`"):
        progressive(network(kind), step_len=4, overlap=0)


def test_one_attention_of_several_remembers_where_that_is_asked_for() -> None:
    model, x = make(lambda: network("timm", "separate", "timm"), 0, attention_every=2), clip()
    assert model.operators == ("blocks.0.attn", "blocks.2.attn") and "attention_every" in model.alone["blocks.1.attn"]
    verify(model, x)


def test_looking_at_a_module_runs_none_of_its_hooks_and_draws_no_number() -> None:
    plain, called = network("timm"), []
    for part in plain.modules():
        part.register_forward_hook(lambda *_: called.append(1))
    state = torch.get_rng_state()
    progressive(plain, step_len=4, overlap=0, tokens=layout())
    assert not called and torch.equal(torch.get_rng_state(), state)


def test_networks_without_weights_yet_are_looked_at_too() -> None:
    with torch.device("meta"):
        plain = network("timm")
    assert progressive(plain, step_len=4, overlap=0, tokens=layout()).operators == ("blocks.0.attn",)


def test_a_mask_is_refused_by_path() -> None:
    model = make(lambda: Tokens([Residual(TimmAttention(), attn_mask=torch.zeros(24, 24))]), 0)
    with pytest.raises(AttentionCallError, match=r"^blocks\.0\.attn: called with attn_mask.*right would be"):
        model.step(clip(frames=4))


def test_weights_that_are_asked_for_tell_of_what_is_remembered_first() -> None:
    model = make(lambda: nn.Sequential(SeparateAttention()), 0)
    attention, x = model.network[0], torch.randn(1, 24, CHANNELS, dtype=torch.float64)  # type: ignore[index]
    for keys in (24, 6 + 24):
        with model._memory.step(input_shapes=((1, 4),)):
            mixed, weights = attention(x, output_attentions=True)
        assert mixed.shape == x.shape and weights.shape[-1] == keys
    with model._memory.step(input_shapes=((1, 4),)):
        assert len(attention(hidden_states=x)) == 1


@every_kind
def test_rows_that_begin_give_what_they_give_alone(kind: str) -> None:
    model, x = make(lambda: network(kind, kind, extra=1), 1, attention_slices=3), clip(rows=2)
    with torch.no_grad():
        model.step(x[:, :, :2])
        mixed = model.step(x[:, :, 2:4], begins=torch.tensor([False, True]))
        expected = torch.cat([run(model, x[:1, :, :4], [2])[1], run(model, x[1:, :, 2:4], [])[0]])
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory", ["last", "max", "avg"])
def test_every_parameter_learns_in_later_steps_dropouts_and_offsets_of_ages_with_them(memory: Any) -> None:
    model = make(lambda: network("timm with norms", "separate"), 0, memory=memory, age_offsets=True, attention_slices=2)
    outputs = run(model.train(), clip(), [4, 8])
    outputs[-1].square().sum().backward()
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if "class_token" not in name)
    assert model.network.blocks[0].attn.age_offsets.grad.abs().sum() > 0  # type: ignore[index, union-attr]


def test_copies_and_pickles_go_on_by_themselves() -> None:
    model, x = make(lambda: network("timm", "separate"), 0, attention_slices=2), clip()
    with torch.no_grad():
        model.step(x[:, :, :4])
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        twins = [copy.deepcopy(model), torch.load(file, weights_only=False)]
        expected = model.step(x[:, :, 4:8])
        for twin in twins:
            torch.testing.assert_close(twin.step(x[:, :, 4:8]), expected, rtol=0, atol=0)


@pytest.mark.parametrize("reentrant", [False, True])
def test_blocks_that_are_run_again_in_the_backward_pass_give_the_same_gradients(reentrant: bool) -> None:
    class Checkpointed(Residual):
        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = checkpoint(super().forward, x, use_reentrant=reentrant)
            return found

    gradients = []
    for block in (Residual, Checkpointed):
        model = make(lambda block=block: Tokens([block(TimmAttention()), block(TimmAttention())]), 0, operator="causal")
        for y in run(model.train(), clip(), [4, 7]):
            y.square().sum().backward()
        gradients.append([p.grad for name, p in model.named_parameters() if "class_token" not in name])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("operator", ["local", "causal"])
def test_compiled_steps_give_what_plain_ones_give(operator: Any) -> None:
    torch._dynamo.reset()
    model, x = make(lambda: network("timm", "separate", extra=1), 1, operator=operator, attention_slices=2), clip()
    with torch.no_grad():
        expected = run(model, x, [4, 7])
        compiled: Any = torch.compile(model, backend="eager", dynamic=False)
        torch.testing.assert_close(run(compiled, x, [4, 7]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_takes_steps(dtype: torch.dtype) -> None:
    model = make(lambda: network("timm with norms", "separate"), 0, attention_slices=2).to(dtype)
    with torch.no_grad():
        outputs = run(model, clip().to(dtype), [1, 4])
    assert all(y.dtype == dtype and y.isfinite().all() for y in outputs)


class VideoOfTimm(nn.Module):
    """The blocks of a vision transformer of timm's over the tokens of all pictures of a clip, behind its class token."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        timm = pytest.importorskip("timm.models.vision_transformer", reason="timm, which needs torchvision, is not installed")
        sizes = {"img_size": (4, 6), "patch_size": 2, "embed_dim": CHANNELS, "depth": 2, "num_heads": 2, "num_classes": 0}
        self.vit = timm.VisionTransformer(**(sizes | options))

    def forward(self, x: Tensor) -> Tensor:
        vit: Any = self.vit
        pictures = vit.patch_embed(x.transpose(1, 2).flatten(0, 1)) + vit.pos_embed[:, 1:]
        class_token = (vit.cls_token + vit.pos_embed[:, :1]).expand(len(x), -1, -1)
        tokens = torch.cat([class_token, pictures.unflatten(0, (len(x), -1)).flatten(1, 2)], dim=1)
        found: Tensor = vit.norm(vit.blocks(tokens))
        return found


@settings(max_examples=20, deadline=None)
@given(borders=cuts(), slices=st.integers(1, 11), norms=st.booleans())
def test_any_cut_of_a_transformer_of_timm_gives_what_one_pass_gives(borders: list[int], slices: int, norms: bool) -> None:
    model = make(lambda: VideoOfTimm(qk_norm=norms), 1, operator="causal", attention_slices=slices)
    assert model.operators == ("vit.blocks.0.attn", "vit.blocks.1.attn")
    x = clip()
    with torch.no_grad():
        torch.testing.assert_close(parts(run(model, x, borders), 1), parts([model(x)], 1), rtol=0, atol=1e-10)


@pytest.mark.parametrize("operator", ["local", "causal"])
def test_a_transformer_of_timm_passes_verification(operator: Any) -> None:
    assert verify(make(VideoOfTimm, 1, operator=operator), clip()).remembering


def test_rotary_attention_of_timm_is_refused_by_path() -> None:
    layers = pytest.importorskip("timm.layers", reason="timm, which needs torchvision, is not installed")
    block = Residual(layers.AttentionRope(CHANNELS, num_heads=2), rope=torch.zeros(24, CHANNELS).double())
    model = make(lambda: Tokens([block]), 0)
    with pytest.raises(AttentionCallError, match=r"^blocks\.0\.attn: called with rope"):
        model.step(clip(frames=4))
