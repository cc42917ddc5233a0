"""Options of RegNets."""

from slowfast.config.options import Option, Section, other_arch

SECTION = Section(
    name="REGNET",
    network=("*",),
    meaning="RegNets (Radosavovic et al., arXiv:2003.13678), inflated over time.",
    no_effect_if=other_arch("regnet3d"),
    options={
        "DEPTH": Option(
            "400M",
            "Size, by the multiply-adds of the 2-D network: 400M or X-400M for a RegNetX, Y-400M for a RegNetY.",
            empty=False,
        ),
    },
)
