"""Loading weights by name."""

import pytest
import torch

from slowfast.models.weights import WeightsError, load_weights


def other_weights(model):
    """A state dict for the model that differs from its own everywhere."""
    return {name: value + 1 for name, value in model.state_dict().items()}


def test_weights_of_the_same_network_all_match(tiny):
    model = tiny("slow")
    state = other_weights(model)
    report = load_weights(model, state)
    assert report.complete
    assert report.unexpected == ()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_prefix_of_parallel_training_is_stripped(tiny):
    model = tiny("slow")
    state = other_weights(model)
    assert load_weights(model, {f"module.{name}": value for name, value in state.items()}).complete
    assert torch.equal(model.head.projection.bias, state["head.projection.bias"])


@pytest.mark.parametrize("kinds", [("batchnorm", "frozen_batchnorm"), ("frozen_batchnorm", "batchnorm")])
def test_another_type_of_norm_is_no_difference(tiny, kinds):
    source, target = (tiny("slow", BN__NORM_TYPE=kind) for kind in kinds)
    report = load_weights(target, {name: value + 1 for name, value in source.state_dict().items()})
    assert report.complete
    assert report.unexpected == ()
    assert target.s1.pathway0_stem.bn.running_var[0] == 2


def test_a_classifier_of_other_classes_is_left_out_and_said_so(tiny):
    model = tiny("slow")
    before = model.head.projection.weight.clone()
    report = load_weights(model, other_weights(tiny("slow", MODEL__NUM_CLASSES=7)))
    assert report.head_dropped == ("head.projection.weight", "head.projection.bias")
    assert report.mismatched == report.missing == ()
    assert "another number of classes" in str(report)
    assert torch.equal(model.head.projection.weight, before)


def test_each_name_is_reported_once(tiny):
    model = tiny("slow")
    state = other_weights(model)
    state["extra.weight"] = torch.zeros(1)
    del state["s2.pathway0_res0.branch2.a.weight"]
    state["s1.pathway0_stem.conv.weight"] = torch.zeros(2)
    report = load_weights(model, state)
    assert report.unexpected == ("extra.weight",)
    assert report.missing == ("s2.pathway0_res0.branch2.a.weight",)
    assert report.mismatched == ("s1.pathway0_stem.conv.weight",)
    counted = [*report.matched, *report.missing, *report.mismatched]
    assert sorted(counted) == sorted(name for name in model.state_dict() if not name.endswith("num_batches_tracked"))
    assert not report.complete


def test_weights_of_another_network_are_refused_and_change_nothing(tiny):
    model = tiny("slow")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    strangers = {name.replace("s1.pathway0", "first.path"): value for name, value in other_weights(model).items()}
    strangers = {name.replace("pathway0_res", "layer"): value for name, value in strangers.items()}
    told = r"network has s1\.pathway0_stem.* weights have first\.path_stem.*nearest to s1\.path.* is first\.path_stem"
    with pytest.raises(WeightsError, match=told):
        load_weights(model, strangers)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_less_than_half_of_the_weights_is_refused(tiny):
    model = tiny("slow")
    state = other_weights(model)
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    few = {name: state[name] for name in names[: (len(names) - 1) // 2]}
    with pytest.raises(WeightsError, match="only"):
        load_weights(model, few)
    half = {name: state[name] for name in names[: -(-len(names) // 2)]}
    assert len(load_weights(model, half).matched) == len(half)


def test_weights_of_other_widths_are_refused_with_their_shapes(tiny):
    wide = tiny("slow", RESNET__WIDTH_PER_GROUP=16)
    with pytest.raises(WeightsError, match=r"s1\.pathway0_stem\.conv\.weight \(8, .* here, \(16, .* there"):
        load_weights(tiny("slow"), wide.state_dict())


def test_a_whole_checkpoint_is_not_mistaken_for_weights(tiny):
    model = tiny("slow")
    with pytest.raises(WeightsError, match="not a mapping of names to tensors: epoch, model_state"):
        load_weights(model, {"epoch": 3, "model_state": model.state_dict()})
