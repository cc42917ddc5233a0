"""The page in a real browser, with real video files that it plays from disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.annotations.events import Events
from slowfast.reports.timeline_page.writing import Film, timeline_page
from tests.datasets.videos import write_video
from tests.reports.page.browsing import ActionChains, By, Keys, faults, start_browser, wait_until
from tests.reports.timeline_page.test_writing import CLASSES, scores_of

EVENTS = Events(
    video=np.zeros(3, np.int64),
    label=np.array([1, 0, 2]),
    start=np.array([2.0, 4.0, 12.5]),
    end=np.array([6.0, 5.0, 20.0]),
    score=np.array([0.9, 0.8, 0.7]),
)
SECONDS = 20


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = start_browser()
    yield driver
    driver.quit()


def write(folder: Path, *names: str) -> str:
    """A page with these films, of which it is the first that can be played that counts."""
    out = folder / "out" / "a video"
    out.mkdir(parents=True)
    films = [Film.beside(folder / name, out) for name in names]
    page = timeline_page("a video", scores_of(SECONDS), EVENTS, CLASSES, (1, 0, 2), films)
    (out / "timeline.html").write_text(page, encoding="utf-8")
    return (out / "timeline.html").as_uri()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("played")
    write_video(folder / "50% & more #1.webm", SECONDS * 24, fps=24, codec="libvpx", b_frames=0)
    return write(folder, "50% & more #1.webm")


@pytest.fixture(scope="module")
def unplayed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A format that browsers have no decoder for, and a file that is gone."""
    folder = tmp_path_factory.mktemp("unplayed")
    write_video(folder / "old <1>.avi", 48, fps=24, codec="mpeg4")
    return write(folder, "old <1>.avi", "gone.mp4")


def open_page(browser: Any, address: str) -> None:
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(address)
    wait(browser, "return document.body.dataset.ready === 'yes'")


def wait(browser: Any, condition: str) -> None:
    wait_until(browser, condition, condition)


def wait_for_film(browser: Any) -> None:
    wait(browser, "return document.getElementById('player').readyState >= 2")


def position(browser: Any) -> float:
    return float(browser.execute_script("return Number(document.getElementById('position').value)"))


def film_second(browser: Any) -> float:
    wait(browser, "return !document.getElementById('player').seeking")
    return float(browser.execute_script("return document.getElementById('player').currentTime"))


def line_share(browser: Any) -> float:
    """Where the line of the playhead stands between the axes, from 0 to 1."""
    found = """const line = document.getElementById('now').getBoundingClientRect();
        const inside = document.querySelector('.nsewdrag').getBoundingClientRect();
        return (line.left + line.width / 2 - inside.left) / inside.width"""
    return float(browser.execute_script(found))


def click_at(browser: Any, share: float, row: int = 0) -> None:
    """row: 0: among the scores, 1: among the bars."""
    part = browser.find_elements(By.CSS_SELECTOR, ".nsewdrag")[row]
    width = part.rect["width"]
    ActionChains(browser).move_to_element_with_offset(part, round((share - 0.5) * width), 3).click().perform()


def complaints(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def test_page_loads_without_complaints_and_draws_scores_and_events(browser: Any, played: str) -> None:
    open_page(browser, played)
    wait_for_film(browser)
    assert complaints(browser) == []
    assert len(browser.find_elements(By.CSS_SELECTOR, ".scatterlayer .trace")) == 3
    assert len(browser.find_elements(By.CSS_SELECTOR, ".barlayer .point")) == 3
    names = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".legend li")]
    assert names == [CLASSES[1], CLASSES[0], CLASSES[2]]
    ticks = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".xaxislayer-above text, .xtick text")]
    assert "0:00:10" in ticks


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("share", [0.25, 0.7])
def test_click_on_the_chart_seeks(browser: Any, played: str, share: float, row: int) -> None:
    open_page(browser, played)
    wait_for_film(browser)
    click_at(browser, share, row)
    assert film_second(browser) == pytest.approx(share * SECONDS, abs=0.1)
    assert position(browser) == pytest.approx(share * SECONDS, abs=0.1)
    assert line_share(browser) == pytest.approx(share, abs=0.01)


def test_playhead_and_rows_follow_the_film(browser: Any, played: str) -> None:
    open_page(browser, played)
    wait_for_film(browser)
    browser.execute_script("const player = document.getElementById('player'); player.muted = true; player.currentTime = 4.5")
    browser.execute_async_script("document.getElementById('player').play().then(arguments[0])")
    wait(browser, "return document.getElementById('player').currentTime > 5.3")
    current = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "tr[aria-current=true] th")]
    browser.execute_script("document.getElementById('player').pause()")
    wait(browser, "return Number(document.getElementById('position').value) === document.getElementById('player').currentTime")
    assert current == [CLASSES[1]], "at second 5.3 the milk is poured"
    assert line_share(browser) == pytest.approx(film_second(browser) / SECONDS, abs=0.01)
    assert complaints(browser) == []


def test_links_of_events_and_addresses_lead_to_their_moments(browser: Any, played: str) -> None:
    open_page(browser, played)
    wait_for_film(browser)
    links = browser.find_elements(By.CSS_SELECTOR, "#events a")
    assert [link.text for link in links] == ["0:00:02.0", "0:00:04.0", "0:00:12.5"]
    links[2].click()
    assert film_second(browser) == pytest.approx(12.5, abs=0.05)
    address = browser.current_url
    click_at(browser, 0.1)
    links[2].click()  # the address is the same as before
    assert film_second(browser) == pytest.approx(12.5, abs=0.05)
    open_page(browser, address)
    wait_for_film(browser)
    assert film_second(browser) == pytest.approx(12.5, abs=0.05)


def test_dragging_shows_a_part_in_which_clicks_mean_its_moments(browser: Any, played: str) -> None:
    open_page(browser, played)
    wait_for_film(browser)
    part = browser.find_elements(By.CSS_SELECTOR, ".nsewdrag")[0]
    width = part.rect["width"]
    chain = ActionChains(browser).move_to_element_with_offset(part, 0, 0).click_and_hold()
    chain.move_by_offset(round(width / 8), 0).move_by_offset(round(width / 8), 0).release().perform()
    shown = "return document.getElementById('chart').layout.xaxis.range"
    wait(browser, f"{shown}[0] > 9")
    assert browser.execute_script(shown) == pytest.approx([10, 15], abs=0.1)
    assert position(browser) == 0, "dragging is no click"
    assert browser.execute_script("return document.getElementById('now').hidden"), "the playhead is not in this part"
    click_at(browser, 0.5)
    assert position(browser) == pytest.approx(12.5, abs=0.1)
    assert line_share(browser) == pytest.approx(0.5, abs=0.01)
    ActionChains(browser).double_click(part).perform()
    wait(browser, f"return ({shown[7:]}).join() === '0,{SECONDS}'")


def test_keyboard_alone_works_everything(browser: Any, played: str) -> None:
    open_page(browser, played)
    wait_for_film(browser)

    def press(*keys: str) -> Any:
        for key in keys:
            browser.switch_to.active_element.send_keys(key)
        return browser.switch_to.active_element

    assert press(Keys.TAB).get_attribute("id") == "player"
    while press(Keys.TAB).get_attribute("id") != "position":
        assert browser.switch_to.active_element.tag_name == "video", "its controls come first"
    press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.PAGE_UP)
    assert film_second(browser) == pytest.approx(12, abs=0.05)
    press(Keys.ARROW_LEFT)
    assert film_second(browser) == pytest.approx(11, abs=0.05)
    assert browser.switch_to.active_element.get_attribute("aria-valuetext") == "0:00:11.0"
    press(Keys.HOME)
    assert film_second(browser) == 0
    assert press(Keys.TAB).get_attribute("id") == "class-name"
    press("M", "I", "L")
    shown = browser.find_elements(By.CSS_SELECTOR, "#events tr:not([hidden]) th")
    assert [row.text for row in shown] == [CLASSES[0]]
    assert browser.find_element(By.ID, "count").text == "1 of 3 events"
    press(Keys.TAB)
    press(Keys.TAB)
    press(Keys.ENTER)
    assert film_second(browser) == pytest.approx(4, abs=0.05)


def test_what_the_browser_cannot_play_is_said_and_the_timeline_works(browser: Any, unplayed: str) -> None:
    open_page(browser, unplayed)
    wait(browser, "return document.getElementById('plays').textContent !== ''")
    told = browser.find_element(By.ID, "plays")
    assert told.text == "This browser cannot play old <1>.avi, or it is no longer where it was; the timeline works without it."
    assert told.find_element(By.TAG_NAME, "a").get_attribute("href").endswith("/old%20%3C1%3E.avi")
    assert not browser.find_element(By.ID, "player").is_displayed()
    click_at(browser, 0.5)
    assert position(browser) == pytest.approx(10, abs=0.1)
    assert line_share(browser) == pytest.approx(0.5, abs=0.01)
    browser.find_elements(By.CSS_SELECTOR, "#events a")[1].click()
    assert position(browser) == 4


def test_where_the_first_film_cannot_be_played_the_second_is(browser: Any, tmp_path: Path) -> None:
    write_video(tmp_path / "old.avi", 48, fps=24, codec="mpeg4")
    write_video(tmp_path / "annotated.webm", 48, fps=24, codec="libvpx", b_frames=0)
    open_page(browser, write(tmp_path, "old.avi", "annotated.webm"))
    wait_for_film(browser)
    assert browser.execute_script("return document.getElementById('player').currentSrc").endswith("/annotated.webm")
    assert browser.find_element(By.ID, "plays").text == ""


def test_a_page_without_a_film_works(browser: Any, tmp_path: Path) -> None:
    open_page(browser, write(tmp_path))
    click_at(browser, 0.5)
    assert position(browser) == pytest.approx(10, abs=0.1)
    assert complaints(browser) == []


@pytest.mark.parametrize("kind", ["played", "unplayed"])
def test_axe_finds_nothing_that_keeps_somebody_out(browser: Any, kind: str, request: pytest.FixtureRequest) -> None:
    open_page(browser, request.getfixturevalue(kind))
    assert faults(browser, control="label") == []
