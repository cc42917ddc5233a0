"""What is installed from a wheel works without the source folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY = (
    *("NUM_GPUS", "0", "LONGCOOK.NUM_TRAIN", "4", "LONGCOOK.NUM_TEST", "2", "TRAIN.BATCH_SIZE", "2", "TEST.BATCH_SIZE", "2"),
    *("SOLVER.MAX_EPOCH", "1", "SOLVER.WARMUP_EPOCHS", "0", "DATA_LOADER.NUM_WORKERS", "0", "TEST.NUM_ENSEMBLE_VIEWS", "1"),
)

pytestmark = pytest.mark.slow


def run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what belongs to the distribution, lest build folders appear in the source folder."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.split("\0")
    for name in filter(None, files):
        if name.split("/")[0] in {"slowfast", "projects", "tools", "configs"} or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    built = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(source))
    assert built.returncode == 0, built.stderr
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel, and sees the packages that it depends on here; nothing of the sources."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", "--without-pip", str(folder)).returncode == 0
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    python = str(folder / "bin" / "python")
    installed = run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", str(wheel))
    assert installed.returncode == 0, installed.stderr
    here = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "dependencies.pth").write_text("\n".join(here) + "\n")  # as text: the editable installation in them stays asleep
    return folder


def test_wheel_holds_configs_and_commands_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"slowfast", "pgt", "longcook", "slowfast_tools", "slowfast_configs"}
    shipped = {name.removeprefix("slowfast_configs/") for name in names if name.endswith(".yaml")}
    assert shipped == {path.relative_to(ROOT / "configs").as_posix() for path in (ROOT / "configs").rglob("*.yaml")}
    assert "slowfast_tools/configs_by_task.txt" in names
    templates = list((ROOT / "slowfast").glob("**/templates/*"))
    player = (ROOT / "slowfast" / "visualization" / "player").glob("*.*s*")
    assert {path.relative_to(ROOT).as_posix() for path in (*templates, *player)} <= set(names)
    assert len(templates) > 5


def test_command_trains_and_tests_far_from_the_source_folder(environment: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = str(environment / "bin" / "slowfast-run-net")
    done = run(command, "--cfg", "configs/LongCook/SLOWONLY_PGT.yaml", *TINY, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "longcook_pgt" / "results.json").exists()
    where = run(str(environment / "bin" / "python"), "-c", "import slowfast; print(slowfast.__file__)", cwd=tmp_path, env=env)
    assert where.stdout.startswith(str(environment))
