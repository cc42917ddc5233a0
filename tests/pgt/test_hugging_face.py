"""Video transformers of Hugging Face read step by step."""

from __future__ import annotations

import copy
import io
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgt import (
    AttentionCallError,
    StepLengthError,
    StreamBatch,
    UnsupportedOperatorError,
    VerificationError,
    progressive,
    stream,
    summary,
    verify,
)
from tests.pgt.foreign_transformers import cuts, run
from tests.pgt.hugging_face import FRAMES, NETWORKS, answer, clip, library, make, plain, timesformer, videomae, vjepa2

every_network = pytest.mark.parametrize("name", NETWORKS)


def joined(outputs: list[Any], name: str) -> Tensor:
    """What steps say together: logits of the last, or the tokens of all, class tokens of the last and slices in their order."""
    found = [answer(each) for each in outputs]
    if found[0].dim() == 2:
        return found[-1]
    if "timesformer" not in name:
        return torch.cat(found, dim=1)
    places = torch.cat([each[:, 1:].unflatten(1, (4, -1)) for each in found], dim=2)
    return torch.cat([found[-1][:, :1], places.flatten(1, 2)], dim=1)


@settings(max_examples=36, deadline=None)
@given(name=st.sampled_from(sorted(NETWORKS)), slices=st.integers(1, 7), data=st.data())
def test_any_cut_of_a_causal_network_gives_what_one_pass_gives(name: str, slices: int, data: Any) -> None:
    """Longer than the tables of positions, too."""
    borders = data.draw(cuts(FRAMES, stride=NETWORKS[name][1]))
    model, x = make(name, operator="causal", attention_slices=slices), clip(name)
    with torch.no_grad():
        expected = answer(model(x))
        torch.testing.assert_close(joined(run(model, x, borders, axis=1), name), expected, rtol=0, atol=1e-10)


@every_network
def test_causal_networks_look_only_back(name: str) -> None:
    model, x = make(name, operator="causal", attention_slices=3), clip(name)
    later = x.clone()
    later[:, 8:] += 1
    with torch.no_grad():
        pairs = zip(*(run(model, frames, range(2, FRAMES, 2), axis=1) for frames in (x, later)), strict=True)
        same = [torch.equal(answer(one), answer(two)) for one, two in pairs]
    assert same == [True] * 4 + [False] * 2


@every_network
def test_one_pass_and_the_first_step_are_the_plain_network(name: str) -> None:
    frames = 6 if "timesformer" in name else 8
    network, x = plain(name), clip(name, frames=frames)
    with torch.no_grad():
        expected, model = answer(network(x)), make(name, step_len=frames)
        torch.testing.assert_close(answer(model(x)), expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(answer(model.step(x)), expected, rtol=0, atol=1e-12)


@every_network
@pytest.mark.parametrize("operator", ["local", "causal"])
def test_networks_pass_verification_by_one_line(name: str, operator: Any) -> None:
    model = progressive(plain(name), step_len=4, overlap=0, operator=operator, attention_slices=3, sample=clip(name))
    assert model.frames_first and verify(model, clip(name)).remembering
    assert "all so far" in str(summary(model, clip(name, frames=4)))


@every_network
@pytest.mark.parametrize("options", [{"attention_slices": 3}, {"memory": "max"}, {"operator": "causal", "attention_slices": 2}])
def test_rows_that_begin_give_what_they_give_alone(name: str, options: dict[str, Any]) -> None:
    model, x = make(name, **options), clip(name, rows=2)
    with torch.no_grad():
        model.step(x[:, :4])
        model.step(x[:, 4:6])
        mixed = model.step(x[:, 6:10], begins=torch.tensor([False, True]))
        after = model.step(x[:, 10:])
        first, second = run(model, x[:1], [4, 6, 10], axis=1), run(model, x[1:, 6:], [4], axis=1)
    torch.testing.assert_close(answer(mixed), torch.cat([answer(first[2]), answer(second[0])]), rtol=0, atol=1e-12)
    torch.testing.assert_close(answer(after), torch.cat([answer(first[3]), answer(second[1])]), rtol=0, atol=1e-12)


@every_network
def test_names_and_parameters_stay(name: str) -> None:
    network = plain(name)
    before = dict(network.named_parameters())
    model = progressive(network, step_len=4, overlap=0)
    assert all(before.pop(path) is parameter for path, parameter in model.named_parameters()) and not before


@every_network
def test_every_parameter_that_a_plain_network_trains_learns_in_a_later_step(name: str) -> None:
    network, x = plain(name), clip(name)
    frames = 6 if "timesformer" in name else 8
    answer(network.train()(x[:, :frames])).square().sum().backward()
    trained = {path for path, parameter in network.named_parameters() if parameter.grad is not None}
    model = make(name).train()
    answer(run(model, x, [4, 8], axis=1)[-1]).square().sum().backward()
    assert {path for path, parameter in model.named_parameters() if parameter.grad is not None} == trained


@every_network
def test_blocks_that_are_run_again_in_the_backward_pass_give_the_same_gradients(name: str) -> None:
    gradients = []
    for again in (False, True):
        model = make(name, operator="causal", attention_slices=2).train()
        for layer in model.network.modules():
            if hasattr(layer, "gradient_checkpointing"):
                layer.gradient_checkpointing = again
                layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
        for y in run(model, clip(name), [4, 8], axis=1):
            answer(y).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-8)


@every_network
def test_copies_and_pickles_go_on_by_themselves(name: str) -> None:
    model, x = make(name, operator="causal", attention_slices=2), clip(name)
    with torch.no_grad():
        model.step(x[:, :4])
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        twins = [copy.deepcopy(model), torch.load(file, weights_only=False)]
        expected = answer(model.step(x[:, 4:8]))
        for twin in twins:
            torch.testing.assert_close(answer(twin.step(x[:, 4:8])), expected, rtol=0, atol=0)


@every_network
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_takes_steps(name: str, dtype: torch.dtype) -> None:
    model = make(name, operator="causal", attention_slices=2).to(dtype)
    with torch.no_grad():
        outputs = run(model, clip(name).to(dtype) / 4, [2, 6], axis=1)
    assert all(answer(y).dtype == dtype and answer(y).isfinite().all() for y in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["videomae", "timesformer", "vjepa2"])
def test_compiled_steps_give_what_plain_ones_give(name: str) -> None:
    torch._dynamo.reset()
    model, x = make(name, operator="causal"), clip(name)
    with torch.no_grad():
        expected = [answer(y) for y in run(model, x, [4, 8], axis=1)]
        compiled: Any = torch.compile(model, backend="eager", dynamic=False)
        found = [answer(y) for y in run(compiled, x, [4, 8], axis=1)]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["videomae", "timesformer", "vjepa2"])
def test_streams_hand_out_what_steps_give(name: str) -> None:
    model, x = make(name), clip(name)
    with torch.no_grad():
        expected = [answer(y)[0] for y in run(model, x, [4, 8], axis=1)]
    predictions = list(stream(model, x[0]))
    assert [(each.start, each.stop) for each in predictions] == [(0, 4), (4, 8), (8, 12)]
    torch.testing.assert_close([each.scores.logits for each in predictions], expected, rtol=0, atol=1e-12)
    cameras = StreamBatch(model)
    cameras.add("door"), cameras.add("yard")
    found = [cameras.step({"door": part, "yard": part + 1})["door"].logits for part in x[0].split(4)]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_mean_of_a_classifier_is_over_memory_and_step() -> None:
    model, x = make("videomae", overlap=0, operator="causal"), clip("videomae")
    tokens = make("videomae, tokens", operator="causal").network
    tokens.load_state_dict(model.network.videomae.state_dict())  # type: ignore[arg-type, union-attr]
    with torch.no_grad():
        pooled = model.network.fc_norm(answer(tokens(x)).mean(1))  # type: ignore[operator]
        expected = model.network.classifier(pooled)  # type: ignore[operator]
        torch.testing.assert_close(run(model, x, [2, 8], axis=1)[-1].logits, expected, rtol=0, atol=1e-12)
        model.reset()
        assert isinstance(model.step(x[:, :4], return_dict=False), tuple)
        assert model.step(x[:, 4:8], labels=torch.tensor([1])).loss.isfinite()
    assert model.operators[0] == "network" and "network" in make("videomae").alone


def test_attentions_are_given_where_they_are_asked_for() -> None:
    model, x = make("videomae", config={"attn_implementation": "eager"}), clip("videomae")
    with torch.no_grad():
        model.step(x[:, :4])
        weights = model.step(x[:, 4:8], output_attentions=True).attentions
    assert [each.shape for each in weights] == [(1, 2, 12, 18)] * 2
    model = make("timesformer")
    with torch.no_grad():
        assert len(model.step(clip("timesformer", frames=4), output_attentions=True).attentions) == 2


def test_masked_tokens_are_refused() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"^network: it masks tokens.*right would be: VideoMAEModel"):
        progressive(videomae("VideoMAEForPreTraining"), step_len=4, overlap=0)
    model, masked = make("videomae, tokens"), torch.zeros(1, 12, dtype=torch.bool)
    with pytest.raises(AttentionCallError, match=r"^embeddings: called with bool_masked_pos"):
        model.step(clip("videomae", frames=4), bool_masked_pos=masked)


def test_what_is_not_there_is_refused_by_path() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"^timesformer\.encoder\.layer\.0: .*'joint_space_time'.*divided"):
        progressive(timesformer(attention_type="joint_space_time"), step_len=4, overlap=0)
    with pytest.raises(UnsupportedOperatorError, match=r"^network: it classifies one token of the first time slice"):
        progressive(videomae(use_mean_pooling=False), step_len=4, overlap=0)
    with pytest.raises(UnsupportedOperatorError, match=r"^timesformer\.encoder\.layer\.1: .*attention_every=1"):
        make("timesformer", attention_every=2)
    with pytest.raises(ValueError, match=r"^timesformer\.embeddings: pictures of 6 places; right would be: 4"):
        make("timesformer").step(torch.randn(1, 4, 3, 16, 24).double())
    hiera = library().HieraConfig(
        embed_dim=8, image_size=[32, 32], depths=[1, 1], num_heads=[1, 2], mlp_ratio=2.0, num_query_pool=1
    )
    with pytest.raises(UnsupportedOperatorError, match=r"encoder\.stages\.0\.layers\.0\.attn: .*mask units.*leave"):
        progressive(library().HieraModel(hiera), step_len=4, overlap=0)


def test_steps_hold_whole_tubelets() -> None:
    for name in ("videomae", "vjepa2"):
        with pytest.raises(StepLengthError, match="temporal stride of 2"):
            make(name).step(clip(name, frames=1))


def test_a_predictor_of_masked_tokens_sees_its_own_step() -> None:
    model = progressive(vjepa2("VJEPA2Model").double().eval(), step_len=4, overlap=0, sample=clip("vjepa2"))
    assert "skip_predictor" in model.alone["predictor"]
    with pytest.raises(VerificationError, match=r"predictor_output.*not causal"):
        progressive(vjepa2("VJEPA2Model").double().eval(), step_len=4, overlap=0, operator="causal", sample=clip("vjepa2"))


def test_rotated_keys_of_later_steps_have_the_times_of_one_pass() -> None:
    """With a memory that holds all of the step before, one local layer gives what one pass over both gives."""
    model, x = make("vjepa2, tokens", config={"num_hidden_layers": 1}, attention_slices=2), clip("vjepa2", frames=8)
    with torch.no_grad():
        found = answer(run(model, x, [4], axis=1)[1])
        torch.testing.assert_close(found, answer(model(x))[:, found.shape[1] :], rtol=0, atol=1e-12)


def test_vivit_keeps_a_memory_of_its_own_length() -> None:
    transformers = library()
    config = transformers.VivitConfig(
        image_size=16, num_frames=4, tubelet_size=[2, 8, 8], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    network: nn.Module = transformers.VivitForVideoClassification(config).eval()
    model = progressive(network, step_len=4, overlap=0, sample=torch.randn(1, 4, 3, 16, 16))
    assert len(model.operators) == 1 and not model.memory()
