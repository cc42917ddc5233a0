"""One page of one or several finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.reports.page.finished_run import read_runs

PAGE = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeReport:
    """path: of the page. beside: videos that were to be embedded and are too large, so that they lie beside the page."""

    path: Path
    beside: tuple[str, ...]


def make_report(folders: Sequence[Path], out: Path | None, *, keep: str = "linked") -> MadeReport:
    """Writes the page to `out`, by default into the folder of the first run. keep: where videos are: "linked", where they were,
    with copies beside the page of those that browsers do not play; "untouched", without these, which take time; "copied", all
    beside the page; or "embedded".

    Raises ReportError for folders that are no finished runs, MissingPackageError without the extra `report`, WriteError.
    """
    from slowfast.reports.page.writing import write_page

    path = folders[0] / PAGE if out is None else out
    return MadeReport(path=path, beside=tuple(write_page(read_runs(folders), path, keep=keep)))
