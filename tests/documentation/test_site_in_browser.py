"""The site in a real browser: Chromium without a window, opening the files from disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mkdocs", reason="the site is built by mkdocs (requirements/docs.txt)")

from tests.documentation.building import ROOT, build_site
from tests.reports.page.browsing import By, WebDriverWait, start_browser

FROM_ELSEWHERE = """return performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith('file:') && !name.startsWith('data:') && !name.startsWith('blob:'))"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One of their own: these tests change the size of its window."""
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build_site(ROOT / "docs", folder)
    return folder


@pytest.mark.parametrize("page", ["index.html", "GETTING_STARTED.html", "api/pgt.html", "benchmarks/index.html"])
@pytest.mark.parametrize("width", [1200, 500])
def test_a_page_opens_from_disk_asks_no_network_and_is_no_wider_than_the_window(
    site: Path, browser: Any, page: str, width: int
) -> None:
    browser.set_window_size(width, 900)
    browser.get((site / page).as_uri())
    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script("return document.readyState") == "complete")
    assert browser.get_log("browser") == []
    assert browser.execute_script(FROM_ELSEWHERE) == []
    wide, shown = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= shown


def test_search_finds_a_name_from_disk_and_leads_to_it(site: Path, browser: Any) -> None:
    browser.set_window_size(1200, 900)
    browser.get((site / "api" / "engine.html").as_uri())
    browser.find_element(By.CSS_SELECTOR, "input[data-md-component=search-query]").send_keys("functional_step")
    WebDriverWait(browser, 30).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".md-search-result__link"))
    links = [link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, ".md-search-result__link")]
    assert any("api/pgt.html" in link and "functional_step" in link for link in links)
    browser.get(next(link for link in links if "api/pgt.html" in link))
    assert "functional_step" in browser.find_element(By.TAG_NAME, "article").text
    assert browser.get_log("browser") == []
