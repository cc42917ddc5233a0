"""Threads of PyTorch sleep while they wait for each other, unless the user's environment says how they do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if "def main(" in path.read_text())


def environment(**variables: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    return mine | variables


def policy_of(tool: str, **variables: str) -> str:
    """What OpenMP says of itself when the tool loads PyTorch."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / f"{tool}.py"), "--help-options", "RNG_SEED"],
        env=environment(OMP_DISPLAY_ENV="TRUE", **variables), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"OMP_WAIT_POLICY ?= ?'(\w+)'", done.stderr)
    if found is None:
        pytest.skip("this PyTorch's OpenMP does not say how it waits")
    return found[1]


def test_threads_of_a_tool_wait_passively() -> None:
    assert policy_of("run_net") == "PASSIVE"


@pytest.mark.parametrize("variables", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "active"}])
def test_what_the_environment_says_stands(variables: dict[str, str]) -> None:
    assert policy_of("run_net", **variables) == "ACTIVE"


@pytest.mark.parametrize("variables", [{"GOMP_SPINCOUNT": "7"}, {"KMP_BLOCKTIME": "7"}])
def test_other_variables_that_say_it_stand(variables: dict[str, str]) -> None:
    code = "import os, slowfast_tools; print(os.environ.get('OMP_WAIT_POLICY'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**variables), capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "None\n"


@pytest.mark.parametrize("tool", TOOLS)
def test_it_is_said_before_pytorch_is_loaded(tool: str) -> None:
    code = f"import os, sys, slowfast_tools.{tool}; print('torch' in sys.modules, os.environ['OMP_WAIT_POLICY'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False PASSIVE\n"
