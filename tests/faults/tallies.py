"""What each test of faults tried and what survived: told as it ends, and in a table at the end of `make faults`."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """test: the name by which pytest knows the test that says it."""

    test: str
    what: str
    tried: int
    survived: int


LINES: list[Line] = []


def tell(what: str, tried: int, survived: int, more: str = "") -> None:
    """more: what a user saw, or what else is worth a figure in docs/RELIABILITY.md."""
    LINES.append(Line(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0], what, tried, survived))
    print(f"\nFAULTS {what}: {tried} tried, {survived} survived{more and f' ({more})'}")


def table(seconds: dict[str, float], failed: list[str], skipped: list[str]) -> list[str]:
    """Its lines. seconds: that a test took, by its name; failed, skipped: names of tests."""
    rows = [("what was broken", "tried", "survived", "seconds")]
    timed: set[str] = set()
    for line in LINES:
        time = "" if line.test in timed else f"{seconds.get(line.test, 0):.0f}"
        timed.add(line.test)
        rows.append((line.what, str(line.tried), str(line.survived), time))
    rows += [(name, "?", "FAILED", f"{seconds.get(name, 0):.0f}") for name in failed]
    rows += [(name, "0", "skipped", "") for name in skipped]
    sums = (sum(line.tried for line in LINES), sum(line.survived for line in LINES))
    rows.append(("all", *map(str, sums), f"{sum(seconds.values()):.0f}"))
    width = max(len(row[0]) for row in rows)
    return [f"{what:{width}} {tried:>7} {survived:>9} {time:>8}" for what, tried, survived, time in rows]
