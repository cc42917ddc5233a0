"""LongCook: the embedded data set, whose composite actions only a network with a long memory can tell apart.

Little cooks grind coffee, chop, wipe and at last pour milk. What the milk makes (latte, milk tea, hot chocolate, berry milk)
follows from what was prepared some seconds before; the pouring itself looks the same in all four. The kitchen comes in three
formats, those of Charades (one cook, labels in time), Kinetics (one label a video: what was prepared first) and AVA (two
cooks, each with a box and labels of his own).
"""


def register() -> None:
    """Fills the registries of the library; called once a process through the entry point `slowfast.projects`."""
    # Imported here: processes that only draw need neither the library's data sets nor PyTorch.
    import longcook.build  # noqa: F401 - its data sets register themselves
    from longcook.options import SECTION
    from slowfast.registry import CONFIG_SECTIONS

    CONFIG_SECTIONS.register(SECTION.name)(SECTION)
