"""What pages are made with: figures, lists of parameters, sections of other documents."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HOOKS = Path(__file__).parents[2] / "docs" / "hooks"


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_those_of_their_script() -> None:
    figures = hook("figures")
    drawn = {f"{name}.svg": draw().svg() for name, draw in figures.FIGURES.items()}
    assert {path.name: path.read_text(encoding="utf-8") for path in figures.FOLDER.glob("*")} == drawn


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ("What it is.", "What it is."),
        ("a: one. b: two.", "- `a`: one.\n- `b`: two."),
        ("a, b: both, 1: 2 say.\n\nMore.", "- `a`, `b`: both, 1: 2 say.\n\nMore."),
        ("It is so. a: one (B, C),\nor none. Raises AError.", "It is so.\n\n- `a`: one (B, C), or none.\n\nRaises AError."),
        ("strange: not a parameter. a: one.", "strange: not a parameter.\n\n- `a`: one."),
        ("    a: in a block of code.", "    a: in a block of code."),
        ("it stops: a: is no list.", "it stops: a: is no list."),
    ],
)
def test_meanings_of_parameters_become_a_list(text: str, laid_out: str) -> None:
    pytest.importorskip("griffe", reason="griffe reads docstrings for the site (requirements/docs.txt)")
    assert hook("parameter_lists").laid_out(text, {"a", "b"}) == laid_out


def test_a_section_ends_where_the_next_one_of_its_level_begins(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site is built by mkdocs (requirements/docs.txt)")
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n## One\n\na\n\n### Within\n\n```sh\n# no heading\n```\n\n## Two, or `b`\n\nc\n")
    section = hook("repository_pages").section
    assert section(path, "one") == "a\n\n### Within\n\n```sh\n# no heading\n```"
    assert section(path, "two-or-b") == "c"


def test_the_site_is_built_strictly_and_aloud() -> None:
    """What mkdocs is told not to print it does not count as wrong either."""
    makefile = (HOOKS.parents[1] / "Makefile").read_text(encoding="utf-8")
    [line] = [line for line in makefile.splitlines() if "-m mkdocs build" in line]
    assert "--strict" in line
    assert not {"--quiet", "-q"} & set(line.split())
