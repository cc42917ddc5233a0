"""From a config to a network."""

import pytest
from torch import nn

from slowfast.config import ConfigError
from slowfast.models import build_model
from slowfast.registry import MODEL_WRAPPERS


def test_an_unknown_model_is_refused_with_the_names_there_are(config):
    with pytest.raises(ConfigError, match="ResNet, SlowFast"):
        build_model(config("slow", MODEL__MODEL_NAME="ResNat"))


@pytest.mark.parametrize(
    ("variant", "arch", "names"), [("slow", "slowfast", "c2d, i3d, slow"), ("slowfast", "slow", "slowfast")]
)
def test_an_unknown_variant_is_refused_with_the_names_there_are(config, variant, arch, names):
    with pytest.raises(ConfigError, match=f"right would be: .*{names}"):
        build_model(config(variant, MODEL__ARCH=arch))


def test_a_loss_of_probabilities_is_refused_for_a_head_that_trains_on_logits(config):
    with pytest.raises(ConfigError, match="right would be: bce_logit"):
        build_model(config("slow", MODEL__LOSS_FUNC="bce"))


def test_norm_of_the_config_is_used_everywhere(tiny):
    norms = (nn.modules.batchnorm._BatchNorm,)
    for kind, found in (("batchnorm", {nn.BatchNorm3d}), ("sync_batchnorm", {nn.SyncBatchNorm}), ("frozen_batchnorm", set())):
        model = tiny("slowfast", BN__NORM_TYPE=kind, BN__EPSILON=1e-3, BN__MOMENTUM=0.2)
        modules = [module for module in model.modules() if isinstance(module, norms)]
        assert {type(module) for module in modules} == found
        assert {(module.eps, module.momentum) for module in modules} == ({(1e-3, 0.2)} if found else set())
        assert model.s1_fuse.bn.eps == 1e-3


def test_enabled_wrappers_are_applied_in_the_order_of_their_names(config, monkeypatch):
    class Box:
        """Puts a model into another under the wrapper's own name."""

        def __init__(self, name, *, is_enabled):
            self.name, self.is_enabled = name, is_enabled

        def enabled(self, cfg):
            return self.is_enabled

        def wrap(self, cfg, model):
            outer = nn.Module()
            outer.add_module(self.name, model)
            return outer

    boxes = {"b": Box("b", is_enabled=True), "a": Box("a", is_enabled=True), "c": Box("c", is_enabled=False)}
    monkeypatch.setattr(MODEL_WRAPPERS, "_entries", boxes)
    assert [name for name, _ in build_model(config("slow")).named_modules()][1:3] == ["b", "b.a"]
