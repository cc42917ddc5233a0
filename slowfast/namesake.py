"""What another package of the name `slowfast` has: Meta's PySlowFast, for which a program may mistake this library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_MODULES = frozenset(
    f"slowfast.{name}"
    for name in (
        "config.custom_config",
        "config.defaults",
        "datasets.utils",
        "datasets.video_container",
        "models.head_helper",
        "models.video_model_builder",
        "utils",
        "visualization.utils",
    )
)
"""Modules that PySlowFast's own programs import and that are not here."""


class _Explanation(MetaPathFinder):
    """Stands last: it is asked only for modules that nothing else has found."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _MODULES:
            return None
        raise ModuleNotFoundError(
            f"there is no module {name} in {sys.modules['slowfast'].__file__}: this is the library slowfast-pgt, and the "
            "program wants Meta's PySlowFast, a package of the same name; each needs an environment of its own "
            "(`python -m venv`), and a PYTHONPATH that does not lead to the other",
            name=name,
        )


def explain_missing_modules() -> None:
    """Makes imports of modules that only PySlowFast has say whose package was found. Once a process is enough."""
    if not any(isinstance(finder, _Explanation) for finder in sys.meta_path):
        sys.meta_path.append(_Explanation())
