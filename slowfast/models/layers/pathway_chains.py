"""Modules that work on each pathway by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor, nn

Run = Callable[[nn.Module, Tensor], Tensor]


class PathwayChains(nn.Module):
    """One chain of modules for each pathway, called "pathway0_<part>", "pathway1_<part>" and so on.

    Published weights fix these names. They are made and looked up here and nowhere else; the look-up happens at each forward,
    so that a module may be replaced in place.
    """

    def __init__(self, chains: Sequence[Mapping[str, nn.Module]]) -> None:
        super().__init__()
        self.num_pathways = len(chains)
        for pathway, parts in enumerate(chains):
            for part, module in parts.items():
                self.add_module(f"pathway{pathway}_{part}", module)

    def chain(self, pathway: int) -> Iterator[nn.Module]:
        """The modules of one pathway, in the order in which its features pass them."""
        return (module for name, module in self.named_children() if name.startswith(f"pathway{pathway}_"))

    def forward(self, features: Sequence[Tensor], run: Run | None = None) -> list[Tensor]:
        """One (B, C, T, H, W) a pathway -> one (B, C', T', H', W') a pathway. run: how a module is called, where that is not
        as usual."""
        outputs = []
        for pathway, x in enumerate(features):
            for module in self.chain(pathway):
                x = module(x) if run is None else run(module, x)
            outputs.append(x)
        return outputs
