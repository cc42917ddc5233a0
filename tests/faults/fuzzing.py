"""What all fuzzers share: a case has a number, from which all of it follows; none may hang; what they found is counted."""

import os
import random
import re
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from slowfast.errors import UserError
from tests.faults.tallies import tell

LONGEST_SENTENCE = 2000
"""Characters of a message: most quote a path, and some all names that would be right."""

SECONDS = 60
"""For one case, which takes a second or two."""

MEMORY = 3 << 30
"""Bytes that all cases together may take in addition: what asks for more is a bomb, and ends here in a MemoryError."""


class Hang(BaseException):
    """Nothing that catches errors may catch it."""


@dataclass
class Case:
    """number: of the case, the seed of all its chances. what: the mutation, for people. run: does what is tried; what it
    returns is no matter."""

    number: int
    what: str
    run: Callable[[], object]


@dataclass
class Tally:
    """What became of the cases: those that worked, those that were refused in a clear sentence, and faults."""

    kind: str
    worked: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    sentences: Counter[str] = field(default_factory=Counter)

    def tell(self) -> None:
        """The line that `make faults` shows."""
        tried = self.worked + self.refused + len(self.faults)
        tell(self.kind, tried, self.worked + self.refused, f"{self.refused} refused in one sentence, {self.worked} worked")
        if os.environ.get("FAULTS_SHOW"):
            for sentence, count in self.sentences.most_common():
                print(f"    {count} x {sentence}")


def chances(kind: str, number: int) -> random.Random:
    """The chances of one case, the same on every machine."""
    return random.Random(f"{kind} {number}")


def survive(kind: str, cases: Iterable[Case], *, names: Callable[[Case], str] | None = None) -> Tally:
    """Runs every case, and asserts at the end that each worked or was refused by a UserError of one clear line.

    names: what the sentence must hold, such as the name of the file.
    """
    tally = Tally(kind)
    with no_more_memory_than(MEMORY):
        _run_all(tally, cases, names)
    tally.tell()
    assert not tally.faults, f"{len(tally.faults)} faults:\n" + "\n".join(tally.faults)
    return tally


def _run_all(tally: Tally, cases: Iterable[Case], names: Callable[[Case], str] | None) -> None:
    for case in cases:
        label = f"{tally.kind} {case.number}: {case.what}"
        try:
            with no_longer_than(SECONDS), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case.run()
        except UserError as error:
            if fault := _unclear(str(error), names(case) if names else ""):
                tally.faults.append(f"{label}: {fault}: {error}")
            else:
                tally.refused += 1
            tally.sentences[re.sub(r"/\S*/", "", f"{case.what} -> {error}")[:300]] += 1
        except (Exception, Hang, SystemExit) as error:
            where = "".join(traceback.format_exception(error)[-3:])
            tally.faults.append(f"{label}: {type(error).__name__}: {str(error)[:300]}\n{where}")
        else:
            tally.worked += 1
            tally.sentences[f"{case.what} -> worked"] += 1


def _unclear(sentence: str, name: str) -> str:
    if not sentence.strip() or "\n" in sentence:
        return "not one line"
    if len(sentence) > LONGEST_SENTENCE:
        return f"{len(sentence)} characters"
    if name not in sentence:
        return f"does not name {name}"
    return ""


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Raises Hang in the main thread when the time is over."""

    def ring(_: int, __: FrameType | None) -> None:
        raise Hang(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def no_more_memory_than(extra: int) -> Iterator[None]:
    """Limits the address space to what there is, and `extra` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
