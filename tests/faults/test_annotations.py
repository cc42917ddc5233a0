"""Lists and annotations of every kind that the library reads, damaged by chance: read, or refused by file."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from slowfast.annotations.events import read_detected_csv, read_results, read_truth_csv, read_truths
from slowfast.datasets.charades_csv import read_annotation, read_class_names
from slowfast.datasets.frame_lists import HEADER, read_frame_list
from slowfast.datasets.kinetics_lists import read_list, read_names
from slowfast.datasets.ssv2_lists import read_labels, read_videos
from slowfast.evaluation.ava import read_detections, read_excluded, read_label_map
from slowfast.evaluation.ava import read_truths as read_ava_truths
from slowfast.evaluation.timed.rule_file import read_rule
from slowfast.preparation.exports.sniffing import read_export
from tests.conftest import ROOT
from tests.faults.byte_mutations import BYTES, TEXTS, damaged
from tests.faults.fuzzing import Case, chances, survive

Read = Callable[[Path], object]

EVENTS = (
    '{"run_1": [{"label": "jump", "segment": [1.5, 2.5], "score": 0.5}, {"label": "run", "segment": [0, 9], "score": 0.1}]}'
)
AVA_ROW = "v1,0902,0.100,0.100,0.500,0.900,12,0.9\n"

LISTS: dict[str, tuple[str, Read]] = {
    "kinetics.csv": (
        "jump/a.mp4 0\njump/b c.mp4 1\nrun/c.mp4 3\n",
        lambda path: read_list(path, separator=" ", num_classes=4, prefix=""),
    ),
    "classes.txt": ("jump\nrun\nsit\n", lambda path: read_names(path, 3)),
    "charades.csv": (
        'id,script,actions,length\nAB123,"a, ""b""",c001 1.50 2.00;c000 0.00 9.00,5.00\nCD456,c,,3\n',
        lambda path: read_annotation(path, 4),
    ),
    "Charades_v1_classes.txt": ("c000 Holding a cup\nc001 Closing a door\n", lambda path: read_class_names(path, 2)),
    "frames.csv": (
        f'{HEADER}\nA 0 0 A/A-000001.jpg "1,2"\nA 0 1 A/A-000002.jpg "1"\nB 1 0 B/B-000001.jpg ""\n',
        lambda path: read_frame_list(path, 4),
    ),
    "something-something-v2-labels.json": (
        '{"Holding something": "0", "Pushing something": "1"}', lambda path: read_labels(path),
    ),
    "something-something-v2-train.json": (
        '[{"id": "7", "template": "Holding [something]"}, {"id": "8", "template": "Pushing [something]"}]',
        lambda path: read_videos(path, {"Holding something": 0, "Pushing something": 1}),
    ),
    "ava_detections.csv": (AVA_ROW * 2, lambda path: read_detections(path, {})),
    "ava_truths.csv": (
        "v1,0902,0.1,0.2,0.3,0.4,12,0\nv1,903,0.1,0.2,0.3,0.4,80,1\nv2,904\n", lambda path: read_ava_truths(path, {}),
    ),
    "ava_excluded.csv": ("v1,0902\nv2,0903\n", lambda path: read_excluded(path, {})),
    "ava_labels.pbtxt": (
        'item {\n  name: "bend/bow"\n  id: 1\n}\nitem {\n  name: "sit"\n  id: 2\n}\n', lambda path: read_label_map(path),
    ),
    "results.json": (f'{{"version": "1", "results": {EVENTS}, "external_data": {{}}}}', read_results),
    "truths.json": (
        '{"database": {"run_1": {"subset": "validation", "duration": 9.5, "annotations": '
        '[{"label": "jump", "segment": [1, 2]}]}}}', read_truths,
    ),
    "truths.csv": ("video,start,end,class\na,1.5,2.5,jump\nb,0,9,run\n", read_truth_csv),
    "detected.csv": ("video,start,end,class,score\na,1.5,2.5,jump,0.5\nb,0,9,run,0.25\n", read_detected_csv),
    "rule.json": (
        '{"weights": "", "classes": {"jump": {"threshold": 0.4, "max_gap": 0, "min_length": 2.5}}}',
        lambda path: read_rule(path, ["jump"]),
    ),
}  # fmt: skip

EXPORTS = sorted(path for path in (ROOT / "tests/preparation/exports/files").rglob("*") if path.is_file())


def cases(folder: Path, count: int) -> Iterator[Case]:
    sources = [(name, text.encode(), read) for name, (text, read) in LISTS.items()]
    sources += [(path.name, path.read_bytes(), read_export) for path in EXPORTS]
    for number in range(count):
        rng = chances("annotations", number)
        name, content, read = sources[number % len(sources)]
        content, what = damaged(content, TEXTS, rng)
        path = folder / str(number) / name
        path.parent.mkdir()
        path.write_bytes(content)
        yield Case(number, f"{name}: {what}", lambda path=path, read=read: read(path))


def archives(folder: Path, count: int) -> Iterator[Case]:
    """Archives as CVAT writes them, damaged, and bombs."""
    whole = folder / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(ROOT / "tests/preparation/exports/files/cvat.xml", "annotations.xml")
    book = openpyxl.Workbook()
    for row in (["video", "label", "start", "end"], ["a.mp4", "jump", 0.5, 2], ["b.mp4", "run", "0:01", "0:02"]):
        book.active.append(row)
    book.save(folder / "whole.xlsx")
    for number in range(count):
        source = folder / ("whole.zip", "whole.xlsx")[number % 2]
        content, what = damaged(source.read_bytes(), BYTES, chances("archives", number))
        path = folder / f"{number}.zip"
        path.write_bytes(content)
        yield Case(number, what, lambda path=path: read_export(path))
    bomb = folder / "bomb.zip"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("annotations.xml", "w", force_zip64=True) as file,
    ):
        for _ in range(1100):
            file.write(bytes(1 << 20))
    yield Case(count, "a megabyte that holds a gigabyte", lambda: read_export(bomb))


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_are_right_before_they_are_damaged(tmp_path: Path, name: str) -> None:
    text, read = LISTS[name]
    (tmp_path / name).write_text(text)
    read(tmp_path / name)


def test_a_few_bad_annotations_are_read_or_refused_by_file(tmp_path: Path) -> None:
    survive("bad annotations, a few", cases(tmp_path, 60), names=lambda case: case.what.partition(":")[0])


@pytest.mark.faults
def test_bad_annotations_are_read_or_refused_by_file(tmp_path: Path) -> None:
    survive("bad annotations", cases(tmp_path, 2800), names=lambda case: case.what.partition(":")[0])


@pytest.mark.faults
def test_bad_archives_are_read_or_refused_by_file(tmp_path: Path) -> None:
    survive("bad archives of annotations", archives(tmp_path, 400), names=lambda _: ".zip")
