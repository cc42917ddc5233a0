"""The site as `make docs` builds it, in a folder of one's own."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_site(docs: Path, site: Path) -> None:
    """Raises mkdocs.exceptions.Abort where anything is wrong."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), docs_dir=str(docs), site_dir=str(site), strict=True))
