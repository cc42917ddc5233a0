"""fvcore's squeeze-and-excitation, imported without the DeprecationWarning that PyTorch gives for another of its modules."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from fvcore.nn.squeeze_excitation import SqueezeExcitation

__all__ = ["SqueezeExcitation"]
