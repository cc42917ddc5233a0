"""Names that hold HTML, scripts or templates are text on the page of a run, and add nothing to what it is made of."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from slowfast_tools.report import main
from tests.faults.fuzzing import Case, survive
from tests.reports.page.finished_runs import RESULTS, make_run

NAMES = (
    *("<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "-->"),
    *('"><iframe src="http://127.0.0.1:9/"></iframe>', "' onmouseover='alert(1)", '" autofocus onfocus="alert(1)'),
    *("</title><svg onload=x>",),
    *("]]>", "{{ 7 * 7 }}", "{% include '/etc/passwd' %}", "${7*7}", "javascript:alert(1)", "<style>*{display:none}</style>"),
    *("<base href=http://127.0.0.1:9/>", "<meta http-equiv=refresh content=0>", "&lt;b&gt;", "\u2028\u2029", "\u202e txet"),
    *("</textarea>",),
    *("<a href='data:text/html,<script>x</script>'>x</a>", "<math><mi xlink:href=javascript:x>", "a\x00b", "<br>" * 50, "=1+1"),
    *("<plaintext>", "%3Cscript%3E", "<object data=x>", "\\u003cscript\\u003e", "<form action=x><input type=submit>"),
)  # fmt: skip


class Parts(HTMLParser):
    """Counts elements, and attributes that would run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href", "action") and not str(value).startswith(("#", "data:"))):
                self.count[f"{tag} {name}"] += 1


def parts(folder: Path, name: str) -> Counter[str]:
    """Of the page of a run whose data set and first class are called so."""
    classes = [{**row, "class": name if not number else row["class"]} for number, row in enumerate(RESULTS["per_class_ap"])]
    run = make_run(folder, {**RESULTS, "dataset": name, "per_class_ap": classes})
    assert main([str(run)]) == 0
    parser = Parts()
    parser.feed((run / "report.html").read_text(encoding="utf-8"))
    return parser.count


@pytest.mark.faults
def test_names_add_nothing_to_the_page(tmp_path: Path) -> None:
    wanted = parts(tmp_path / "plain", "pour milk")

    def check(number: int, name: str) -> None:
        assert parts(tmp_path / str(number), name) == wanted

    def cases() -> Iterator[Case]:
        for number, name in enumerate(NAMES):
            yield Case(number, ascii(name), lambda number=number, name=name: check(number, name))

    tally = survive("HTML in names", cases())
    assert tally.worked == len(NAMES)
