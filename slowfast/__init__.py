"""Video understanding networks, and what it takes to train and test them."""

import importlib
from typing import Any

from slowfast.namesake import explain_missing_modules

__version__ = "0.1.0"

DISTRIBUTION = "slowfast-pgt"
"""What is installed to get this package. Tools and projects look for it: another distribution brings a `slowfast` as well."""

explain_missing_modules()


def __getattr__(name: str) -> Any:
    if name == "predict":  # imported when it is asked for: it takes seconds
        return importlib.import_module("slowfast.prediction").predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
