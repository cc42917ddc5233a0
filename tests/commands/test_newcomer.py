"""A folder of videos and a spreadsheet of times are enough: what GETTING_STARTED says leads to lists, splits and a training."""

import csv
import json
import shlex
from pathlib import Path

import pytest

from slowfast_tools import inspect_data, predict, prepare_data, run_net
from tests.datasets.videos import write_video
from tests.preparation.exports.test_formats import FILES

ROOT = Path(__file__).parents[2]
SMALL = [
    *("NUM_GPUS", "0", "DATA_LOADER.NUM_WORKERS", "0", "SOLVER.MAX_EPOCH", "1", "SOLVER.WARMUP_EPOCHS", "0"),
    *("PGT.STEP_LEN", "[4]", "DATA.NUM_FRAMES", "0", "DATA.SAMPLING_RATE", "3"),
    *("RESNET.DEPTH", "18", "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", "2"),
    *("RESNET.NUM_BLOCK_TEMP_KERNEL", "[[2],[2],[2],[2]]", "DATA.TRAIN_CROP_SIZE", "32", "DATA.TEST_CROP_SIZE", "32"),
    *("DATA.TRAIN_JITTER_SCALES", "[32,40]", "TEST.NUM_SPATIAL_CROPS", "1"),
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve videos and no class folder."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(12):
        write_video(folder / f"match {number:02d}.mp4", 24, fps=12, height=32)
    return folder


def write_spreadsheet(path: Path) -> None:
    """As Excel writes it in Germany: Unicode text with tabs, decimal commas and paths of the machine where it was made."""
    with path.open("w", encoding="utf-16", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\r\n")
        rows.writerow(["Video", "Start", "Ende", "Label", "Bemerkung"])
        for number in range(12):
            rows.writerow(
                [rf"C:\Users\x\Videos\match {number:02d}.mp4", "0:00,25", "1,5", "kick" if number % 2 else "throw", ""]
            )
            rows.writerow([rf"C:\Users\x\Videos\match {number:02d}.mp4", "1,5", "1,75", "fall", "maybe"])


def test_twelve_videos_and_a_spreadsheet_beside_them_become_lists(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_spreadsheet(videos / "times.txt")
    assert prepare_data.main(["folder", str(videos), "--out", str(tmp_path / "data"), "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("| table of events"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "table of events", "1", "12", "12", "3", "24", "0", "0:00:00.25", "0:00:01.75",
    ]  # fmt: skip
    for told in ("'Ende' as end", "columns not used: Bemerkung", "found by their names: 12", "all videos |    10 |   1 |    1"):
        assert told in said
    report = json.loads((tmp_path / "data" / "report.json").read_text())
    assert report["understood"][0]["classes"] == 3
    assert report["num_videos"] == {"train": 10, "val": 1, "test": 1}


def test_five_commands_lead_from_videos_and_a_table_to_answers_about_a_new_video(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of GETTING_STARTED, word by word; what is added makes the network small."""
    text = (ROOT / "GETTING_STARTED.md").read_text(encoding="utf-8").partition("## Videos and a table of times")[2]
    commands = [shlex.split(line)[1:] for line in text.partition("\n## ")[0].splitlines() if line.startswith("    python ")]
    assert len(commands) == 5
    (tmp_path / "VIDEOS").symlink_to(videos)
    write_spreadsheet(tmp_path / "times.csv")
    write_video(tmp_path / "NEW.mp4", 30, fps=12, height=32)
    monkeypatch.chdir(tmp_path)
    tools = {"prepare_data": prepare_data, "inspect_data": inspect_data, "run_net": run_net, "predict": predict}
    for tool, *words in commands:
        more = SMALL if any(word.endswith(".yaml") for word in words) else []
        assert tools[Path(tool).stem].main([*words, *more]) == 0, words
    said = capsys.readouterr().out
    assert '"Videos and a table of times"' in said
    assert "epoch" in said, "the dry run says how long one takes"
    results = json.loads((tmp_path / "runs/mine/results.json").read_text())
    assert results["config"]["MODEL.NUM_CLASSES"] == 3
    assert results["num_videos"] == 1
    left = ["sheet.png", "runs/mine/model.safetensors", "runs/mine/report.html"]
    left += [f"answers/NEW/{name}" for name in ("events.csv", "events.json", "scores.csv", "timeline.html", "annotated.mp4")]
    assert [name for name in left if not (tmp_path / name).stat().st_size] == []


def test_exports_beside_class_folders_are_not_taken_for_labels(
    tmp_path: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "videos"
    for number in range(10):
        (folder / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "ab"[number % 2] / f"{number}.mp4").symlink_to(videos / f"match {number:02d}.mp4")
    (folder / "events.csv").write_text("video,start,end,label\na/0,0,1,run\n")
    assert prepare_data.main(["folder", str(folder), "--out", str(tmp_path / "data"), "--jobs", "1"]) == 0
    assert "table of events" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fps", "0"], "--fps: 0; expected frames a second, above 0"),
        (["--point-seconds", "-1"], "--point-seconds: -1; expected seconds, 0 or more"),
    ],
)
def test_options_out_of_range_are_refused(
    videos: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ["--labels", str(FILES / "kitchen.eaf")]
    assert prepare_data.main(["folder", str(videos), "--out", str(tmp_path), *labels, *words]) == 2
    assert message in capsys.readouterr().err


def test_options_of_times_without_times_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos" / "run").mkdir(parents=True)
    assert prepare_data.main(["folder", str(tmp_path / "videos"), "--out", str(tmp_path / "data"), "--fps", "25"]) == 2
    assert "--fps: class folders, which have no times; expected --labels as well" in capsys.readouterr().err


def test_minutes_that_excel_took_for_hours_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "long.mp4", 70, fps=1, height=32)
    labels = tmp_path / "labels.csv"
    words = ["folder", str(tmp_path / "videos"), "--out", str(tmp_path / "data"), "--labels", str(labels)]
    for start, message in (
        ("1:00:00", "0:01:30 is a minute and a half, so maybe 60 s were meant"),
        ("90", "not in milliseconds"),
    ):
        labels.write_text(f"video,start,end,label\nlong,{start},2:00:00,a\n")
        assert prepare_data.main(words) == 2
        assert message in capsys.readouterr().err


def test_moments_can_be_made_to_last(videos: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    rows = "".join(f"match {number:02d},0.1,{'ab'[number % 2]}\nmatch {number:02d},1,c\n" for number in range(12))
    labels.write_text(f"video,time,label\n{rows}")
    words = ["--labels", str(labels), "--point-seconds", "0.5"]
    assert prepare_data.main(["folder", str(videos), "--out", str(tmp_path / "data"), *words]) == 0
    with (tmp_path / "data" / "Charades_v1_val.csv").open() as file:
        [row] = csv.DictReader(file)
    times = [[float(word) for word in action.split()[1:]] for action in row["actions"].split(";")]
    assert times == [[0.0, 0.35], [0.75, 1.25]]
