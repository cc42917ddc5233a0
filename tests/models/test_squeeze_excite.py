"""Squeeze and excitation."""

import torch

from slowfast.models.layers.squeeze_excite import SqueezeExcite


def test_factors_are_the_definition_written_out():
    torch.manual_seed(0)
    module, x = SqueezeExcite(6, 3), torch.randn(2, 6, 4, 5, 5)
    weights = [layer.weight.flatten(1) for layer in (module.fc1, module.fc2)]
    hidden = (x.mean((2, 3, 4)) @ weights[0].T + module.fc1.bias).relu()
    factors = (hidden @ weights[1].T + module.fc2.bias).sigmoid()
    torch.testing.assert_close(module(x), x * factors[..., None, None, None])


def test_a_subclass_decides_what_the_factors_depend_on():
    class FirstFrame(SqueezeExcite):
        def squeeze(self, x):
            return super().squeeze(x[:, :, :1])

    module, x = FirstFrame(6, 3), torch.randn(1, 6, 4, 5, 5)
    changed = torch.cat((x[:, :, :1], torch.randn(1, 6, 3, 5, 5)), 2)
    assert torch.equal(module(x)[:, :, 0], module(changed)[:, :, 0])
