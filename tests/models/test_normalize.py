"""From pixels to numbers."""

import torch

from slowfast.models.normalize import Normalizer


def frames():
    return torch.randint(0, 256, (2, 4, 5, 6, 3), dtype=torch.uint8).permute(0, 4, 1, 2, 3)


def test_each_colour_is_scaled_by_its_own_mean_and_deviation():
    pixels, mean, std = frames(), [0.1, 0.4, 0.5], [0.2, 0.25, 0.3]
    want = torch.stack([(pixels[:, c] / 255 - mean[c]) / std[c] for c in range(3)], 1)
    torch.testing.assert_close(Normalizer(mean=mean, std=std)(pixels), want, rtol=1e-5, atol=1e-6)


def test_pixels_stay_as_they_are_and_so_does_their_layout(config):
    pixels = frames()
    before = pixels.clone()
    normal = Normalizer.from_cfg(config("slow"))(pixels)
    assert torch.equal(pixels, before)
    assert normal.dtype == torch.float32
    assert normal.stride() == pixels.stride()
