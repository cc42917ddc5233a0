"""Every module can be imported first: nothing relies on another module having been imported before."""

import importlib
import multiprocessing
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"slowfast": ROOT / "slowfast", **{path.name: path / path.name for path in (ROOT / "projects").iterdir()}}


def modules_of(package: str) -> list[str]:
    folder = OURS[package]
    files = (path.relative_to(folder.parent).with_suffix("") for path in sorted(folder.rglob("*.py")))
    return [".".join(path.parts).removesuffix(".__init__") for path in files]


def part_of(module: str) -> str:
    """The part of the library, or the project, that a module belongs to."""
    package, *rest = module.split(".")
    return f"{package}.{rest[0]}" if package == "slowfast" and rest else package


def import_each(package: str, forget_all: bool) -> None:
    """Imports every module while none of its part is loaded, or none of ours at all; the registries begin empty."""
    failures = []
    for module in modules_of(package):
        for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
            if forget_all or part_of(name) in (part_of(module), "slowfast.registry"):
                del sys.modules[name]
        try:
            importlib.import_module(module)
        except Exception as error:
            failures.append(f"{module}: {type(error).__name__}: {error}")
    sys.exit("\n".join(failures) or 0)


@pytest.mark.parametrize(
    "forget_all",
    [
        False,  # enough to find a circle, for parts import one another in one direction only (test_import_directions)
        pytest.param(True, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("package", sorted(OURS))
def test_every_module_can_be_imported_first(package: str, forget_all: bool, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(modules_of(package)) > 5
    process = multiprocessing.get_context("fork").Process(target=import_each, args=(package, forget_all))
    process.start()
    process.join()
    assert process.exitcode == 0, capfd.readouterr().err
