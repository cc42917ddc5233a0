"""Documents that lie outside docs/ become pages where they lie; links between all of them lead to pages.

So a text stands in one place, and its links work in the repository, on whatever shows that, and on the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = (
    *("README.md", "INSTALL.md", "GETTING_STARTED.md", "MODEL_ZOO.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("benchmarks/README.md", "projects/pgt/README.md", "projects/longcook/README.md"),
)
LINK = re.compile(r"(?P<bang>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
INCLUDED = re.compile(r"^<!-- include --> *\[[^\]]*\]\((?P<file>[^)\s#]+)#(?P<anchor>[^)\s]+)\)$", flags=re.MULTILINE)
HEADING = re.compile(r"^(?P<level>#+) (?P<text>.+)$", flags=re.MULTILINE)
FENCED = re.compile(r"^(?P<fence>```+).*?^(?P=fence)$", flags=re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Headings get the anchors that they have in the repository, so that a link to one works in both."""
    config.mdx_configs["toc"]["slugify"] = lambda heading, separator: anchor_of(heading)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = Path(page.file.abs_src_path or "").resolve()
    pages = {Path(file.abs_src_path).resolve(): file.src_uri for file in files if file.abs_src_path}
    this = page.file.src_uri

    def included(match: re.Match[str]) -> str:
        source = (here.parent / match["file"]).resolve()
        return with_links_to_pages(section(source, match["anchor"]), source, pages, this)

    # What is included has links to pages already, and these are of no file of the repository, so they stay.
    parts, end = [], 0
    for match in INCLUDED.finditer(markdown):
        parts += [with_links_to_pages(markdown[end : match.start()], here, pages, this), included(match)]
        end = match.end()
    return "".join([*parts, with_links_to_pages(markdown[end:], here, pages, this)])


def section(path: Path, anchor: str) -> str:
    """What stands under a heading of a file, down to the next one of its level or above."""
    text = path.read_text(encoding="utf-8")
    fenced = [range(*match.span()) for match in FENCED.finditer(text)]
    headings = [match for match in HEADING.finditer(text) if not any(match.start() in block for block in fenced)]
    found = next((number for number, match in enumerate(headings) if anchor_of(match["text"]) == anchor), None)
    if found is None:
        there = ", ".join(f"#{anchor_of(match['text'])}" for match in headings)
        raise PluginError(f"{path.relative_to(ROOT)}: no heading has the anchor #{anchor}; right would be one of {there}")
    level = len(headings[found]["level"])
    ends = [match.start() for match in headings[found + 1 :] if len(match["level"]) <= level]
    return text[headings[found].end() : ends[0] if ends else len(text)].strip()


def anchor_of(heading: str) -> str:
    """As hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def with_links_to_pages(markdown: str, source: Path, pages: dict[Path, str], page: str) -> str:
    """Links to files of the repository, as they stand in `source`, lead to their pages, seen from a page of the site.

    A folder is its README. What is no page (a licence, a config) becomes plain text: on the site there is nothing to lead to.
    """

    def led(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if "://" in target or (not target and pages.get(source) == page):
            return match[0]
        file = (source.parent / target).resolve() if target else source
        file = file / "README.md" if file.is_dir() else file
        if file in pages:
            return f"{match['bang']}[{match['text']}]({posixpath.relpath(pages[file], posixpath.dirname(page) or '.')}{anchor})"
        return match["text"] if file.exists() and not match["bang"] else match[0]

    return LINK.sub(led, markdown)
