"""The site of the documentation, as `make docs` builds it: what is wrong stops it, what is public is in it, and it needs no
network."""

import importlib
import inspect
import logging
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the site is built by mkdocs (requirements/docs.txt)")

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from tests.documentation.building import ROOT, build_site

PUBLIC = (
    *("pgt", "slowfast.config", "slowfast.datasets", "slowfast.prediction", "slowfast.evaluation.timed"),
    *("slowfast.evaluation.ava", "slowfast.structures", "slowfast.engine.steps", "slowfast.engine.contract"),
    *("slowfast.evaluation", "slowfast.annotations.events"),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build_site(ROOT / "docs", folder)
    return folder


class Addresses(HTMLParser):
    """What a page loads by itself, where its links lead, and the places in it that links can lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded, self.links, self.places = list[str](), list[str](), set[str]()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.places.add(values.get("id", ""))
        if "src" in values:
            self.loaded.append(values["src"])
        if "href" in values:
            (self.links if tag == "a" else self.loaded).append(values["href"])


def public_names() -> dict[str, set[str]]:
    """The names under which classes and functions can stand that packages list, or, without a list, make themselves."""
    names = {}
    for module in map(importlib.import_module, PUBLIC):
        own = [name for name, entry in vars(module).items() if getattr(entry, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", [name for name in own if name[0] != "_"]):
            entry = getattr(module, name)
            ours = getattr(entry, "__module__", "").split(".")[0] == module.__name__.split(".")[0]
            if ours and (inspect.isclass(entry) or inspect.isfunction(entry)):
                names[f"{module.__name__}.{name}"] = {
                    f"{module.__name__}.{name}", f"{entry.__module__}.{entry.__qualname__}",
                }  # fmt: skip
    return names


def test_every_public_name_has_its_place_in_the_reference(site: Path) -> None:
    places = set().union(*(Addresses(page).places for page in (site / "api").glob("*.html")))
    assert [name for name, ids in public_names().items() if not ids & places] == []


def test_no_page_loads_anything_from_a_network(site: Path) -> None:
    loaded = {(page.name, address) for page in site.rglob("*.html") for address in Addresses(page).loaded}
    assert [entry for entry in sorted(loaded) if re.match(r"(\w+:)?//", entry[1])] == []
    styles = [path for path in site.rglob("*.css") if re.search(r"url\([\"']?(\w+:)?//|@import", path.read_text())]
    assert styles == []


def test_links_between_pages_lead_to_files_and_places(site: Path) -> None:
    """By the built pages, as a browser follows them from disk."""
    pages = {page: Addresses(page) for page in site.rglob("*.html") if page.name != "404.html"}
    for page, addresses in pages.items():
        for link in addresses.links:
            file, _, place = link.partition("#")
            if re.match(r"\w+:", link) or link.startswith("//"):
                continue
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), f"{page.relative_to(site)}: {link} leads nowhere"
            if place and target in pages and not place.startswith("__"):
                assert place in pages[target].places, f"{page.relative_to(site)}: {link} has no such place"


def test_a_document_outside_docs_is_a_page_whose_links_are_those_of_the_repository(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="GETTING_STARTED.html#your-own-network"' in text
    assert 'href="projects/pgt/index.html"' in text
    assert "Licence: Apache 2.0." in text, "a file that is no page is named, and no link"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a](nowhere.md)", "nowhere.md"),
        ("![a](nowhere.png)", "nowhere.png"),
        ("[a](#nowhere)", "#nowhere"),
        ("[a](../INSTALL.md#nowhere)", "#nowhere"),
        ("[a][slowfast.nothing]", "slowfast.nothing"),
        ("::: slowfast.nothing", "slowfast.nothing"),
        (
            "<!-- include --> [a](../INSTALL.md#nowhere)",
            "no heading has the anchor #nowhere; right would be one of #installation",
        ),
    ],
)
def test_what_is_wrong_in_a_page_stops_the_build(
    text: str, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a site of this page and the documents outside docs/, with the same settings."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("api", "*.md"))
    (docs / "page.md").write_text(f"# Page\n\n{text}\n")
    (tmp_path / "INSTALL.md").write_bytes((ROOT / "INSTALL.md").read_bytes())
    config = load_config(
        str(ROOT / "mkdocs.yml"), docs_dir=str(docs), site_dir=str(tmp_path / "site"), strict=True, nav=["page.md"]
    )
    hook = config.hooks["docs/hooks/repository_pages.py"]
    monkeypatch.setattr(hook, "OUTSIDE", ("INSTALL.md",))
    monkeypatch.setattr(hook, "ROOT", tmp_path)
    (tmp_path / "INSTALL.md").write_text("# Installation\n")
    with caplog.at_level(logging.WARNING), pytest.raises(Abort):
        build(config)
    assert told in caplog.text
