"""The table at the end of `make faults`."""

import pytest

from tests.faults.tallies import LINES, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("markexpr") != "faults":  # the short forms in `make test` need no table
        return
    stats = terminalreporter.stats
    reports = [report for kind in ("passed", "failed") for report in stats.get(kind, ()) if report.when == "call"]
    failed = [report.nodeid for kind in ("failed", "error") for report in stats.get(kind, ())]
    skipped = [report.nodeid for report in stats.get("skipped", ())]
    if LINES or failed or skipped:
        terminalreporter.section("what was broken, and what survived")
        for line in table({report.nodeid: report.duration for report in reports}, failed, skipped):
            terminalreporter.write_line(line)
