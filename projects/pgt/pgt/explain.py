"""The former names of `pgt.summary`, for code that uses them."""

from __future__ import annotations

import warnings
from typing import Any

from pgt.summary import OperatorSummary, summary
from pgt.wrapper import ProgressiveModel


def explain(model: ProgressiveModel, inputs: Any = None, *args: Any, **options: Any) -> str:
    """Deprecated: `str(pgt.summary(...))`."""
    warnings.warn("pgt.explain is called pgt.summary now; print what it returns", FutureWarning, stacklevel=2)
    return str(summary(model, inputs, *args, **options))


def operator_reports(model: ProgressiveModel, inputs: Any = None) -> list[OperatorSummary]:
    """Deprecated: `pgt.summary(...).operators`."""
    warnings.warn("operator_reports(model) is pgt.summary(model).operators now", FutureWarning, stacklevel=2)
    return list(summary(model, inputs).operators)
