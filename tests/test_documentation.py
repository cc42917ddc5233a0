"""What the documents say works: their code runs, their links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.stand_ins import pytorchvideo_importable

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("projects/*/README.md"), *ROOT.glob("benchmarks/*.md")])


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


def headings(path: Path) -> set[str]:
    """Anchors of a Markdown file, as they are made of its headings."""
    lines = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in lines}


def test_the_example_of_a_foreign_network_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "GETTING_STARTED.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert example is not None
    with pytorchvideo_importable():
        exec(compile(example[1], "GETTING_STARTED.md", "exec"), {})
    assert "blocks.5.pool" in capsys.readouterr().out
