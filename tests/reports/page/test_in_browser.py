"""The page in a real browser: Chromium without a window, opening the file from disk."""

from collections.abc import Iterator
from typing import Any

import pytest

from slowfast.reports.page.finished_run import read_runs
from slowfast.reports.page.writing import write_page
from tests.reports.page.browsing import By, Keys, faults, open_page, prefer, wait_until
from tests.reports.page.finished_runs import CLASSES, MATRIX, RESULTS, SINGLE, make_run, statistics

TABS = ("overview", "curves", "classes", "confusion", "scores", "options")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page of two runs that differ in an option, one class and its figures."""
    folder = tmp_path_factory.mktemp("runs")
    other = {**RESULTS, "config": {"RNG_SEED": 2, "SOLVER.BASE_LR": 0.1}}
    matrix = {**SINGLE, "per_class_ap": RESULTS["per_class_ap"], "confusion_matrix": MATRIX}
    write_page(
        read_runs([make_run(folder / "first", matrix, statistics=statistics()), make_run(folder / "second", other)]),
        folder / "page.html",
    )
    return (folder / "page.html").as_uri()


def shown_panels(browser: Any) -> list[str]:
    return [panel.get_attribute("id") for panel in browser.find_elements(By.CSS_SELECTOR, "main > section:not([hidden])")]


def shown_classes(browser: Any) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "[data-chart=classes-0] tbody tr:not([hidden]) th")
    return [row.text for row in rows]


def bars(browser: Any) -> list[dict[str, Any]]:
    """What plotly has drawn of the first measure of classes."""
    found = browser.execute_script("return document.getElementById('classes-0').data.map(({x, y}) => ({x, y}))")
    return list(found)


@pytest.mark.parametrize("tab", TABS)
def test_page_loads_without_complaints_and_draws_what_is_shown(browser: Any, page: str, tab: str) -> None:
    open_page(browser, f"{page}#tab={tab}")
    assert browser.get_log("browser") == []
    assert shown_panels(browser) == [tab]
    places = browser.find_elements(By.CSS_SELECTOR, f"#{tab} .chart > div")
    assert len(places) == {"overview": 1, "curves": 4, "classes": 2, "confusion": 3, "scores": 3, "options": 0}[tab]
    for place in places:
        assert place.find_elements(By.CSS_SELECTOR, "svg.main-svg"), place.get_attribute("id")
        assert place.size["width"] > 300


def test_click_on_a_tab_shows_its_part_and_the_address_leads_back_to_it(browser: Any, page: str) -> None:
    open_page(browser, page)
    assert shown_panels(browser) == ["overview"]
    browser.find_element(By.ID, "tab-confusion").click()
    assert shown_panels(browser) == ["confusion"]
    address = browser.current_url
    open_page(browser, address)
    assert shown_panels(browser) == ["confusion"]
    browser.execute_script("location.hash = '#tab=curves'")
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    assert shown_panels(browser) == ["curves"]


def test_filters_choose_rows_and_bars_alike(browser: Any, page: str) -> None:
    open_page(browser, f"{page}#tab=classes")
    assert shown_classes(browser) == list(CLASSES)
    browser.find_element(By.ID, "class-name").send_keys("Milk")
    assert shown_classes(browser) == [CLASSES[0]]
    assert [bar["y"] for bar in bars(browser)] == [[CLASSES[0]]] * 2, "of both runs"
    assert browser.find_element(By.ID, "class-count").text == "1 of 3 classes"
    open_page(browser, browser.current_url)
    assert shown_classes(browser) == [CLASSES[0]], "the address holds the filter"
    open_page(browser, f"{page}#tab=classes&class-below=60")
    assert shown_classes(browser) == [CLASSES[0]], "a class without a figure is not below anything"


def test_columns_sort_rows_and_bars_and_put_what_is_undefined_last(browser: Any, page: str) -> None:
    open_page(browser, f"{page}#tab=classes")
    chart = "[data-chart=classes-0]"
    figures = browser.find_elements(By.CSS_SELECTOR, f"{chart} .sort")[2]
    for order in ("ascending", "descending"):
        figures.click()
        heading = browser.find_element(By.CSS_SELECTOR, f"{chart} th[aria-sort={order}]")
        assert heading.text.startswith("first, %")
        rows = browser.find_elements(By.CSS_SELECTOR, f"{chart} tbody th")
        expected = [CLASSES[0], CLASSES[1]] if order == "ascending" else [CLASSES[1], CLASSES[0]]
        assert [row.text for row in rows] == [*expected, CLASSES[2]]
        assert [bar["y"][:2] for bar in bars(browser)] == [expected] * 2


def test_names_of_classes_are_text_in_charts_as_well(browser: Any, page: str) -> None:
    open_page(browser, f"{page}#tab=classes")
    labels = browser.find_elements(By.CSS_SELECTOR, "#classes-0 .ytick text")
    assert sorted(label.text for label in labels) == sorted(CLASSES)


def test_options_in_which_the_runs_agree_can_be_hidden(browser: Any, page: str) -> None:
    open_page(browser, f"{page}#tab=options")
    assert browser.find_element(By.ID, "option-count").text == "2 of 2 options"
    browser.find_element(By.ID, "option-differs").click()
    [row] = browser.find_elements(By.CSS_SELECTOR, "#option-rows tr:not([hidden])")
    assert row.text.split() == ["RNG_SEED", "1", "2"]


def test_keyboard_alone_reaches_and_works_everything(browser: Any, page: str) -> None:
    open_page(browser, page)

    def press(*keys: str) -> Any:
        for key in keys:
            browser.switch_to.active_element.send_keys(key)
        return browser.switch_to.active_element

    assert press(Keys.TAB).get_attribute("id") == "tab-overview"
    assert press(Keys.ARROW_LEFT).get_attribute("id") == "tab-options", "the first follows the last"
    assert press(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT).get_attribute("id") == "tab-classes"
    assert shown_panels(browser) == ["classes"]
    assert press(Keys.TAB).get_attribute("id") == "classes"
    assert press(Keys.TAB).get_attribute("id") == "class-name"
    press("s", "t", "i", "r", Keys.ENTER)
    assert shown_classes(browser) == ["stir"], "Enter does not send the form away"
    assert press(Keys.TAB).get_attribute("id") == "class-below"
    while (button := press(Keys.TAB)).get_attribute("class") != "sort":
        assert button.tag_name != "body", "no heading was reached"
    press(Keys.ENTER)
    assert browser.find_elements(By.CSS_SELECTOR, "th[aria-sort=ascending]")
    assert browser.get_log("browser") == []


@pytest.fixture
def dark(browser: Any) -> Iterator[None]:
    prefer(browser, "dark")
    yield
    prefer(browser, "")


def test_page_and_charts_are_dark_where_readers_want_it(browser: Any, page: str, dark: None) -> None:
    def colours() -> tuple[str, str]:
        paper = browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
        title = browser.find_element(By.CSS_SELECTOR, "#figures .xtick text")
        return paper, browser.execute_script("return arguments[0].style.fill", title)

    open_page(browser, page)
    assert colours() == ("rgb(24, 26, 27)", "rgb(230, 230, 230)")
    prefer(browser, "light")
    wait_until(browser, "return document.querySelector('#figures .xtick text').style.fill === 'rgb(34, 34, 34)'", "still dark")
    assert colours() == ("rgb(255, 255, 255)", "rgb(34, 34, 34)")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_that_keeps_somebody_out_in_the_dark(browser: Any, page: str, dark: None, tab: str) -> None:
    open_page(browser, f"{page}#tab={tab}")
    assert faults(browser) == []


@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_that_keeps_somebody_out(browser: Any, page: str, tab: str) -> None:
    """All of axe-core's rules for WCAG 2 up to AA and its best practices, contrast and labels among them."""
    open_page(browser, f"{page}#tab={tab}")
    assert faults(browser) == []
