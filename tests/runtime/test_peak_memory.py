"""The peak is of this process alone, and stays when the memory is given back."""

import subprocess
import sys

import pytest
import torch

from slowfast.runtime.peak_memory import peak_memory_bytes

CPU = torch.device("cpu")
MANY_BYTES = 2**28
ROUNDING_BYTES = 2**20  # Linux counts pages for each core, and sums them up now and then

ASK = "import torch; from slowfast.runtime.peak_memory import peak_memory_bytes; print(peak_memory_bytes(torch.device('cpu')))"


def test_peak_grows_with_what_is_used_and_does_not_fall_again() -> None:
    before = peak_memory_bytes(CPU)
    filled = torch.ones(before + MANY_BYTES, dtype=torch.uint8)  # more than there ever was: much of that may be given back
    during = peak_memory_bytes(CPU)
    assert during >= filled.nbytes
    del filled
    assert peak_memory_bytes(CPU) >= during - ROUNDING_BYTES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system tells only the peak that is inherited")
def test_a_new_process_does_not_count_what_its_parent_used() -> None:
    held = torch.ones(peak_memory_bytes(CPU) + MANY_BYTES, dtype=torch.uint8)
    child = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert 2**25 < int(child.stdout) < held.nbytes
