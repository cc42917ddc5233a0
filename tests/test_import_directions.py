"""Which part may import which. Files are parsed; nothing is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEAVES = {"errors", "structures", "options", "registry", "annotations"}
ROOM = LEAVES | {"config"}
READING = ROOM | {"runtime", "datasets"}
NETWORKS_AND_SCORES = {"models", "evaluation", "visualization"}
LOOPS = READING | NETWORKS_AND_SCORES | {"preparation"}

MAY_IMPORT = {
    "namesake": set(),
    "errors": set(),
    "structures": set(),
    "options": {"errors"},
    "registry": {"errors", "options", "structures"},
    "annotations": {"errors"},
    "config": {"errors", "options", "registry"},
    "runtime": {"errors", "config"},
    "datasets": ROOM | {"runtime"},
    "models": ROOM,
    "evaluation": ROOM,
    "visualization": ROOM | {"runtime"},
    "preparation": READING,
    "engine": LOOPS,
    "prediction": LOOPS | {"engine"},
    "reports": LOOPS | {"engine"},
    "commands": LOOPS | {"engine", "prediction", "reports"},
}
TOOLS_MAY_IMPORT = {"commands", "runtime", "config"}
PROJECTS = {path.name for path in (ROOT / "projects").iterdir() if (path / path.name).is_dir()}
OUTSIDE = {"tools", "projects", "tests", *PROJECTS}
NOT_FOR_PROJECTS = {"commands"}


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Full names of all modules that the source imports, in functions too; `package` resolves relative imports.

    `from a import b` gives a.b, since b may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "importlib.import_module",
            "import_module",
            "__import__",
        ):
            yield from (argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant))


def imports_below(folder: Path, *, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """(file, imported module) for a folder or one file; modules of ours by full name."""
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        package = ".".join(path.relative_to(root).parts[:-1])
        for module in imported_modules(path.read_text(encoding="utf-8"), package):
            yield str(path.relative_to(root)), module


def part(module: str) -> str:
    """Part of the library that a module belongs to."""
    return [*module.split("."), ""][1]


def parts_on_disk() -> set[str]:
    found = (ROOT / "slowfast").glob("*")
    return {path.stem for path in found if path.suffix == ".py" or any(path.glob("**/*.py"))} - {"__init__"}


def test_every_part_of_the_library_has_its_place_in_the_drawing() -> None:
    assert parts_on_disk() <= set(MAY_IMPORT)


@pytest.mark.parametrize("name", sorted(MAY_IMPORT))
def test_part_imports_only_what_lies_below_it(name: str) -> None:
    place = ROOT / "slowfast" / name
    allowed = MAY_IMPORT[name] | {name, "__version__"}
    wrong = [
        f"{file} imports {module}"
        for file, module in imports_below(place if place.is_dir() else place.with_suffix(".py"))
        if module.split(".")[0] == "slowfast" and part(module) not in allowed
    ]
    assert wrong == []


def test_library_imports_neither_tools_nor_projects_nor_tests() -> None:
    wrong = [f"{file} imports {module}" for file, module in imports_below(ROOT / "slowfast") if module.split(".")[0] in OUTSIDE]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_project_imports_no_other_project_and_no_tools_or_commands(name: str) -> None:
    wrong = [
        f"{file} imports {module}"
        for file, module in imports_below(ROOT / "projects" / name)
        if module.split(".")[0] in OUTSIDE - {name} or (module.split(".")[0] == "slowfast" and part(module) in NOT_FOR_PROJECTS)
    ]
    assert wrong == []


def test_tools_import_commands_and_little_else() -> None:
    wrong = [
        f"{file} imports {module}"
        for file, module in imports_below(ROOT / "tools")
        if module.split(".")[0] in OUTSIDE or (module.split(".")[0] == "slowfast" and part(module) not in TOOLS_MAY_IMPORT)
    ]
    assert wrong == []


def test_imports_are_seen_wherever_they_hide() -> None:
    source = """
import slowfast.models as models
from slowfast import engine
from . import near
from ..config import loading
def lazy():
    from slowfast.datasets.build import build_loader
    if True:
        import pgt.schedule
    importlib.import_module("tools.run_net")
"""
    assert set(imported_modules(source, "slowfast.models")) == {
        "slowfast.models",
        "slowfast.engine",
        "slowfast.models.near",
        "slowfast.config.loading",
        "slowfast.datasets.build.build_loader",
        "pgt.schedule",
        "tools.run_net",
    }
