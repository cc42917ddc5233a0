"""Lists name what can be read, in a form that the loaders take, and only once it has been looked at."""

import json
from pathlib import Path

import numpy as np
import pytest

from slowfast.config.prepared_folder import FolderManifest
from slowfast.datasets.charades_csv import read_annotation
from slowfast.datasets.errors import DatasetError
from slowfast.datasets.labels import IntervalLabels
from slowfast.preparation import probing, report
from slowfast.preparation.preparing import Preparation, prepare
from slowfast.preparation.report import broken_rows
from slowfast.runtime.atomic_files import WriteError
from slowfast.structures import VideoRecord

SHARES = (0.6, 0.2, 0.2)


def preparation(videos: Path, data: Path, **changes: object) -> Preparation:
    return Preparation(**{"videos": videos, "data": data, "shares": SHARES, "jobs": 2, **changes})  # type: ignore[arg-type]


def test_lists_hold_each_good_video_once_with_its_class(class_folders: Path, tmp_path: Path) -> None:
    prepared = prepare(preparation(class_folders, tmp_path))
    assert prepared.manifest == FolderManifest(
        multi_label=False, classes=("jump rope", "läuft"), videos=str(class_folders.resolve())
    )
    assert prepared.texts["classes.txt"] == "jump rope\nläuft\n"
    lines = sorted("".join(prepared.texts[f"{split}.csv"] for split in ("train", "val", "test")).splitlines())
    expected = [
        f"{name}/{n}.{'mkv' if n == 4 else 'mp4'} {k}" for k, name in enumerate(("jump rope", "läuft")) for n in range(5)
    ]
    assert lines == expected
    assert [(Path(entry.probe.path).name, entry.probe.problem[:26]) for entry in prepared.broken] == [
        ("broken.mp4", "the file cannot be read as")
    ]


def test_report_tells_what_is_in_the_files(class_folders: Path, tmp_path: Path) -> None:
    content = json.loads(json.dumps(report.as_json(prepare(preparation(class_folders, tmp_path)))))
    assert content["num_videos"] == {"train": 6, "val": 2, "test": 2}
    assert [entry["class"] for entry in content["classes"]] == ["jump rope", "läuft"]
    assert sum(entry[split] for entry in content["classes"] for split in ("train", "val", "test")) == 10
    assert content["frames"] == {"smallest": 12, "median": 14, "largest": 16}
    assert content["frame_rates"] == {"24": 10}
    assert (content["sizes"], content["codecs"]) == ({"80x48": 10}, {"h264": 10})
    assert [Path(entry["path"]).name for entry in content["broken"]] == ["broken.mp4"]


def test_test_is_a_copy_of_val_without_a_share_of_its_own(class_folders: Path, tmp_path: Path) -> None:
    prepared = prepare(preparation(class_folders, tmp_path, shares=(0.8, 0.2)))
    assert prepared.texts["test.csv"] == prepared.texts["val.csv"]
    assert report.as_json(prepared)["frame_rates"] == {"24": 10}  # nothing is counted twice


def test_intervals_become_a_list_that_readers_of_charades_take(
    class_folders: Path, interval_file: Path, tmp_path: Path
) -> None:
    prepared = prepare(preparation(class_folders, tmp_path, labels=interval_file))
    assert prepared.manifest.multi_label
    assert prepared.texts["Charades_v1_classes.txt"] == "c000 go on\nc001 hop\nc002 turn\n"
    rows = {}
    for split in ("train", "val", "test"):
        path = tmp_path / f"Charades_v1_{split}.csv"
        path.write_text(prepared.texts[path.name], encoding="utf-8")
        rows |= {row.video_id: [(a.label, a.start_sec, a.end_sec) for a in row.actions] for row in read_annotation(path, 3)}
    assert len(rows) == 9
    assert rows["jump rope/0"] == [(1, 0.0, 0.25), (2, 0.2, 0.5)], "none lasts longer than its video"
    assert rows["läuft/4.mkv"] == []


def test_labels_without_times_last_as_long_as_the_video(class_folders: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,labels\n" + "".join(f"jump rope/{n}.mp4,hop;turn\n" for n in range(4)), encoding="utf-8")
    prepared = prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))
    assert "jump rope/0,jump rope/0.mp4,c000 0.000 0.500;c001 0.000 0.500,0.500" in "".join(prepared.texts.values())


def test_an_interrupted_call_goes_on_where_it_stopped(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: list[str] = []
    real, patience = probing.probe_video, 4

    def probe_or_stop(path: str) -> probing.Probe:
        if len(probed) == patience:
            raise KeyboardInterrupt
        probed.append(path)
        return real(path)

    monkeypatch.setattr(probing, "probe_video", probe_or_stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(preparation(class_folders, tmp_path, jobs=1))
    assert [path.name for path in tmp_path.iterdir()] == ["probes.jsonl"]
    with (tmp_path / "probes.jsonl").open("a") as file:
        file.write('{"path": "cut o')
    patience = 99
    prepared = prepare(preparation(class_folders, tmp_path, jobs=1))
    assert len(probed) == len(set(probed)) == 11
    assert sum(map(len, prepared.splits.values())) == 10


def test_a_file_that_changed_is_probed_again(tmp_path: Path) -> None:
    path, notebook = tmp_path / "a.mp4", tmp_path / "probes.jsonl"
    for content in (b"", b"longer"):
        path.write_bytes(content)
        probe = probing.probe_all([str(path)], jobs=1, notebook=notebook)[str(path)]
        assert probe.size == len(content)
    assert len(notebook.read_text().splitlines()) == 2
    probing.probe_all([str(path)], jobs=1, notebook=notebook)
    assert len(notebook.read_text().splitlines()) == 2


def test_somebody_elses_lists_are_not_overwritten(class_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("precious 0\n")
    with pytest.raises(DatasetError, match=r"a train\.csv that was not written here"):
        prepare(preparation(class_folders, tmp_path))


def test_a_place_that_cannot_be_written_to_is_named(class_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"file/data: this folder cannot be made: .*/file is a file"):
        prepare(preparation(class_folders, tmp_path / "file" / "data"))


def test_paths_that_lead_nowhere_are_told_together(class_folders: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\nx/a.mp4,run\nx/b.mp4,run\n")
    with pytest.raises(DatasetError, match="none of 2 videos can be read, 2 because the file does not exist"):
        prepare(preparation(class_folders, tmp_path / "data", labels=labels))


def test_a_class_that_no_list_can_hold_is_refused(class_folders: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n" + "".join(f'jump rope/{n}.mp4,"two\nlines"\n' for n in range(3)))
    with pytest.raises(DatasetError, match="a name on one line"):
        prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(0.01, 0.02, id="shorter than a frame"),
        pytest.param(0.11, 0.11, id="a moment"),
        pytest.param(0, 0, id="the first moment"),
        pytest.param(0.49, 0.49, id="the last moment"),
        pytest.param(0.4, 9000, id="until far behind the end"),
        pytest.param(1 / 24, 1 / 24, id="the very moment of a frame"),
        pytest.param(0.041666, 0.041667, id="six decimals"),
    ],
)
def test_a_class_that_is_on_for_a_moment_is_in_the_label_of_its_video(
    class_folders: Path, tmp_path: Path, start: float, end: float
) -> None:
    labels = tmp_path / "labels.csv"
    rows = "".join(f"jump rope/{n}.mp4,hop,{start},{end}\n" for n in range(4))
    labels.write_text(f"path,label,start,end\n{rows}", encoding="utf-8")
    prepared = prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))
    path = tmp_path / "Charades_v1_val.csv"
    path.write_text(prepared.texts[path.name], encoding="utf-8")
    for row in read_annotation(path, 1):
        record = VideoRecord(video_id=row.video_id, path="", source="", actions=row.actions)
        rule = IntervalLabels(num_classes=1, fps=24, whole_video=True)
        assert rule.labels(record, np.arange(12), 12).clip.all()
    late = [note for note in prepared.notes if "end behind the end of their videos" in note]
    assert bool(late) == (end == 9000)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(300, 450, id="milliseconds"),
        pytest.param(6, 10, id="frames"),
        pytest.param(0.7, 0.8, id="behind the end"),
        pytest.param(0.625, 0.625, id="the end itself"),
    ],
)
def test_times_that_no_frame_shows_are_refused_with_their_row(
    class_folders: Path, tmp_path: Path, start: float, end: float
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"path,label,start,end\njump rope/0.mp4,hop,0,1\njump rope/3.mp4,hop,{start},{end}\n", encoding="utf-8")
    message = rf"labels\.csv, row 3: 'hop' from second {start:g} on in 'jump rope/3\.mp4', which lasts 0\.62; expected times"
    with pytest.raises(DatasetError, match=message):
        prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))


def test_thin_splits_are_told(class_folders: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n" + "".join(f"jump rope/{n}.mp4,{'ab'[n % 2]}\n" for n in range(3)), encoding="utf-8")
    notes = prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5))).notes
    assert "val has one video: its figures say hardly anything (--split takes larger shares)" in notes
    assert any(note.startswith("classes that no video of val shows: ") for note in notes)


def test_videos_that_differ_in_their_ending_alone_have_ids_of_their_own(class_folders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "a.mp4", "b.mp4", "b.MP4"):
        (folder / name).write_bytes((class_folders / "jump rope" / "0.mp4").read_bytes())
    labels = tmp_path / "labels.csv"
    labels.write_text("path,labels\na,run\na.mp4,jump\nb.mp4,run\nb.MP4,jump\n", encoding="utf-8")
    prepared = prepare(preparation(folder, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))
    for name, text in prepared.texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ids = [row.video_id for split in ("train", "val") for row in read_annotation(tmp_path / f"Charades_v1_{split}.csv", 2)]
    assert sorted(ids) == ["a", "a.mp4", "b", "b.MP4"]


def test_events_without_length_and_videos_without_a_file_are_told_with_their_row(class_folders: Path, tmp_path: Path) -> None:
    labels = tmp_path / "events.csv"
    rows = "".join(f"jump rope/{n},0.1,0.4,hop\n" for n in range(3))
    labels.write_text(f"video,start,end,class\n{rows}jump rope/3,0.2,0.2,hop\ngone,0,1,hop\n", encoding="utf-8")
    prepared = prepare(preparation(class_folders, tmp_path / "data", labels=labels, shares=(0.5, 0.5)))
    [note] = [note for note in prepared.notes if "end as they begin" in note]
    assert note.endswith(f": 1, the first in {labels}, row 5")
    assert broken_rows(prepared) == [("gone", "the file does not exist (events.csv, row 6)")]
