"""A stage: blocks at one resolution, with non-local blocks between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from slowfast.models.layers.nonlocal_block import NonLocalBlock, NonLocalSpec
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.resnet.block import BlockSpec, BlockStyle, ResBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One stage of one pathway.

    temporal_kernels: one for each block, so their number is the number of blocks. stride is the first block's, dilation every
    block's. nonlocal_after: numbers of the blocks that a non-local block follows.
    """

    in_channels: int
    out_channels: int
    inner_channels: int
    temporal_kernels: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    style: BlockStyle = field(default_factory=BlockStyle)
    nonlocal_after: frozenset[int] = frozenset()
    nonlocal_spec: NonLocalSpec = field(default_factory=NonLocalSpec)

    def block(self, index: int) -> BlockSpec:
        return BlockSpec(
            in_channels=self.out_channels if index else self.in_channels,
            out_channels=self.out_channels,
            inner_channels=self.inner_channels,
            temporal_kernel=self.temporal_kernels[index],
            stride=1 if index else self.stride,
            dilation=self.dilation,
            style=self.style,
        )

    def build(self) -> dict[str, nn.Module]:
        """The stage's modules in order; "res0", "nonlocal0" and so on are names that published weights use."""
        parts: dict[str, nn.Module] = {}
        for index in range(len(self.temporal_kernels)):
            parts[f"res{index}"] = ResBlock(self.block(index))
            if index in self.nonlocal_after:
                parts[f"nonlocal{index}"] = NonLocalBlock(
                    self.out_channels,
                    inner_channels=self.out_channels // 2,
                    spec=self.nonlocal_spec,
                    norm=self.style.norm,
                )
        return parts


def build_stage(specs: Sequence[StageSpec]) -> PathwayChains:
    """One stage of all pathways."""
    return PathwayChains([spec.build() for spec in specs])
