"""LongCook: the embedded data set, whose composite actions only a network with a long memory can tell apart.

Little cooks grind coffee, chop, wipe and at last pour milk. What the milk makes (latte, milk tea, hot chocolate, berry milk)
follows from what was prepared some seconds before; the pouring itself looks the same in all four.
"""

from slowfast.datasets.longcook.build import build_longcook
from slowfast.datasets.longcook.manifest import Recipe, is_complete
from slowfast.datasets.longcook.rendering import render
from slowfast.datasets.longcook.script import CAUSES, CLASS_NAMES, COMPOSITES, FILLERS, POUR, Event, Script, plan
from slowfast.datasets.longcook.writing import write_longcook

__all__ = [
    "CAUSES",
    "CLASS_NAMES",
    "COMPOSITES",
    "FILLERS",
    "POUR",
    "Event",
    "Recipe",
    "Script",
    "build_longcook",
    "is_complete",
    "plan",
    "render",
    "write_longcook",
]
