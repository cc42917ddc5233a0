"""The tab of videos in a real browser: cards, a player that plays, a timeline that goes along with it."""

from pathlib import Path
from typing import Any

import pytest

from slowfast.reports.page.finished_run import read_runs
from slowfast.reports.page.writing import write_page
from tests.datasets.videos import write_video
from tests.reports.page.browsing import ActionChains, By, Keys, Select, faults, open_page, prefer, wait_until
from tests.reports.page.finished_runs import CLASSES, examined_videos, make_run

PLAYER = "document.querySelector('.card.open video')"
LINE = "document.querySelector('.card.open .playhead').getBoundingClientRect().left"
PLOT = "document.querySelector('.card.open .timeline > div')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page of three runs: two with videos, one that kept none. The second video of the last one is gone."""
    folder = tmp_path_factory.mktemp("runs")
    examined = []
    for name in ("first", "second"):
        (folder / "data" / name).mkdir(parents=True)
        write_video(folder / "data" / name / "v.mp4", 60)
        examined.append(examined_videos(folder / "data" / name))
    write_video(folder / "data" / "first" / "w.mp4", 60)
    runs = [make_run(folder / name, examined=found) for name, found in zip(("first", "second"), examined, strict=True)]
    write_page(read_runs([*runs, make_run(folder / "third")]), folder / "page.html")
    return (folder / "page.html").as_uri() + "#tab=videos"


def shown(browser: Any) -> list[str]:
    cards = browser.find_elements(By.CSS_SELECTOR, ".card:not([hidden])")
    return [card.get_attribute("data-link") for card in cards]


def opened(browser: Any) -> list[str]:
    return [card.get_attribute("data-link") for card in browser.find_elements(By.CSS_SELECTOR, ".card.open")]


def open_video(browser: Any, address: str) -> None:
    """A page with a card that is open and a player that can be played."""
    open_page(browser, address)
    wait_until(browser, f"return {PLAYER} !== null && {PLAYER}.readyState >= 2", "the video was not loaded")
    wait_until(browser, "return document.querySelector('.card.open .playhead') !== null", "the timeline was not drawn")


def second_of_line(browser: Any) -> float:
    """Where the line stands, by the ticks of the chart."""
    found = browser.execute_script(
        f"const {{xaxis, _size}} = {PLOT}._fullLayout;"
        f"return xaxis.p2d({LINE} + 1 - {PLOT}.getBoundingClientRect().left - _size.l)"
    )
    return float(found)


def choose(browser: Any, field: str, text: str) -> None:
    Select(browser.find_element(By.ID, field)).select_by_visible_text(text)


def test_all_videos_are_shown_worst_first_with_pictures_and_words(browser: Any, page: str) -> None:
    open_page(browser, page)
    assert browser.get_log("browser") == []
    assert shown(browser) == ["first/v", "second/v", "first/w", "second/w"]
    assert browser.find_element(By.ID, "video-count").text == "4 of 4 videos"
    first, *_, gone = browser.find_elements(By.CSS_SELECTOR, ".card")
    pictures = first.find_elements(By.CSS_SELECTOR, ".strip img")
    assert len(pictures) == 8
    assert all(browser.execute_script("return arguments[0].naturalHeight", picture) == 72 for picture in pictures)
    assert f"The one class is wrong: missed {CLASSES[1]}; said {CLASSES[0]}." in first.text
    assert "worst 1 of 2, loss 0.500" in first.text
    assert gone.find_elements(By.CSS_SELECTOR, ".strip img") == []
    panel = browser.find_element(By.ID, "videos").text
    assert "ordered by their loss" in panel
    assert "third has kept no videos" in panel


def test_filters_and_order_choose_cards_and_are_in_the_address(browser: Any, page: str) -> None:
    open_page(browser, page)
    choose(browser, "video-sort", "best first")
    assert shown(browser) == ["first/w", "second/w", "first/v", "second/v"]
    choose(browser, "video-sort", "name")
    assert shown(browser) == ["first/v", "second/v", "first/w", "second/w"]
    choose(browser, "video-kind", "all classes wrong")
    assert set(shown(browser)) == {"first/v", "second/v"}
    choose(browser, "video-run", "second")
    assert shown(browser) == ["second/v"]
    open_page(browser, browser.current_url)
    assert shown(browser) == ["second/v"]
    assert browser.find_element(By.ID, "video-count").text == "1 of 4 videos"
    open_page(browser, page)
    choose(browser, "video-class", CLASSES[2])
    assert set(shown(browser)) == {"first/w", "second/w"}
    open_page(browser, f"{page}&video-group=best")
    assert len(shown(browser)) == 4, "of two videos both are among the best"


def test_address_opens_a_video_and_a_click_makes_the_address(browser: Any, page: str) -> None:
    open_video(browser, f"{page}&video=second%2Fv")
    assert opened(browser) == ["second/v"]
    browser.find_element(By.CSS_SELECTOR, "[data-link='first/w'] .strip").click()
    assert opened(browser) == ["first/w"], "one at a time"
    open_page(browser, browser.current_url)
    assert opened(browser) == ["first/w"]
    browser.find_element(By.CSS_SELECTOR, ".card.open .opener").click()
    assert opened(browser) == []
    assert "video=" not in browser.current_url
    open_page(browser, f"{page}&video=second%2Fnone")
    assert "second/none is not among them" in browser.find_element(By.ID, "video-count").text


def test_line_goes_along_with_the_video(browser: Any, page: str) -> None:
    open_video(browser, f"{page}&video=first%2Fv")
    assert second_of_line(browser) == pytest.approx(0, abs=0.02)
    browser.execute_script(f"{PLAYER}.currentTime = 1.5")
    wait_until(browser, f"return {PLAYER}.currentTime === 1.5 && !{PLAYER}.seeking", "the video did not move")
    assert second_of_line(browser) == pytest.approx(1.5, abs=0.02)
    browser.execute_script(f"{PLAYER}.currentTime = 0; {PLAYER}.muted = true; {PLAYER}.play()")
    wait_until(browser, f"return {PLAYER}.ended", "the video did not play to its end")
    assert second_of_line(browser) == pytest.approx(2, abs=0.05)
    assert browser.get_log("browser") == []


def test_click_on_the_timeline_moves_the_video(browser: Any, page: str) -> None:
    open_video(browser, f"{page}&video=first%2Fv")
    plot = browser.find_element(By.CSS_SELECTOR, ".card.open .timeline > div")
    size = browser.execute_script(f"return {PLOT}._fullLayout._size")
    x = size["l"] + size["w"] * 0.75 - plot.size["width"] / 2
    ActionChains(browser).move_to_element_with_offset(plot, round(x), 0).click().perform()
    wait_until(browser, f"return !{PLAYER}.seeking && {PLAYER}.currentTime > 0", "the video did not move")
    assert browser.execute_script(f"return {PLAYER}.currentTime") == pytest.approx(1.5, abs=0.02)
    assert second_of_line(browser) == pytest.approx(1.5, abs=0.02)


def test_timeline_follows_the_width_of_the_window(browser: Any, page: str) -> None:
    open_video(browser, f"{page}&video=first%2Fv")
    browser.execute_script(f"{PLAYER}.currentTime = 1")
    try:
        browser.set_window_size(700, 900)
        wait_until(browser, f"return {PLOT}._fullLayout.width < 660", "the chart was not drawn anew")
        assert second_of_line(browser) == pytest.approx(1, abs=0.02)
    finally:
        browser.set_window_size(1200, 900)


def test_keyboard_alone_opens_plays_and_seeks(browser: Any, page: str) -> None:
    open_page(browser, page)
    for key in (Keys.ENTER, Keys.ENTER, Keys.SPACE):
        browser.find_element(By.CSS_SELECTOR, "[data-link='first/v'] .opener").send_keys(key)
    assert opened(browser) == ["first/v"]
    wait_until(browser, f"return {PLAYER}.readyState >= 2 && document.querySelector('.open .playhead')", "nothing is drawn")
    reached = []
    for _ in range(20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.execute_script("return document.activeElement.className || document.activeElement.tagName"))
        if reached[-1] == "timeline":
            break
    assert "VIDEO" in reached
    assert reached[-1] == "timeline"

    def press(key: str) -> float:
        browser.switch_to.active_element.send_keys(key)
        wait_until(browser, f"return !{PLAYER}.seeking", "the video did not move")
        return float(browser.execute_script(f"return {PLAYER}.currentTime"))

    assert press(Keys.ARROW_RIGHT) == pytest.approx(0.1)
    assert press(Keys.PAGE_UP) == pytest.approx(1.1)
    assert press(Keys.ARROW_LEFT) == pytest.approx(1.0)
    slider = browser.switch_to.active_element
    assert slider.get_attribute("aria-valuetext") == "1.0 of 2.0 seconds"
    assert press(Keys.END) == pytest.approx(2.0, abs=0.05)
    assert press(Keys.ARROW_RIGHT) == pytest.approx(2.0, abs=0.05)
    assert press(Keys.HOME) == 0
    browser.execute_script(f"{PLAYER}.muted = true")
    slider.send_keys(Keys.SPACE)
    wait_until(browser, f"return {PLAYER}.currentTime > 0.2", "the video does not play")
    slider.send_keys(Keys.SPACE)
    assert browser.execute_script(f"return {PLAYER}.paused")


def test_video_that_is_gone_says_so_and_still_has_its_timeline(browser: Any, page: str) -> None:
    open_page(browser, f"{page}&video=second%2Fw")
    card = browser.find_element(By.CSS_SELECTOR, ".card.open")
    assert "is not in its place any more" in card.text
    assert card.find_elements(By.TAG_NAME, "video") == []
    wait_until(browser, f"return {PLOT}.data !== undefined", "the timeline was not drawn")
    assert browser.get_log("browser") == []


def test_file_that_goes_after_the_page_was_written_is_told(browser: Any, page: str, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 10)
    run = make_run(tmp_path / "run", examined=examined_videos(tmp_path))
    write_page(read_runs([run]), tmp_path / "page.html")
    (tmp_path / "v.mp4").unlink()
    open_page(browser, (tmp_path / "page.html").as_uri() + "#tab=videos&video=run%2Fv")
    wait_until(browser, "return !document.querySelector('.card.open .unplayable').hidden", "nothing was said")
    assert "v.mp4" in browser.find_element(By.CSS_SELECTOR, ".card.open .unplayable").text


@pytest.mark.parametrize("keep", ["embedded", "copied"])
def test_copies_and_embedded_videos_play(browser: Any, tmp_path: Path, keep: str) -> None:
    write_video(tmp_path / "v.mp4", 10)
    run = make_run(tmp_path / "run", examined=examined_videos(tmp_path))
    write_page(read_runs([run]), tmp_path / "page.html", keep=keep)
    (tmp_path / "v.mp4").unlink()
    open_video(browser, (tmp_path / "page.html").as_uri() + "#tab=videos&video=run%2Fv")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("video", ["", "&video=first%2Fv", "&video=second%2Fw"])
def test_axe_finds_nothing_that_keeps_somebody_out(browser: Any, page: str, video: str) -> None:
    if video.endswith("first%2Fv"):
        open_video(browser, page + video)
    else:
        open_page(browser, page + video)
    for scheme in ("", "dark"):
        prefer(browser, scheme)
        assert faults(browser) == []
    prefer(browser, "")
