"""Weights and inputs that depend on names, shapes and seeds only, so that golden numbers can be met without files of weights.

Two recipes, which differ in their damping factors only: "zoo" made `tests/data/golden/zoo`, "pgt" `tests/data/golden/pgt`.
"""

import math
import zlib
from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

Recipe = Literal["zoo", "pgt"]


def fill_by_recipe(module: nn.Module, recipe: Recipe) -> None:
    """Overwrites every floating-point parameter and buffer of `module`; counters of batches stay as they are."""
    state = module.state_dict()
    factors = damping(state, recipe)
    with torch.no_grad():
        for name, tensor in state.items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(draw(name, tuple(tensor.shape)) * factors[name]))


def seeded_input(seed: int, shape: Iterable[int]) -> Tensor:
    """Standard normal numbers, float32."""
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(tuple(shape)).astype(np.float32))


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values of the entry `name` before damping, float64."""
    rng = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if name.endswith("running_mean"):
        return rng.normal(0.0, 0.1, shape)
    if len(shape) >= 2:
        return rng.normal(0.0, math.sqrt(2.0 / math.prod(shape[1:])), shape)
    if name.endswith("weight"):
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0.0, 0.1, shape)


def damping(names: Iterable[str], recipe: Recipe) -> dict[str, float]:
    """The factor of each entry; it keeps residual sums and classifiers in a range where differences show."""
    names = list(names)
    two_pathways = any("pathway1" in name for name in names)
    known = frozenset(names)
    return {name: _factor(name, known, recipe, two_pathways) for name in names}


def _factor(name: str, known: frozenset[str], recipe: Recipe, two_pathways: bool) -> float:
    if name.endswith("projection.weight"):
        return 0.2 if recipe == "zoo" else 0.1
    if name.endswith("branch2.c_bn.weight"):
        return 0.2
    if recipe == "pgt":
        return 1.0
    if name.endswith("branch2.b_bn.weight") and name.replace("b_bn.weight", "c_bn.weight") not in known:
        return 0.2
    if "_nonlocal" in name and name.endswith(("conv_theta.weight", "conv_phi.weight", ".bn.weight")):
        return 0.03 if two_pathways else 0.2
    return 1.0
