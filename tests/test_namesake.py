"""Meta's PySlowFast is a package `slowfast` too: whichever of the two is found in the place of the other, the user is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if "def main(" in path.read_text())
ARGUMENTS = {
    "watch": ["v.mp4", "--weights", "a=b"],
    "run_net": ["--cfg", "configs/LongCook/SLOWONLY_PGT.yaml"],
    "check_config": ["configs/LongCook/SLOWONLY_PGT.yaml"],
    "convert_checkpoint": ["a.pyth", "b.pyth"],
    "eval_ava": ["--detections", "a", "--groundtruth", "b", "--labelmap", "c"],
    "eval_events": ["--detections", "a", "--groundtruth", "b"],
    "inspect_data": ["--cfg", "configs/LongCook/SLOWONLY_PGT.yaml"],
    "prepare_data": ["check", "folder"],
    "export": ["--weights", "a.pyth", "--to", "torch"],
    "plan": ["--cfg", "configs/LongCook/SLOWONLY_PGT.yaml"],
    "predict": ["--weights", "a", "b"],
    "detect_persons": ["videos", "--out", "b"],
    "report": ["a"],
    "submit": ["--cfg", "configs/LongCook/SLOWONLY_PGT.yaml"],
}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder to import from, with a package that is built like PySlowFast: importing it runs code and needs its modules."""
    package = tmp_path / "elsewhere" / "slowfast"
    for name, text in {
        "__init__.py": "from slowfast.utils.env import setup_environment\n\nsetup_environment()\n",
        "utils/__init__.py": "",
        "utils/env.py": "def setup_environment():\n    print('set up')\n",
        "config/__init__.py": "",
        "config/defaults.py": "def get_cfg():\n    return 1\n",
        "models/__init__.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package.parent


def run(*command: str, path: Path | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "" if path is None else str(path)}
    return subprocess.run([sys.executable, *command], env=environment, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_tells_in_one_line_which_other_package_was_found(tool: str, other: Path) -> None:
    process = run(str(ROOT / "tools" / f"{tool}.py"), *ARGUMENTS.get(tool, []), path=other)
    assert process.returncode == 2, process.stderr
    assert process.stdout == "", "the other package is looked at, not imported"
    [line] = process.stderr.splitlines()
    assert line.startswith(f"error: the name slowfast leads to {other}/slowfast/__init__.py, which is not the library of these")
    assert f"right would be a PYTHONPATH without {other}" in line


def test_folder_that_only_looks_like_the_package_is_told_as_well(tmp_path: Path) -> None:
    """A checkout of PySlowFast is a folder `slowfast`, which Python takes for a package when it stands in the current one."""
    (tmp_path / "slowfast" / "tools").mkdir(parents=True)
    code = "import sys; sys.meta_path[:] = [finder for finder in sys.meta_path if 'editable' not in str(finder)]; "
    code += "sys.path[1:] = [p for p in sys.path[1:] if not p.startswith(sys.argv[1])]; {}"
    check = "from importlib.util import spec_from_file_location as s, module_from_spec as m; spec = s('t', sys.argv[2]); "
    check += "module = m(spec); spec.loader.exec_module(module); print(module.other_library())"
    process = run("-c", code.format(check), str(ROOT), str(ROOT / "tools" / "__init__.py"), cwd=tmp_path)
    assert f"the name slowfast leads to {tmp_path}/slowfast, which" in process.stdout, process.stderr
    assert f"another current folder than {tmp_path}" in process.stdout


def test_project_tells_which_other_package_was_found(other: Path) -> None:
    process = run("-P", "-c", "import pgt", path=other)
    last = process.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the name slowfast leads to {other}/slowfast/__init__.py, which is not the library")


@pytest.mark.parametrize(
    "line", ["from slowfast.utils.parser import load_config", "from slowfast.config.defaults import get_cfg"]
)
def test_program_for_the_other_package_is_told_which_was_found(line: str, other: Path) -> None:
    process = run("-c", f"import sys; sys.path.append({str(other)!r}); {line}")
    last = process.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: there is no module slowfast.")
    assert f"in {ROOT}/slowfast/__init__.py: this is the library slowfast-pgt" in last
    assert "an environment of its own" in last


def test_looking_for_a_module_that_nobody_has_finds_nothing() -> None:
    process = run("-c", "import importlib.util, slowfast; print(importlib.util.find_spec('slowfast.no_such_module'))")
    assert process.stdout == "None\n", process.stderr
