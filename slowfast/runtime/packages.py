"""Packages of the extra `report`, which a run can do without."""

from __future__ import annotations

import importlib.util
import logging

logger = logging.getLogger(__name__)


def has_report_package(package: str, *, option: str, without: str) -> bool:
    """Whether a package is installed; if it is not, the log says once what `without` it the run does not do.

    `option` is what asks for it and is on by default, so that its lack must not end a run.
    """
    found = importlib.util.find_spec(package) is not None
    if not found:
        logger.warning(
            "%s is not installed: %s; install it by pip install 'slowfast-pgt[report]', or set %s False",
            package,
            without,
            option,
        )
    return found
