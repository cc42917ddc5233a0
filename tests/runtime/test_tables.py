import math

import pytest

from slowfast.runtime.tables import format_spread, format_table


def test_table_is_aligned_markdown_with_numbers_on_the_right() -> None:
    table = format_table(["row", "videos", "mAP"], [["all", 150, 61.239], ["composite", 75, float("nan")], ["none", 0, None]])
    assert table.splitlines() == [
        "| row       | videos |   mAP |",
        "| --------- | -----: | ----: |",
        "| all       |    150 | 61.24 |",
        "| composite |     75 |     – |",
        "| none      |      0 |     – |",
    ]


def test_bar_inside_a_name_does_not_end_its_cell() -> None:
    assert format_table(["class"], [["a | b"]]).splitlines()[-1] == "| a \\| b |"


def test_decimals_are_those_asked_for() -> None:
    assert "| 0.1235 |" in format_table(["loss"], [[0.12345678]], decimals=4)


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ([80.0, 91.25, 90.0], "87.1 (80.0–91.2)"),
        ([5.0, 5.0], "5.0 (5.0–5.0)"),
        ([7.5], 7.5),
        ([80.0, None], None),
        ([math.nan, 80.0], None),
        ([], None),
    ],
)
def test_figure_measured_several_times_is_its_mean_and_range(values: list[float | None], cell: object) -> None:
    assert format_spread(values, decimals=1) == cell


def test_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 has 1 cells; right would be 2"):
        format_table(["a", "b"], [["x", 1], ["y"]])
