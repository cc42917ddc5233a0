"""What is imported is declared, what is declared is pinned, and pins are exact."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROVIDERS = {"mlflow": ["mlflow-skinny"]}
"""Of modules that the tests do without, and which may not be installed."""
OURS = {"slowfast", "projects", "slowfast_tools", *(path.name for path in (ROOT / "projects").iterdir())}


def name_of(requirement: str) -> str:
    """The package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", requirement)[0]).lower()


def pins(file: str) -> list[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROMISED = [
    *METADATA["dependencies"], *METADATA["optional-dependencies"]["report"], *METADATA["optional-dependencies"]["spreadsheet"],
]  # fmt: skip
EXTRAS = [text for group in METADATA["optional-dependencies"].values() for text in group]


def declared(requirements: list[str]) -> set[str]:
    return {name_of(text) for text in requirements}


def lowest(requirement: str) -> str:
    """The version behind `>=`."""
    found = re.search(r">=([^,;\s]+)", requirement)
    assert found, f"{requirement} has no lowest version"
    return found[1]


def third_party_imports() -> Iterator[str]:
    for folder in ("slowfast", "projects", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                yield from (top for name in names if (top := name.split(".")[0]) not in OURS | sys.stdlib_module_names)


def test_every_imported_package_is_declared() -> None:
    providers = PROVIDERS | packages_distributions()
    known = declared(METADATA["dependencies"] + EXTRAS)
    missing = {
        module
        for module in set(third_party_imports())
        if not known & {name_of(package) for package in providers.get(module, [module])}
    }
    assert missing == set()


def test_every_declared_package_is_pinned() -> None:
    wanted = declared(PROMISED)
    assert wanted <= {name_of(pin) for file in ("torch.txt", "base.txt") for pin in pins(file)}


def test_what_builds_the_site_is_pinned() -> None:
    assert declared(METADATA["optional-dependencies"]["docs"]) <= {name_of(pin) for pin in pins("docs.txt")}


def test_floors_that_are_tried_are_those_that_are_promised() -> None:
    assert set(pins("floors.txt")) == {f"{re.split('[<>=]', text)[0]}=={lowest(text)}" for text in PROMISED}


@pytest.mark.parametrize("file", ["torch.txt", "base.txt", "dev.txt", "docs.txt", "clips.txt", "floors.txt"])
def test_pins_are_exact_and_name_no_place_to_load_from(file: str) -> None:
    assert [pin for pin in pins(file) if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin)] == []


def test_package_with_two_pins_has_the_same_in_both() -> None:
    found: dict[str, set[str]] = {}
    for file in ("torch.txt", "base.txt", "dev.txt", "docs.txt"):
        for pin in pins(file):
            found.setdefault(name_of(pin), set()).add(pin)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}
