"""LongCook: the embedded data set, whose composite actions only a network with a long memory can tell apart.

Little cooks grind coffee, chop, wipe and at last pour milk. What the milk makes (latte, milk tea, hot chocolate, berry milk)
follows from what was prepared some seconds before; the pouring itself looks the same in all four. The kitchen comes in three
formats, those of Charades (one cook, labels in time), Kinetics (one label a video: what was prepared first) and AVA (two
cooks, each with a box and labels of his own).
"""

from longcook.build import build_longcook, build_longcook_ava, build_longcook_kinetics
from longcook.duet_rendering import film_of_duet, render_duet, setting_of
from longcook.formats import FORMATS
from longcook.manifest import Recipe, is_complete
from longcook.plan_duet import Duet, Part, plan_duets
from longcook.plan_milk import MilkScript, plan_milk
from longcook.plan_orders import ORDER_NAMES, OrderScript, plan_orders
from longcook.rendering import film_of, render
from longcook.script import CAUSES, CLASS_NAMES, COMPOSITES, FILLERS, POUR, Event, Script
from longcook.writing import write_longcook

__all__ = [
    "CAUSES",
    "CLASS_NAMES",
    "COMPOSITES",
    "FILLERS",
    "FORMATS",
    "ORDER_NAMES",
    "POUR",
    "Duet",
    "Event",
    "MilkScript",
    "OrderScript",
    "Part",
    "Recipe",
    "Script",
    "build_longcook",
    "build_longcook_ava",
    "build_longcook_kinetics",
    "film_of",
    "film_of_duet",
    "is_complete",
    "plan_duets",
    "plan_milk",
    "plan_orders",
    "register",
    "render",
    "render_duet",
    "setting_of",
    "write_longcook",
]


def register() -> None:
    """Fills the registries of the library; called once a process through the entry point `slowfast.projects`."""
    from longcook.options import SECTION  # the data sets file themselves when `longcook.build` is imported, above
    from slowfast.registry import CONFIG_SECTIONS

    CONFIG_SECTIONS.register(SECTION.name)(SECTION)
