"""Spreadsheets of events in every dialect in which spreadsheets are written."""

import csv
import datetime as dt
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slowfast.datasets.errors import DatasetError
from slowfast.errors import MissingPackageError
from slowfast.preparation.exports.columns import understand
from tests.preparation.label_reading import read_labels, spans_of

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b 2"]), st.integers(0, 10**6), st.integers(0, 10**6),
        st.sampled_from(["läuft; schnell", 'x"y', "走る, 2"]),
    ),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("a.mp4", "b 2.mkv"):
        (folder / name).touch()
    return folder


def write_time(milliseconds: int, point: str, style: str) -> str:
    whole, rest = divmod(milliseconds, 1000)
    if style == "clock":
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{rest:03d}"
    return f"{whole}{point}{rest:03d}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    EVENTS, st.sampled_from(",;\t"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(".,"),
    st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["number", "clock"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_every_dialect_says_the_same(
    root: Path,
    events: list[Any],
    separator: str,
    encoding: str,
    point: str,
    line_end: str,
    style: str,
    says: bool,
    quotes: bool,
) -> None:
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=separator, lineterminator=line_end, quoting=csv.QUOTE_ALL if quotes else csv.QUOTE_MINIMAL
    )
    writer.writerow(["Video", "Start", "End", "Label"])
    rows = [(video, *sorted((start, end)), label) for video, start, end, label in events]
    for video, start, end, label in rows:
        writer.writerow([video, write_time(start, point, style), write_time(end, point, style), label])
    path = root / "events.csv"
    path.write_bytes(((f"sep={separator}{line_end}" if says else "") + text.getvalue()).encode(encoding))
    found = sorted((video, *span) for video, spans in spans_of(read_labels(path, root)).items() for span in spans)
    names = {"a": "a.mp4", "b 2": "b 2.mkv"}
    assert found == sorted({(names[video], label, start / 1000, end / 1000) for video, start, end, label in rows})


@pytest.mark.parametrize(
    ("header", "row", "wanted"),
    [
        ("Video file,Start (s),Stop (s),Behavior", "a.mp4,1,2,run", (1, 2)),
        ("filename,onset,offset,event", "a,1,2,run", (1, 2)),
        ("File Name,Start_time,End_time,Action,Notes", "a,0:01,0:02,run,x", (1, 2)),
        ("video,start,duration,class", "a,1,1.5,run", (1, 2.5)),
        ("video,start (ms),end (ms),class", "a,1000,2000,run", (1, 2)),
        ("video,begin [min],end [min],class", "a,1,2,run", (60, 120)),
        ("video,start_frame,end_frame,label", "a,25,49,run", (1, 2)),
        ("video,startFrame,endFrame,label", "a,25,49,run", (1, 2)),
        ("video,first frame,last frame,label", "a,25,25,run", (1, 1.04)),
        ("video,start_frame,duration (frames),label", "a,25,25,run", (1, 2)),
        ("video,start,end,label", "a,25f,49f,run", (1, 2)),
        ("video,start,end,label,fps", "a,50f,99f,run,50", (1, 2)),
        ("video,in,out,label", "a,00:00:01:00,00:00:02:00,run", (1, 2)),
        ("video,in,out,label", "a,00:00:00:20,00:00:00:22,run", (0.8, 0.88)),
        ("video,time,label", "a,1,run", (1, 1)),
        ("video,frame,label", "a,25,run", (1, 1)),
        ("Datei;Beginn;Ende;Klasse", "a;1,5;2,5;run", (1.5, 2.5)),
        ("class,path,start,label,end", "x,a.mp4,1,run,2", (1, 2)),
    ],
)
def test_columns_are_known_by_many_names(root: Path, header: str, row: str, wanted: tuple[float, float]) -> None:
    path = root / "named.csv"
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    [(name, start, end)] = spans_of(read_labels(path, root))["a.mp4"]
    assert name == "run"
    assert (start, end) == pytest.approx(wanted)


def test_how_columns_were_understood_is_told(root: Path) -> None:
    path = root / "told.csv"
    path.write_text("Clip,Onset (ms),Offset (ms),Event,Notes\na,1000,2000,run,none\n")
    told = "\n".join(read_labels(path, root).notes)
    assert "'Clip' as video, 'Onset (ms)' as start, 'Offset (ms)' as end, 'Event' as label" in told
    assert "bare numbers count ms" in told
    assert "left out: columns not used: Notes" in told


def test_a_table_without_a_column_of_videos_is_about_the_one_it_is_called_after(root: Path) -> None:
    path = root / "a.csv"
    path.write_text("start,end,label\n1,2,run\n2,3,jump\n")
    assert spans_of(read_labels(path, root)) == {"a.mp4": [("run", 1, 2), ("jump", 2, 3)]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,start,label\na,1,run\n", "the header is 'video,start,label' and lacks end; expected names of columns"),
        ("start,end\n1,2\n", "lacks label"),
        ("video,end,label\na,2,run\n", "lacks start"),
        ("video,start,end,label\na,1,0:00.5,run\n", "row 2: an end, 0.5, before the start, 1"),
        ("video,start_frame,end_frame,label\na,9,8,run\n", "row 2: an end, frame 8, before the start, frame 9"),
        ("video,start_frame,end_frame,label\na,1.5,8,run\n", r"row 2: the time '1\.5'"),
        ("video,start,end,label\na,9f,0.1,run\n", "row 2: an end, 0.1 s, before the start, 0.36 s"),
        ("video,start,duration,label\na,1,5f,run\n", "row 2: a start '1' and a duration '5f'; expected both in seconds"),
        ("video,start,end,label,fps\na,1f,2f,run,0\n", "row 2: the frame rate '0'"),
        ("video,start,end,label\na,1,2,run\na,-1,2,run\nb 2,x,2,run\n", r"row 3: the time '-1'.*1 more wrong rows: 4"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_row(root: Path, text: str, message: str) -> None:
    path = root / "wrong.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_labels(path, root)


def test_a_workbook_is_read_sheet_by_sheet_with_the_times_of_its_cells(root: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads workbooks")
    book = openpyxl.Workbook()
    book.active.title = "Monday"
    for row in (
        ["Video", "Start", "End", "Label"], ["a", 1.5, 2, "run"], ["a", dt.time(0, 0, 3), dt.time(0, 1, 4, 500000), "jump"], [],
        ["b 2", "0:01,5", dt.timedelta(seconds=90), "run"],
    ):  # fmt: skip
        book.active.append(row)
    notes = book.create_sheet("Notes")
    notes.append(["what", "these", "are"])
    tuesday = book.create_sheet("Tuesday")
    tuesday.append(["Video", "Start", "End", "Label"])
    tuesday.append(["a", 5, 6, "run"])
    book.save(root / "events.xlsx")
    found = read_labels(root / "events.xlsx", root)
    assert spans_of(found) == {
        "a.mp4": [("run", 1.5, 2), ("jump", 3, 64.5), ("run", 5, 6)],
        "b 2.mkv": [("run", 1.5, 90)],
    }
    assert found.videos[1].spans[0].place == f"{root / 'events.xlsx'}, sheet 'Monday', row 5"
    assert any("sheet 'Notes', whose columns are others" in note for note in found.notes)
    assert found.understood[0][:2] == ("table of events", 1)


def test_a_workbook_without_its_package_names_the_extra(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads workbooks")
    openpyxl.Workbook().save(root / "empty.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'slowfast-pgt\[spreadsheet\]' \(or save the table as"):
        read_labels(root / "empty.xlsx", root)


def test_the_surest_name_of_a_column_counts() -> None:
    found = understand(["code", "label", "media", "path", "start (s)", "Start frame"])
    assert (found["label"].name, found["video"].name) == ("label", "path")
    assert found["start"].unit == "s"
