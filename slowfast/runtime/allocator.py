"""Memory that is freed stays with the process, for the next iteration.

Tensors on a CPU come from the allocator of the C library. That of glibc hands memory back to the system as soon as a few MiB
are free, so that every iteration of a training asks for its activations anew, and the system clears their pages: thousands of
page faults an iteration, several percent of its time. What an iteration needs at its peak is needed by all of them.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

KEPT = 512 * 2**20
"""Bytes that may lie free before some are handed back."""

LARGE = 32 * 2**20
"""Bytes from which a block is the system's own and goes back at once; the most that glibc itself would come to by and by."""

_CHOICES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_")


def keep_freed_memory() -> bool:
    """From now on this process, and those forked from it, keep up to KEPT bytes that are free. Returns whether that is so.

    The peak of a process stays what it was; what falls is how often it gets there anew. Nothing is done where the environment
    says how memory is handed back (MALLOC_TRIM_THRESHOLD_ and its like, or GLIBC_TUNABLES), or where the C library is another.
    """
    if any(name in os.environ for name in _CHOICES) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Setting one of them ends the adaptation of both, so both are set.
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT))
