"""A small file of each format, of our own making, in the form in which the tools write them."""

import csv
import json
from pathlib import Path

import pytest

from slowfast.preparation.exports.gathering import Reading
from slowfast.preparation.exports.sniffing import looks_like_export
from slowfast.preparation.videos import Inventory
from tests.preparation.label_reading import read_labels, spans_of

FILES = Path(__file__).parent / "files"
TWO = [("pour milk", 1.5, 4.25), ("stir", 4.25, 9.0)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Videos of which exports may be."""
    for name in ("kitchen.mp4", "hall.mp4", "cage 1/mouse.mp4", "cage 1/mouse 2.mp4", "my kitchen.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def notes(inventory: Inventory) -> str:
    return "\n".join(inventory.notes)


def test_elan_is_read_with_its_tiers_references_and_moments(root: Path) -> None:
    found = read_labels(FILES / "kitchen.eaf", root)
    assert spans_of(found) == {
        "kitchen.mp4": [
            ("pour milk", 1.5, 4.25), ("stir & wait", 4.25, 9.0), ("click", 4.25, 4.25), ("left hand", 1.5, 4.25)
        ]
    }  # fmt: skip
    assert found.understood == (("ELAN 3.0", 1, 1, 1, 4, 4, 0, "0:00:01.5", "0:00:09"),)
    assert "tiers, which all count: 'Cook' (3), 'Hand' (1)" in notes(found)
    assert "left out: annotations without a text: 1" in notes(found)
    assert "left out: annotations that are not aligned to times: 1" in notes(found)
    assert found.videos[0].spans[0].place == f"{FILES / 'kitchen.eaf'}, tier 'Cook', annotation a1, row 19"


def test_what_elan_cut_off_a_media_file_is_added_to_its_times(root: Path) -> None:
    text = (FILES / "kitchen.eaf").read_text().replace('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="500"')
    (root / "x.eaf").write_text(text)
    assert spans_of(read_labels(root / "x.eaf", root))["kitchen.mp4"][0] == ("pour milk", 2.0, 4.75)


def test_tables_of_boris_7_pair_starts_and_stops_of_each_subject(root: Path) -> None:
    found = read_labels(FILES / "boris_7_tabular.tsv", root)
    assert spans_of(found) == {"cage 1/mouse.mp4": [("groom", 1.5, 4.25), ("sniff", 5.0, 5.0), ("groom", 2.0, 6.0)]}
    assert found.understood[0][0] == "BORIS, tabular events"
    assert "events that overlap another one of their class, as one long event would: 1" in notes(found)


def test_times_of_boris_count_through_the_files_of_an_observation(root: Path) -> None:
    found = read_labels(FILES / "boris_8_tabular.csv", root)
    assert spans_of(found) == {
        "cage 1/mouse.mp4": [("groom", 8.0, 10.0)],
        "cage 1/mouse 2.mp4": [("groom", 0.0, 2.5), ("sniff", 5.0, 5.0)],
    }
    assert "left out: modifiers, which are no part of a class: 2" in notes(found)


def test_aggregated_events_of_boris_lose_the_offset_of_their_observation(root: Path) -> None:
    found = read_labels(FILES / "boris_8_aggregated.csv", root)
    assert spans_of(found) == {"cage 1/mouse.mp4": [("groom", 1.5, 4.25), ("sniff", 5.0, 5.0)]}
    assert "the time offset of an observation, 100 s, is taken off its times" in notes(found)


def test_a_project_of_boris_is_read_without_its_live_observations(root: Path) -> None:
    found = read_labels(FILES / "mice.boris", root)
    assert spans_of(found) == {"cage 1/mouse.mp4": [("groom", 1.5, 4.25), ("sniff", 5.0, 5.0)]}
    assert "left out: observations without a video (live, or of pictures): 1" in notes(found)


def test_via_is_read_by_the_names_of_its_options(root: Path) -> None:
    found = read_labels(FILES / "via.json", root)
    assert spans_of(found) == {"kitchen.mp4": TWO}
    assert found.understood[0][0] == "VIA 3.1.2"
    for told in ("views without a video: 1", "regions that are no rectangles: 1", "boxes, beside events", "whole files: 1"):
        assert told in notes(found)


def test_vidat_is_read_without_what_was_left_at_its_default(root: Path) -> None:
    found = read_labels(FILES / "vidat.json", root)
    assert spans_of(found) == {"kitchen.mp4": TWO}
    for told in ("actions that were left as 'default': 1", "regions (polygons): 1"):
        assert told in notes(found)


def test_times_at_which_cvat_shows_boxes_are_events(root: Path) -> None:
    found = read_labels(FILES / "cvat.xml", root)
    assert spans_of(found) == {
        "kitchen.mp4": [("stand", 0.0, 1.0), ("walk", 1.0, 2.0), ("stand", 2.4, 4.0), ("walk", 2.4, 4.0)]
    }
    assert "each time that boxes of a class are shown without a break is an event of it" in notes(found)
    assert "classes are the values of 'action'" in notes(found)
    assert "left out: tracks of polygons, not of boxes: 1" in notes(found)


def test_label_studio_counts_frames_from_1_at_the_rate_that_it_states(root: Path) -> None:
    found = read_labels(FILES / "label_studio.json", root, fps=50)
    assert spans_of(found) == {"my kitchen.mp4": [("pour milk", 0.0, 2.0), ("click", 2.0, 2.04)]}
    for told in ("further annotations of the same task: 1", "predictions: 1", "type textarea: 1", "boxes, beside events"):
        assert told in notes(found)
    assert "at 25 a second; the file has 50" in notes(found)


def test_label_studios_short_form_is_counted_at_the_rate_of_the_video_unless_one_is_given(root: Path) -> None:
    found = read_labels(FILES / "label_studio_min.json", root, fps=50)
    assert spans_of(found) == {"my kitchen.mp4": [("pour milk", 0.0, 1.0), ("click", 1.0, 1.02)]}
    assert "then say --fps 24" in notes(found)
    given = read_labels(FILES / "label_studio_min.json", root, fps=50, reading=Reading(fps=25))
    assert spans_of(given) == {"my kitchen.mp4": [("pour milk", 0.0, 2.0), ("click", 2.0, 2.04)]}


def test_activitynet_is_read_with_videos_without_events(root: Path) -> None:
    found = read_labels(FILES / "activitynet.json", root)
    assert spans_of(found) == {"kitchen.mp4": TWO, "hall.mp4": []}
    assert "subsets training (1), validation (1) are put together and split anew (--split)" in notes(found)
    assert "videos without a label" in notes(found)


def test_thumos_is_read_from_a_folder_without_what_is_ambiguous(root: Path) -> None:
    found = read_labels(FILES / "thumos", root)
    assert {path: sorted(spans) for path, spans in spans_of(found).items()} == {
        "kitchen.mp4": [("PourMilk", 1.5, 4.25), ("Stir", 4.3, 9.0)], "hall.mp4": [("PourMilk", 2.0, 3.0)]
    }  # fmt: skip
    assert found.understood == (("THUMOS", 3, 2, 2, 2, 3, 0, "0:00:01.5", "0:00:09"),)
    assert "times marked as ambiguous, of no class: 1" in notes(found)


def test_formats_are_told_by_what_files_hold(root: Path, tmp_path: Path) -> None:
    """All of them in one folder, under names that say nothing."""
    folder = tmp_path / "all"
    folder.mkdir()
    names = ("kitchen.eaf", "boris_8_tabular.csv", "mice.boris", "via.json", "vidat.json", "cvat.xml", "activitynet.json")
    for number, name in enumerate(names):
        (folder / f"{number}.txt").write_bytes((FILES / name).read_bytes())
    (folder / "readme.txt").write_text("what these files are\n")
    found = read_labels(folder, root)
    assert [row[0] for row in found.understood] == [
        "ELAN 3.0", "BORIS, tabular events", "BORIS, project", "VIA 3.1.2", "VIDAT 2.0.7", "CVAT for video 1.1",
        "ActivityNet (VERSION 1.3)",
    ]  # fmt: skip
    assert "files that are no exports: 1, such as" in notes(found)
    assert "events that stand twice, and count once" in notes(found)


def test_choices_of_label_studio_are_labels_of_whole_videos(root: Path) -> None:
    tasks = [
        {
            "id": number, "data": {"video": f"/data/upload/1/1a2b3c4d-{name}"},
            "annotations": [{"result": [{"type": "choices", "from_name": "c", "value": {"choices": [chosen]}}]}],
        }
        for number, (name, chosen) in enumerate([("kitchen.mp4", "calm"), ("hall.mp4", "loud")])
    ]  # fmt: skip
    (root / "tasks.json").write_text(json.dumps(tasks))
    found = read_labels(root / "tasks.json", root)
    assert spans_of(found) == {"kitchen.mp4": [("calm", None, None)], "hall.mp4": [("loud", None, None)]}
    assert not found.multi_label


def test_tables_of_boris_are_read_from_workbooks_too(root: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads workbooks")
    book = openpyxl.Workbook()
    with (FILES / "boris_8_aggregated.csv").open() as file:
        for row in csv.reader(file):
            book.active.append([float(cell) if cell.replace(".", "", 1).isdecimal() else cell for cell in row])
    book.save(root / "boris.xlsx")
    found = read_labels(root / "boris.xlsx", root)
    assert spans_of(found) == {"cage 1/mouse.mp4": [("groom", 1.5, 4.25), ("sniff", 5.0, 5.0)]}
    assert found.understood[0][0] == "BORIS, aggregated events"


def test_what_a_network_found_is_taken_for_labels_only_where_it_is_named(root: Path) -> None:
    (root / "events.csv").write_text("video,start,end,class,score\nkitchen,0,1,stir,0.5\n")
    assert not looks_like_export(root / "events.csv")
    assert spans_of(read_labels(root / "events.csv", root)) == {"kitchen.mp4": [("stir", 0, 1)]}
    (root / "events.csv").write_text("video,start,end,class\nkitchen,0,1,stir\n")
    assert looks_like_export(root / "events.csv")
