"""The chart below a player shows truths, events and scores where they are in time."""

import itertools

import pytest

from slowfast.visualization.player import FOUND, TRUE, Kind, Row, timeline_chart

SECONDS = [(0.0, 1.0), (1.001, 2.0), (3.0, 4.0)]


def test_bars_and_strips_stand_at_their_seconds() -> None:
    rows = [
        Row(name="stir", bars={TRUE: [(0.5, 1.5), (3.0, 9.0)], FOUND: [(1.0, 2.0)]}, scores=[0.1, 0.2, 0.3]),
        Row(name="chop", bars={}, scores=[]),
    ]
    chart = timeline_chart(rows, SECONDS, duration=5.0)
    true, found, scores = chart["data"]
    assert (true["base"], true["x"]) == ([0.5, 3.0], [1.0, 2.0]), "cut at the end of the video"
    assert (found["base"], found["x"]) == ([1.0], [1.0])
    assert scores["x"] == [0.0, 1.001, 2.0, 3.0, 4.0], "a gap that nobody sees is none"
    assert scores["z"] == [[0.1, 0.2, None, 0.3]]
    assert chart["layout"]["xaxis"]["range"] == [0, 5.0]
    assert chart["layout"]["yaxis"]["ticktext"] == ["stir", "chop"]


def test_bars_and_strips_of_a_class_do_not_overlap() -> None:
    third = Kind(name="wrong", color="#000000", pattern="x", height=0.1)
    row = Row(name="a", bars={TRUE: [(0, 1)], FOUND: [(0, 1)], third: [(0, 1)]}, scores=[0.5])
    *bars, scores = timeline_chart([row], [(0, 1)], duration=1)["data"]
    assert [bar["marker"].get("pattern", {}).get("shape") for bar in bars] == [None, None, "x"]
    spans = [(bar["y"][0] - bar["width"] / 2, bar["y"][0] + bar["width"] / 2) for bar in bars]
    spans.append(tuple(scores["y"]))
    assert all(above[1] < below[0] for above, below in itertools.pairwise(spans))
    assert spans[0][0] > 0
    assert spans[-1][1] < 1


@pytest.mark.parametrize("seconds", [[], [(0.5, 1.0)]])
def test_names_are_text_and_long_ones_are_cut(seconds: list[tuple[float, float]]) -> None:
    rows = [Row(name=f"<b>{'x' * 60}", bars={}, scores=[0.5] * len(seconds))]
    chart = timeline_chart(rows, seconds, duration=1.0)
    [name] = chart["layout"]["yaxis"]["ticktext"]
    assert name.startswith("&lt;b&gt;xxx")
    assert name.endswith("…")
    assert len(chart["data"]) == len(seconds)


def test_names_of_classes_are_not_taken_for_templates() -> None:
    chart = timeline_chart([Row(name="50%{x} <b>", bars={}, scores=(0.5,))], [(0.0, 1.0)], duration=1.0)
    [strip] = chart["data"]
    assert strip["hovertemplate"].startswith("%{fullData.name}: ")
    assert strip["name"] == "50%{x} &lt;b&gt;"
