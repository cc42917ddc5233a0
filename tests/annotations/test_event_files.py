"""Files of events: what is written is read back, and what is wrong is named with its file, video and entry."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.events import (
    EventError,
    ListedEvents,
    format_csv,
    format_results,
    format_truths,
    list_events,
    read_detected_csv,
    read_results,
    read_truth_csv,
    read_truths,
)
from slowfast.annotations.events.listed import name_fault

NAMES = st.text(max_size=8).map(str.strip).filter(lambda name: not name_fault(name))
SECONDS = st.floats(-1e6, 1e6)


@st.composite
def listed(draw: Callable[..., Any], *, scored: bool) -> ListedEvents:
    videos = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    classes = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    times = [sorted(pair) for pair in draw(st.lists(st.tuples(SECONDS, SECONDS), max_size=6))]
    number = st.floats(allow_nan=False, allow_infinity=False)
    rows = [
        (draw(st.sampled_from(videos)), draw(st.sampled_from(classes)), start, end, draw(number) if scored else 0.0)
        for start, end in times
    ]
    durations = draw(st.lists(st.none() | st.floats(0.01, 1e6), min_size=len(videos), max_size=len(videos)))
    return list_events(
        videos,
        rows,
        scored=scored,
        duration={name: value for name, value in zip(videos, durations, strict=True) if value is not None},
        subset={name: draw(st.sampled_from(["", "training", "validation"])) for name in videos},
    )


def content(events: ListedEvents, *, by_video: bool = False) -> Any:
    """Names, times and scores in their order, whatever the numbering; by_video: the order within each video."""
    table = events.events
    score = [0.0] * len(table) if table.score is None else table.score.tolist()
    rows = [
        (events.videos[video], events.classes[label], start, end, value)
        for video, label, start, end, value in zip(
            *(column.tolist() for column in (table.video, table.label, table.start, table.end)), score, strict=True
        )
    ]
    if by_video:
        rows = sorted(rows, key=lambda row: events.videos.index(row[0]))
    return rows, set(events.videos), table.score is None


def known_of(events: ListedEvents) -> dict[str, tuple[str, str]]:
    return {
        name: (subset, repr(duration))
        for name, subset, duration in zip(events.videos, events.subset, events.duration, strict=True)
    }


def written(folder: Path, text: str | bytes | dict[str, Any], name: str = "file.json") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode())
    return path


@given(listed(scored=True))
def test_results_are_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, events: ListedEvents) -> None:
    path = written(tmp_path_factory.mktemp("results"), format_results(events))
    back = read_results(path)
    assert content(back) == content(events, by_video=True)
    assert back.videos == events.videos
    assert format_results(back) == format_results(events)


@given(listed(scored=False))
def test_truths_are_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, events: ListedEvents) -> None:
    path = written(tmp_path_factory.mktemp("truths"), format_truths(events))
    back = read_truths(path)
    assert content(back) == content(events, by_video=True)
    assert known_of(back) == known_of(events)
    assert format_truths(back) == format_truths(events)


@given(st.booleans().flatmap(lambda scored: listed(scored=scored)))
def test_tables_are_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, events: ListedEvents) -> None:
    path = written(tmp_path_factory.mktemp("tables"), format_csv(events), "file.csv")
    back = (read_truth_csv if events.events.score is None else read_detected_csv)(path)
    assert content(back) == content(events)
    assert format_csv(back) == format_csv(events)


def test_the_order_of_entries_stays() -> None:
    rows = [("b", "run", 1.0, 2.0, 0.5), ("a", "run", 3.0, 4.0, 0.5), ("b", "jump", 0.0, 9.0, 0.5)]
    events = list_events(["a", "b"], rows, scored=True)
    assert content(events)[0] == rows
    assert events.classes == ("jump", "run"), "by name, so that the numbering does not depend on the order"


def test_files_of_others_are_read(tmp_path: Path) -> None:
    """With all that is found in ActivityNet's own files, and in those of tools that write only what they need."""
    truths = {
        "database": {
            "---9CpRcKoU": {
                "duration": 14.07,
                "subset": "training",
                "resolution": "320x240",
                "url": "https://www.youtube.com/watch?v=---9CpRcKoU",
                "annotations": [{"segment": [0.01, 12.644405017160688], "label": "Drinking beer"}],
            },
            "untested": {"duration": 3, "subset": "testing", "annotations": []},
            "moment": {"annotations": [{"segment": [0, 0], "label": "Washing hands", "label_id": 3}]},
        },
        "taxonomy": [{"nodeId": 269}],
        "version": "VERSION 1.3",
    }
    read = read_truths(written(tmp_path, b"\xef\xbb\xbf" + json.dumps(truths).encode()))
    assert read.videos == ("---9CpRcKoU", "untested", "moment")
    assert read.subset == ("training", "testing", "")
    assert read.duration[:2].tolist() == [14.07, 3]
    assert np.isnan(read.duration[2])
    assert content(read)[0][0] == ("---9CpRcKoU", "Drinking beer", 0.01, 12.644405017160688, 0.0)
    results = {"results": {"a": [{"label": " run ", "score": 1, "segment": [-0.5, 3]}], "b": []}}
    found = read_results(written(tmp_path, results))
    assert content(found)[:2] == ([("a", "run", -0.5, 3.0, 1.0)], {"a", "b"})


def entry(**changes: Any) -> dict[str, Any]:
    return {"label": "run", "score": 0.5, "segment": [1, 2], **changes}


WRONG_ENTRIES = [
    (entry(score="0.5"), "its score is '0.5'; expected a finite number"),
    (entry(score=None), "its score is None"),
    (entry(score=True), "its score is True"),
    (entry(score=float("nan")), "its score is nan"),
    (entry(score=float("inf")), "its score is inf"),
    (
        entry(segment=[2, 1]),
        r"its segment is \[2, 1\]; expected two finite numbers of seconds, \[start, end\], with start <= end",
    ),
    (entry(segment=[1]), r"its segment is \[1\]"),
    (entry(segment=[1, 2, 3]), "its segment is"),
    (entry(segment="1, 2"), "its segment is '1, 2'"),
    (entry(segment=["1", "2"]), "its segment is"),
    (entry(segment=[1, float("inf")]), "its segment is"),
    (entry(segment=[1, 10**400]), "its segment is"),
    (entry(label=7), "its label is 7; expected the name of a class"),
    (entry(label=" "), "its label is ' ', empty"),
    (entry(label="a\nb"), ".* a text with control characters"),
    (entry(label="\ud800"), ".* a text with control characters"),
    ({"label": "run"}, "it has no score, segment; expected an object with label, score, segment"),
    ([1, 2], r"it is \[1, 2\]"),
    (None, "it is None"),
]


@pytest.mark.parametrize(("wrong", "text"), WRONG_ENTRIES)
def test_a_wrong_entry_of_results_is_named_with_file_video_and_number(tmp_path: Path, wrong: Any, text: str) -> None:
    path = written(tmp_path, {"results": {"v 1": [entry(), entry(), wrong]}})
    with pytest.raises(DatasetError, match=rf"file\.json, video 'v 1', entry 3: {text}") as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("wrong", "text"), [case for case in WRONG_ENTRIES if "score" not in case[1]])
def test_a_wrong_entry_of_truths_is_named_likewise(tmp_path: Path, wrong: Any, text: str) -> None:
    path = written(tmp_path, {"database": {"v 1": {"annotations": [entry(), wrong]}}})
    with pytest.raises(DatasetError, match=rf"file\.json, video 'v 1', entry 2: {text}"):
        read_truths(path)


@pytest.mark.parametrize(
    ("video", "text"),
    [
        ({"subset": "training"}, "without 'annotations'; expected ActivityNet's truths"),
        ([], "without 'annotations'"),
        ({"annotations": None}, "its events are None"),
        ({"annotations": [], "duration": 0}, "the duration is 0; expected seconds above 0"),
        ({"annotations": [], "duration": "9"}, "the duration is '9'"),
        ({"annotations": [], "subset": 3}, "the subset is 3; expected a text"),
    ],
)
def test_a_wrong_video_of_truths_is_named(tmp_path: Path, video: Any, text: str) -> None:
    with pytest.raises(DatasetError, match=rf"file\.json, video 'v': .*{text}"):
        read_truths(written(tmp_path, {"database": {"v": video}}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"results": []}', "'results' is a list, not a dict"),
        ('{"results": {"v": {}}}', "video 'v': its events are {}"),
        ('{"results": {"": []}}', "video '': its name is empty"),
        ('{"results": {"a": [], "a ": []}}', "video 'a ': it stands there a second time, as 'a'"),
        ('{"results": {"a": [], "a": []}}', "the key 'a' stands twice in one object"),
        ('{"database": {}}', "there is no 'results' but 'database': it seems to be the other kind of file"),
        ("{}", "there is no 'results'; expected ActivityNet's results"),
        ("[]", "a list, not a dict"),
        ("{", "this is not json"),
        ("", "this is not json"),
        ('{"results": ' * 100_000, "this is not json"),
        (b'{"results": {"\xff": []}}', "this is not UTF-8"),
        (None, "there is no such file"),
    ],
)
def test_a_file_that_is_none_of_results_is_refused(tmp_path: Path, text: Any, found: str) -> None:
    path = tmp_path / "missing.json" if text is None else written(tmp_path, text)
    with pytest.raises(DatasetError) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert found in str(caught.value)
    assert "; expected " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_results_is_none_of_truths(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no 'database' but 'results': it seems to be the other kind of file"):
        read_truths(written(tmp_path, {"results": {}}))


def test_all_wrong_entries_are_told_at_once(tmp_path: Path) -> None:
    results = {"v": [entry(score="x"), entry(), entry(label=3)], "w": [entry(segment=[1])]}
    with pytest.raises(DatasetError) as caught:
        read_results(written(tmp_path, {"results": results}))
    message = str(caught.value)
    assert "video 'v', entry 1: its score is 'x'; expected a finite number" in message
    assert "(2 more wrong: video 'v', entry 3: its label is 3; video 'w', entry 1: its segment is [1])" in message
    with pytest.raises(DatasetError, match=r"29 more wrong: .*; and 19 more\)"):
        read_results(written(tmp_path, {"results": {"v": [entry(score=None)] * 30}}))


HEADER = "video,start,end,class,score\n"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("v,2,1,run,0.5", "end 1 before start 2; expected start <= end"),
        ("v,x,1,run,0.5", "start 'x' and end '1'; expected two numbers of seconds"),
        ("v,,1,run,0.5", "start ''"),
        ("v,0,inf,run,0.5", "end 'inf'"),
        ("v,0,1_0,run,0.5", "end '1_0'"),
        ("v,0,1,,0.5", "class '' is empty; expected the name of a class"),
        (",0,1,run,0.5", "video '' is empty"),
        ("v,0,1,run,", "score ''; expected a number"),
        ("v,0,1,run,nan", "score 'nan'"),
        ("v,0,1,run", "4 fields"),
        ("v,0,1,run,0.5,1", "6 fields under the 5 columns"),
        ("v,,,,0.5", "class '' is empty"),
        ('v,0,1,"run\nfast",0.5', "control characters"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, text: str) -> None:
    path = written(tmp_path, f"{HEADER}v,0,1,run,0.5\n\n{row}\nv,0,1,run,0.5\n", "file.csv")
    with pytest.raises(DatasetError) as caught:
        read_detected_csv(path)
    assert str(caught.value).startswith(f"{path}, row 4: ")
    assert text in str(caught.value)


def test_all_wrong_rows_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}v,2,1,run,0.5\nv,0,1,run,0.5\nv,0,1,run,x\nv,0\n", "file.csv")
    with pytest.raises(
        DatasetError, match=r"row 2: end 1 before start 2; .* \(2 more wrong: row 4: score 'x'; row 5: 2 fields\)"
    ):
        read_detected_csv(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_programs_write_them_are_read(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [
        ["score", "class", "note", "end", "start", "video"],
        ["0.5", "Grüßen", "x", "2.5", "1", "a b.mp4"],
        ["", "", "", "", "", "empty"],
    ]
    text = "\r\n".join(separator.join(row) for row in rows)
    back = read_detected_csv(written(tmp_path, text.encode(encoding), "file.csv"))
    assert content(back)[:2] == ([("a b.mp4", "Grüßen", 1.0, 2.5, 0.5)], {"a b.mp4", "empty"})


def test_truths_with_scores_and_detections_without_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}v,0,1,run,0.5\n", "file.csv")
    with pytest.raises(DatasetError, match="there is a column score, as detections have; expected truths"):
        read_truth_csv(path)
    with pytest.raises(DatasetError, match="lacks score"):
        read_detected_csv(written(tmp_path, "video,start,end,class\nv,0,1,run\n", "file.csv"))


def test_scores_that_no_file_can_hold_are_not_written() -> None:
    events = list_events([], [("v", "run", 0.0, 1.0, np.inf)], scored=True)
    for write in (format_results, format_csv):
        with pytest.raises(EventError, match="not finite"):
            write(events)
    with pytest.raises(EventError, match="scores are missing"):
        format_results(list_events([], [("v", "run", 0.0, 1.0, 0.0)], scored=False))


def test_names_that_no_file_can_hold_are_refused() -> None:
    for name in ("", " a", "a\n", "a\0b", "\ud800"):
        with pytest.raises(EventError, match="right would be a name that files can hold"):
            list_events([name], [], scored=False)


def test_videos_and_classes_are_numbered_anew_by_name() -> None:
    rows = [("a", "run", 0.0, 1.0, 0.1), ("b", "jump", 0.0, 2.0, 0.2), ("c", "run", 0.0, 3.0, 0.3)]
    events = list_events([], rows, scored=True, duration={"c": 9.0}, subset={"b": "training"})
    turned = events.numbered(["c", "x", "b"], ["run", "swim", "jump"])
    assert content(turned)[0] == [rows[1], rows[2]]
    assert turned.events.video.tolist() == [2, 0]
    assert turned.events.label.tolist() == [2, 0]
    assert (turned.duration[0], turned.subset) == (9, ("", "", "training"))
    assert events.of_subsets(["training"]).videos == ("b",)
    assert content(events.numbered(["a"], ["jump"]))[0] == []
