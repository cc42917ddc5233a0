"""Boxes of persons over a player, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from slowfast.reports.page.finished_run import read_runs
from slowfast.reports.page.writing import write_page
from tests.datasets.videos import write_video
from tests.reports.page.browsing import By, Keys, Select, faults, open_page, prefer, wait_until
from tests.reports.page.finished_runs import CLASSES, LEFT, MIDDLE, RIGHT, examined_persons, examined_videos, make_run

PLAYER = "document.querySelector('.card.open video')"
MILK, STIR, CHOP = CLASSES


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page of two runs, of persons and of whole videos. The second video of the first is gone."""
    folder = tmp_path_factory.mktemp("runs")
    write_video(folder / "v.mp4", 60)
    runs = [
        make_run(folder / "boxes", examined=examined_persons(folder)),
        make_run(folder / "other", examined=examined_videos(folder)),
    ]
    write_page(read_runs(runs), folder / "page.html")
    return (folder / "page.html").as_uri() + "#tab=videos"


def open_persons(browser: Any, address: str, second: float = 0) -> None:
    open_page(browser, f"{address}&video=boxes%2Fv" + (f"&second={second}" if second else ""))
    ready = f"return {PLAYER}.readyState >= 2 && !{PLAYER}.seeking && document.querySelector('.card.open .playhead') !== null"
    wait_until(browser, ready, "the video was not loaded")


def boxes(browser: Any) -> list[Any]:
    return list(browser.find_elements(By.CSS_SELECTOR, ".card.open .layer .box"))


def kinds(browser: Any) -> list[str]:
    return [box.get_attribute("class") for box in boxes(browser)]


def words(browser: Any) -> list[str]:
    return [item.text for item in browser.find_elements(By.CSS_SELECTOR, ".card.open .persons li")]


def second_shown(browser: Any) -> float:
    wait_until(browser, f"return !{PLAYER}.seeking", "the video did not move")
    return float(browser.execute_script(f"return {PLAYER}.currentTime"))


def press(browser: Any, name: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f".card.open .{name}").click()


def test_boxes_lie_where_persons_are_in_the_picture(browser: Any, page: str) -> None:
    open_persons(browser, page, 1.2)
    assert browser.get_log("browser") == []
    picture = browser.execute_script(
        f"const v = {PLAYER}, r = v.getBoundingClientRect(), s = Math.min(r.width / v.videoWidth, r.height / v.videoHeight);"
        "const [w, h] = [v.videoWidth * s, v.videoHeight * s];"
        "return [r.left + (r.width - w) / 2, r.top + (r.height - h) / 2, w, h]"
    )
    left, top, width, height = picture
    assert len(boxes(browser)) == 3
    for box, (x1, y1, x2, y2) in zip(boxes(browser), (LEFT, RIGHT, MIDDLE), strict=True):
        found = browser.execute_script(
            "const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]", box
        )
        wanted = [left + x1 * width, top + y1 * height, left + x2 * width, top + y2 * height]
        assert found == pytest.approx(wanted, abs=1)


def test_boxes_and_words_tell_right_missed_and_wrong_apart(browser: Any, page: str) -> None:
    open_persons(browser, page, 1.2)
    assert kinds(browser) == ["box person mistaken", "box nobody mistaken", "box unfound mistaken"]
    styles = [box.value_of_css_property("border-left-style") for box in boxes(browser)]
    assert styles == ["solid", "dotted", "dashed"]
    assert words(browser) == [
        f"✓ {STIR} 80 %; ○ missed: {CHOP} 10 %; ✕ wrong: {MILK} 40 %",
        f"no true person; ✕ wrong: {MILK} 60 %",
        f"not found; ○ missed: {CHOP}",
    ]
    text = browser.find_element(By.CSS_SELECTOR, ".card.open .when").text
    assert text == "Annotated second 906, 1.0 s after the beginning"


def test_boxes_go_along_with_the_video(browser: Any, page: str) -> None:
    open_persons(browser, page)
    assert boxes(browser) == []
    assert "No annotated moment" in browser.find_element(By.CSS_SELECTOR, ".card.open .when").text
    for second, count in ((0.5, 1), (0.99, 1), (1.0, 3), (1.6, 0), (1.8, 0), (0.6, 1)):
        browser.execute_script(f"{PLAYER}.currentTime = {second}")
        assert second_shown(browser) == second
        wait_until(browser, f"return document.querySelectorAll('.card.open .box').length === {count}", f"boxes at {second}")
    record = (
        "window.seen = []; new MutationObserver(() => window.seen.push(document.querySelectorAll('.card.open .box').length))"
        ".observe(document.querySelector('.card.open .layer'), {childList: true});"
    )
    browser.execute_script(f"{PLAYER}.currentTime = 0; {PLAYER}.muted = true; {record} {PLAYER}.play()")
    wait_until(browser, f"return {PLAYER}.ended", "the video did not play to its end")
    seen = browser.execute_script("return window.seen")
    assert [count for count in seen if count] == [1, 3]


def test_buttons_go_to_moments_with_such_mistakes_as_are_wanted(browser: Any, page: str) -> None:
    open_persons(browser, page)
    press(browser, "later")
    assert second_shown(browser) == 1.0
    press(browser, "later")
    assert "No later moment" in browser.find_element(By.CSS_SELECTOR, ".card.open .when").text
    open_persons(browser, f"{page}&video-class={STIR}", 1.6)
    press(browser, "earlier")
    assert second_shown(browser) == 1.0, "the person who stirs is mistaken"
    press(browser, "earlier")
    assert second_shown(browser) == 1.0, "before, stirring is right"


@pytest.mark.parametrize(
    ("field", "text", "aside"),
    [
        ("video-class", CHOP, [False, True, False]),
        ("video-kind", "persons not found", [True, True, False]),
        ("video-kind", "wrong actions", [False, False, True]),
        ("video-kind", "boxes without a person", [True, False, True]),
    ],
)
def test_filters_set_other_persons_aside(browser: Any, page: str, field: str, text: str, aside: list[bool]) -> None:
    open_persons(browser, page, 1.2)
    Select(browser.find_element(By.ID, field)).select_by_visible_text(text)
    cards = browser.find_elements(By.CSS_SELECTOR, ".card:not([hidden])")
    assert "boxes/v" in [card.get_attribute("data-link") for card in cards]
    assert "boxes/w" not in [card.get_attribute("data-link") for card in cards]
    assert ["aside" in kind for kind in kinds(browser)] == aside
    assert f"{field}=" in browser.current_url


def test_address_says_where_the_video_stands(browser: Any, page: str) -> None:
    open_persons(browser, page)
    browser.execute_script(f"{PLAYER}.currentTime = 1.25")
    wait_until(browser, "return location.hash.includes('second=1.25')", "the address does not say it")
    address = browser.current_url
    open_page(browser, address)
    wait_until(browser, "return document.querySelectorAll('.card.open .box').length === 3", "the link leads elsewhere")
    assert second_shown(browser) == 1.25


def test_keyboard_alone_goes_through_moments(browser: Any, page: str) -> None:
    open_persons(browser, page)
    browser.find_element(By.CSS_SELECTOR, ".card.open .opener").send_keys(Keys.TAB)
    reached = []
    for _ in range(20):
        reached.append(browser.execute_script("return document.activeElement.className || document.activeElement.tagName"))
        if reached[-1] == "later":
            browser.switch_to.active_element.send_keys(Keys.ENTER)
        if reached[-1] == "timeline":
            break
        browser.switch_to.active_element.send_keys(Keys.TAB)
    assert [name for name in reached if name in ("earlier", "later", "whole", "timeline")] == [
        "earlier",
        "later",
        "whole",
        "timeline",
    ]
    assert second_shown(browser) == 1.0
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert second_shown(browser) < 1.0
    assert len(boxes(browser)) == 1


def test_timeline_has_bars_of_each_kind(browser: Any, page: str) -> None:
    open_persons(browser, page)
    names = browser.execute_script(
        "return document.querySelector('.card.open .timeline > div').data.map((trace) => trace.name)"
    )
    assert names[:3] == ["right", "missed", "wrong"]


def test_where_there_is_no_video_moments_are_still_gone_through(browser: Any, page: str) -> None:
    open_page(browser, f"{page}&video=boxes%2Fw")
    wait_until(browser, "return document.querySelector('.card.open .playhead') !== null", "the timeline was not drawn")
    assert "is not in its place any more" in browser.find_element(By.CSS_SELECTOR, ".card.open").text
    assert browser.find_elements(By.CSS_SELECTOR, ".card.open .whole") == []
    slider = browser.find_element(By.CSS_SELECTOR, ".card.open .timeline")
    slider.send_keys(Keys.PAGE_UP, Keys.ARROW_LEFT)
    wait_until(browser, "return document.querySelectorAll('.card.open .box').length === 1", "no box is shown")
    assert words(browser) == [f"✓ {STIR} 90 %"]
    assert browser.get_log("browser") == []


def test_video_and_boxes_are_on_the_whole_screen_together(browser: Any, page: str) -> None:
    open_persons(browser, page, 1.2)
    press(browser, "whole")
    wait_until(browser, "return document.fullscreenElement?.classList.contains('stage')", "not on the whole screen")
    assert len(boxes(browser)) == 3
    browser.execute_script("return document.exitFullscreen()")


def test_other_runs_on_the_same_page_have_no_boxes(browser: Any, page: str) -> None:
    open_page(browser, f"{page}&video=other%2Fv")
    card = browser.find_element(By.CSS_SELECTOR, ".card.open")
    assert card.find_elements(By.CSS_SELECTOR, ".layer, .earlier") == []
    assert "Scores of the whole video" in card.text


@pytest.mark.parametrize("more", ["&second=1.2", "&second=1.2&video-kind=persons+not+found"])
def test_axe_finds_nothing_that_keeps_somebody_out(browser: Any, page: str, more: str) -> None:
    open_page(browser, f"{page}&video=boxes%2Fv{more}")
    wait_until(browser, "return document.querySelectorAll('.card.open .box').length === 3", "no boxes are shown")
    for scheme in ("", "dark"):
        prefer(browser, scheme)
        assert faults(browser) == []
    prefer(browser, "")
    assert browser.get_log("browser") == []


def test_narrow_windows_keep_boxes_on_the_picture(browser: Any, page: str) -> None:
    open_persons(browser, page, 1.2)
    try:
        browser.set_window_size(600, 900)
        inside = (
            f"const [v, l] = [{PLAYER}, document.querySelector('.card.open .layer')].map((one) => one.getBoundingClientRect());"
            "return v.width < 560 && l.right <= v.right + 1 && l.left >= v.left - 1"
        )
        wait_until(browser, inside, "the boxes did not follow")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "the page is too wide"
    finally:
        browser.set_window_size(1200, 900)
