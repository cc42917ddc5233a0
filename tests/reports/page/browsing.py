"""What tests do in a browser. Importing this skips the tests of a file where there is none."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromedriver")
if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
    pytest.skip(f"no {' and no '.join(missing)} here (apt-get install chromium chromium-driver)", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser (requirements/dev.txt)")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

__all__ = [
    "ActionChains",
    "By",
    "Keys",
    "Select",
    "WebDriverWait",
    "faults",
    "open_page",
    "prefer",
    "start_browser",
    "wait_until",
]


def start_browser() -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own does not work for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def open_page(browser: Any, address: str) -> None:
    browser.get("about:blank")  # an address that differs in its end alone would not be loaded anew
    browser.get_log("browser")
    browser.get(address)
    filled = "return (document.getElementById('option-count') ?? {textContent: ''}).textContent !== ''"
    wait_until(browser, filled, "the page's script did not run")


def prefer(browser: Any, scheme: str) -> None:
    """light or dark: what the reader has set for all pages; empty: nothing."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait_until(browser: Any, script: str, otherwise: str) -> None:
    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(script), otherwise)


def faults(browser: Any, *, control: str = "button-name") -> list[tuple[str, list[str]]]:
    """What axe-core's rules for WCAG 2 up to AA and its best practices, contrast and labels among them, find in the page.
    control: the rule for what the page is worked with, which must have been looked at."""
    browser.execute_script(_axe())
    run = "axe.run().then((found) => arguments[0](found), (error) => arguments[0]({error: String(error)}))"
    found = browser.execute_async_script(run)
    assert "error" not in found
    assert {rule["id"] for rule in found["passes"]} >= {"color-contrast", control, "page-has-heading-one"}
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]]


def _axe() -> str:
    try:
        files = metadata.files("axe-playwright-python") or []
    except metadata.PackageNotFoundError:
        pytest.skip("axe-playwright-python, which holds axe-core, is not installed (requirements/clips.txt)")
    return next(Path(str(file.locate())).read_text(encoding="utf-8") for file in files if file.name == "axe.min.js")
