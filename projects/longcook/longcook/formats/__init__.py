"""What a LongCook folder holds, by the data set whose layout it has."""

from collections.abc import Callable

from longcook.film import Contents
from longcook.formats import ava, charades, kinetics
from longcook.manifest import Recipe

FORMATS: dict[str, Callable[[Recipe], Contents]] = {
    "charades": charades.contents,
    "ava": ava.contents,
    "kinetics": kinetics.contents,
}

__all__ = ["FORMATS"]
