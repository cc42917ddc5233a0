"""LongCook as a folder of Kinetics: lists with a path and a class number, and videos in folders named after their class."""

from __future__ import annotations

import math

from longcook.film import Contents
from longcook.manifest import Recipe
from longcook.plan_orders import ORDER_NAMES, OrderScript, plan_orders
from longcook.rendering import film_of


def contents(recipe: Recipe) -> Contents:
    """Three lists, the names of the classes, and the videos."""
    splits = plan_orders(recipe.counts, seed=recipe.seed)
    texts = {f"{split}.csv": "".join(map(_line, scripts)) for split, scripts in splits.items()}
    texts["classes.txt"] = "".join(f"{name}\n" for name in ORDER_NAMES)
    films = tuple(film_of(script, _path(script)) for scripts in splits.values() for script in scripts)
    return Contents(films=films, texts=texts)


def _path(script: OrderScript) -> str:
    """A file named after the video's id and the seconds at which it starts and ends."""
    end_sec = math.ceil(script.length_centisec / 100)
    return f"videos/{ORDER_NAMES[script.label]}/{script.video_id}_000000_{end_sec:06d}.mp4"


def _line(script: OrderScript) -> str:
    return f"{_path(script)} {script.label}\n"
