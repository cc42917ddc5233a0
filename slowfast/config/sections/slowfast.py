"""Options of SlowFast networks."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="SLOWFAST",
    meaning="SlowFast networks (Feichtenhofer et al., arXiv:1812.03982).",
    options={
        "ALPHA": Option(8, "Fast frames for each Slow frame.", minimum=1),
        "BETA_INV": Option(8, "Slow channels for each Fast channel.", minimum=1),
        "FUSION_CONV_CHANNEL_RATIO": Option(2, "Channels that the lateral connection makes of each Fast channel.", minimum=1),
        "FUSION_KERNEL_SZ": Option(5, "Temporal kernel of the lateral connection.", minimum=1),
    },
)
