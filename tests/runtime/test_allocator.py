"""Memory that is freed is used again without asking the system for it, unless the environment wants it otherwise."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")

# Blocks as a training has them: none of them large, 96 MiB in all, freed after every round. The second round tells: by and by
# something that lives on may come to lie behind them, and then they stay in any case.
ROUNDS = """
import resource, sys
import torch
from slowfast.runtime.allocator import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "keep" else False
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(2**18) for _ in range(96)]
    del blocks
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(kept, faults)
"""
PAGES = 96 * 2**20 // os.sysconf("SC_PAGE_SIZE")


def faults_of(mode: str, **variables: str) -> tuple[bool, int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-c", ROUNDS, mode]
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


def test_a_round_finds_the_memory_of_the_one_before() -> None:
    kept, faults = faults_of("keep")
    assert kept
    assert faults < PAGES / 4


def test_without_it_the_system_is_asked_again() -> None:
    _, faults = faults_of("leave")
    assert faults > PAGES / 2


@pytest.mark.parametrize(
    "variables", [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_the_environment_has_the_last_word(variables: dict[str, str]) -> None:
    kept, faults = faults_of("keep", **variables)
    assert not kept
    assert faults > PAGES / 2
