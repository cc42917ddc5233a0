"""What the documents say works: their code runs, their links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("projects/*/README.md"), *ROOT.glob("benchmarks/*.md")]
)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_and_headings_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{target} leads nowhere"
        if heading:
            assert heading in headings(linked), f"{target}: no such heading"


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name != "config_files.md"], ids=lambda path: str(path.relative_to(ROOT))
)  # that one lists files of others
def test_tools_and_configs_that_documents_name_are_there(path: Path) -> None:
    for named in re.findall(r"\b(?:tools/\w+\.py|configs/\w+/\w+\.yaml)", path.read_text(encoding="utf-8")):
        assert (ROOT / named).is_file(), f"{named} is named but not there"


def headings(path: Path) -> set[str]:
    """Anchors of a Markdown file, as they are made of its headings."""
    lines = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in lines}


def examples() -> list[tuple[str, str]]:
    """(document and number, source) of every Python block in the documents of this environment's users."""
    found = []
    for path in DOCUMENTS:
        blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        found += [(f"{path.relative_to(ROOT)}-{number}", block) for number, block in enumerate(blocks, 1)]
    return found


@pytest.mark.parametrize(("name", "source"), examples(), ids=[name for name, _ in examples()])
def test_python_in_the_documents_runs_as_it_stands(name: str, source: str, tmp_path: Path) -> None:
    """In a process of its own, in the environment that `make` builds, with nothing put in the place of anything; recipes for
    trainers of others in that of `make docs`."""
    for package in re.findall(r"^(?:import|from) (pytorch_lightning|accelerate|transformers)\b", source, flags=re.MULTILINE):
        pytest.importorskip(
            package, reason=f"{package} is one of requirements/{'dev' if package == 'transformers' else 'docs'}.txt"
        )
    process = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


def test_the_first_example_shows_what_is_remembered() -> None:
    [first, *_] = [source for name, source in examples() if name.startswith("GETTING_STARTED")]
    assert "progressive(" in first and "torchvision" not in first
