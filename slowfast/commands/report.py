"""One page of one or several finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slowfast.reports.page.finished_run import read_runs

PAGE = "report.html"


def make_report(folders: Sequence[Path], out: Path | None) -> Path:
    """Writes the page to `out`, by default into the folder of the first run, and returns where it is.

    Raises ReportError for folders that are no finished runs, MissingPackageError without the extra `report`, WriteError.
    """
    from slowfast.reports.page.writing import write_page

    path = folders[0] / PAGE if out is None else out
    write_page(read_runs(folders), path)
    return path
