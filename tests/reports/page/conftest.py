"""One browser for all tests of the page."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from tests.reports.page.browsing import start_browser  # tests that ask for it have found one

    driver = start_browser()
    yield driver
    driver.quit()
