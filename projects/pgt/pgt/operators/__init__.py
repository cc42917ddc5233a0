"""Markov operators: temporal operators that take their left context from the memory.

Each one is mixed into the class of the module that it gives a memory to, so names in a state dict stay as they were. Outside
of a step the local ones compute exactly what the plain operator does. The causal ones look only back, so that any cut of a
video into steps gives the same outputs, those of one pass over the whole video (the equivalence that MaPro, TPAMI 2024, asks
of a progressive network). Their memory therefore always holds the true past: the newest frames for windows, running sums for
means over all time. Weights of a network with centred kernels fit, but then see each moment late.
"""

from pgt.operators.base import MarkovOperator, along_time, become, check_rhythm, has_own_forward, triple
from pgt.operators.class_token import CausalClassTokenMean, MarkovClassTokenMean
from pgt.operators.compressed_attention import CompressedClipAttention, CompressedPooledAttention
from pgt.operators.conv import AlignedConv, CausalConv, CausalOwnConv, MarkovConv, MarkovOwnConv, ReleasedLateral
from pgt.operators.nonlocal_block import MarkovAttention
from pgt.operators.pooled_attention import MarkovPooledAttention
from pgt.operators.pooling import (
    AlignedPool,
    CausalBlockSqueeze,
    CausalSqueeze,
    CausalWindowPool,
    MarkovClipPool,
    MarkovHeadPool,
    MarkovTimePool,
    MarkovWindowPool,
)
from pgt.operators.time_positions import CausalPositions, RestartedPositions
from pgt.operators.token_attention import MarkovClipAttention, MarkovTimeAttention

__all__ = [
    "AlignedConv",
    "AlignedPool",
    "CausalBlockSqueeze",
    "CausalClassTokenMean",
    "CausalConv",
    "CausalOwnConv",
    "CausalPositions",
    "CausalSqueeze",
    "CausalWindowPool",
    "CompressedClipAttention",
    "CompressedPooledAttention",
    "MarkovAttention",
    "MarkovClassTokenMean",
    "MarkovClipAttention",
    "MarkovClipPool",
    "MarkovConv",
    "MarkovHeadPool",
    "MarkovOperator",
    "MarkovOwnConv",
    "MarkovPooledAttention",
    "MarkovTimeAttention",
    "MarkovTimePool",
    "MarkovWindowPool",
    "ReleasedLateral",
    "RestartedPositions",
    "along_time",
    "become",
    "check_rhythm",
    "has_own_forward",
    "triple",
]
