"""Markov operators: temporal operators that take their left context from the memory.

Each one subclasses the operator that it replaces and takes over its parameters, so names in a state dict stay as they were.
Outside of a step the local ones compute exactly what the plain operator does.
"""

from pgt.operators.causal import CausalConv3d, CausalSqueezeExcite, CausalWindowPool
from pgt.operators.conv import MarkovConv3d
from pgt.operators.nonlocal_block import MarkovNonLocalBlock
from pgt.operators.pooling import MarkovHeadPool, MarkovTemporalPool, MarkovWindowPool

MARKOV_OPERATORS = (
    MarkovConv3d,
    MarkovTemporalPool,
    MarkovHeadPool,
    MarkovWindowPool,
    MarkovNonLocalBlock,
    CausalConv3d,
    CausalSqueezeExcite,
    CausalWindowPool,
)

__all__ = [
    "MARKOV_OPERATORS",
    "CausalConv3d",
    "CausalSqueezeExcite",
    "CausalWindowPool",
    "MarkovConv3d",
    "MarkovHeadPool",
    "MarkovNonLocalBlock",
    "MarkovTemporalPool",
    "MarkovWindowPool",
]
