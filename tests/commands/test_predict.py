"""The command that says what happens when in videos."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from slowfast.annotations.events import read_detected_csv, read_results
from slowfast.commands import predict as command
from slowfast.commands.predict import PROGRESS, PredictOptions, predict_files
from slowfast.datasets import DecodeError
from slowfast.errors import MissingPackageError
from slowfast.prediction import Prediction, PredictionError, predict
from slowfast.prediction.files import Shown, write_prediction
from slowfast.runtime.errors import CheckpointError, Interrupted
from slowfast_tools.predict import main
from tests.datasets.videos import write_video
from tests.prediction.conftest import CLASSES, STEPS, weights_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_of(tmp_path_factory.mktemp("weights"), STEPS)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    (folder / "late").mkdir()
    for name, frames in (("a", 150), ("b", 60), ("late/c", 90)):
        write_video(folder / f"{name}.mp4", frames)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_each_input_has_a_folder_with_all_of_its_files(
    stepping: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--weights", str(stepping), str(videos), "--out", str(tmp_path), "--threshold", "0.3"]) == 0
    files = ("events.csv", "events.json", "scores.csv", "timeline.html")
    assert set(files_of(tmp_path)) == {f"{name}/{file}" for name in ("a", "b", "late/c") for file in files}
    for each in predict(stepping, videos, threshold=0.3):
        header, *rows = rows_of(tmp_path / each.name / "scores.csv")
        assert header == ["second", "class", "score"]
        assert [float(row[2]) for row in rows] == pytest.approx(each.scores.ravel().tolist(), rel=1e-5)
        assert [float(row[0]) for row in rows[::3]] == pytest.approx(each.seconds[:, 0].tolist(), rel=1e-5)
        assert [row[1] for row in rows[:3]] == list(CLASSES)
        table = read_detected_csv(tmp_path / each.name / "events.csv")
        results = read_results(tmp_path / each.name / "events.json")
        assert len(table.events) == len(results.events) == len(each.events)
        assert sorted(table.events.start.tolist()) == pytest.approx([event.start for event in each.events])
    told = capsys.readouterr().out
    assert "times as fast as it plays" in told
    assert str(tmp_path) in told


def test_only_what_is_wanted_is_written(stepping: Path, videos: Path, tmp_path: Path) -> None:
    words = ["--weights", str(stepping), str(videos / "a.mp4"), "--threshold", "0.3"]
    assert main([*words, "--out", str(tmp_path / "all")]) == 0
    assert main([*words, "--out", str(tmp_path / "some"), "--classes", "run,bark", "--top", "1"]) == 0
    every = rows_of(tmp_path / "all/a/scores.csv")[1:]
    for row in rows_of(tmp_path / "some/a/scores.csv")[1:]:
        moment = [other for other in every if other[0] == row[0] and other[1] != "jump"]
        assert row == max(moment, key=lambda other: float(other[2]))
    events = rows_of(tmp_path / "all/a/events.csv")
    assert any(row[3] == "jump" for row in events), "else nothing is left out below"
    assert rows_of(tmp_path / "some/a/events.csv") == [row for row in events if row[3] != "jump"]


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["--classes", "bark,meow"], "class 'meow'"),
        (["--top", "0"], "right would be 1 or more"),
        (["--batch", "0"], "right would be 1 or more"),
        (["--every", "1"], "answer once a step"),
        (["--weights", "nowhere.pyth"], "there is no such file"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str], right: str, stepping: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(videos / "a.mp4"), "--out", str(tmp_path / "out"), *words]
    assert main(given if "--weights" in words else ["--weights", str(stepping), *given]) == 2
    error = capsys.readouterr().err
    assert right in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists(), "nothing is begun"


def test_one_bad_file_does_not_keep_the_others(
    stepping: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(videos, tmp_path / "videos"))
    whole = (folder / "b.mp4").read_bytes()
    write_video(folder / "broken.mkv", 150)
    content = (folder / "broken.mkv").read_bytes()
    (folder / "broken.mkv").write_bytes(content[: len(content) // 2])  # its index promises what is there; the end is missing
    (folder / "b.mp4").write_bytes(whole[:500])
    (folder / "no.mp4").write_text("no video")
    assert main(["--weights", str(stepping), str(folder), "--out", str(tmp_path / "out"), "--batch", "2"]) == 2
    error = capsys.readouterr().err
    assert "b.mp4" in error
    assert "more cannot be read; the other" in error
    written = {name.rpartition("/")[0] for name in files_of(tmp_path / "out")}
    assert {"a", "late/c"} <= written
    assert not {"b", "no"} & written


def options(stepping: Path, videos: Path, out: Path, **changes: object) -> PredictOptions:
    return PredictOptions(**{"weights": stepping, "inputs": [str(videos)], "out": out, "device": "cpu", **changes})  # type: ignore[arg-type]


class Impatient(command.StopRequest):
    """Asks to stop from the n-th time on that it is looked at."""

    looks = 0
    patience = 0

    @property
    def signal_number(self) -> int:
        type(self).looks += 1
        return signal.SIGINT if type(self).looks >= type(self).patience else 0

    @signal_number.setter
    def signal_number(self, number: int) -> None: ...


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("patience", [1, 3, 5])
def test_stopped_and_resumed_it_writes_what_it_writes_in_one_go(
    patience: int, batch: int, stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_files(options(stepping, videos, tmp_path / "whole", batch=batch))
    with monkeypatch.context() as patch:
        patch.setattr(Impatient, "patience", patience)
        patch.setattr(Impatient, "looks", 0)
        patch.setattr(command, "StopRequest", Impatient)
        with pytest.raises(Interrupted, match="--resume goes on"):
            predict_files(options(stepping, videos, tmp_path / "parts", batch=batch))
    assert (tmp_path / "parts" / PROGRESS).is_file()
    predict_files(options(stepping, videos, tmp_path / "parts", batch=batch, resume=True))
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("patience", [40, 170, 215])
def test_stopped_while_a_video_is_written_it_goes_on_with_that_video(
    patience: int, stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [str(videos / "a.mp4"), str(videos / "b.mp4")]
    predict_files(options(stepping, videos, tmp_path / "whole", inputs=given, video=True))
    with monkeypatch.context() as patch:
        patch.setattr(Impatient, "patience", patience)
        patch.setattr(Impatient, "looks", 0)
        patch.setattr(command, "StopRequest", Impatient)
        with pytest.raises(Interrupted, match="--resume goes on"):
            predict_files(options(stepping, videos, tmp_path / "parts", inputs=given, video=True))
    assert not [path for path in (tmp_path / "parts").iterdir() if path.is_dir() and path.name.startswith(".")]
    predict_files(options(stepping, videos, tmp_path / "parts", inputs=given, video=True, resume=True))
    found, wanted = files_of(tmp_path / "parts"), files_of(tmp_path / "whole")
    assert found.keys() == wanted.keys()
    for name, content in wanted.items():  # the encoder's threads do not make the same bytes every time
        assert found[name] == content or name.endswith("annotated.mp4")
    for name, frames in (("a", 150), ("b", 60)):
        with av.open(str(tmp_path / "parts" / name / "annotated.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == frames


def test_what_was_kept_is_not_taken_for_another_run(
    stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Impatient, "patience", 2)
        patch.setattr(Impatient, "looks", 0)
        patch.setattr(command, "StopRequest", Impatient)
        with pytest.raises(Interrupted):
            predict_files(options(stepping, videos, tmp_path))
    for changes in ({"batch": 2}, {"threshold": 0.9}, {"inputs": [str(videos / "a.mp4")]}):
        with pytest.raises(CheckpointError, match="other weights, inputs or options"):
            predict_files(options(stepping, videos, tmp_path, resume=True, **changes))
    predict_files(options(stepping, videos, tmp_path))  # without --resume it begins anew
    assert not (tmp_path / PROGRESS).exists()


def test_a_real_signal_stops_it_with_everything_saved(stepping: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for number in range(4):
        write_video(tmp_path / "videos" / f"{number}.mp4", 900, gop=60)
    words = [sys.executable, str(ROOT / "tools/predict.py"), "--weights", str(stepping), str(tmp_path / "videos"), "--out"]
    process = subprocess.Popen([*words, str(tmp_path / "parts")], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (tmp_path / "parts" / "0").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "--resume goes on" in error
    done = len(list((tmp_path / "parts").glob("*/events.json")))
    assert 1 <= done < 4
    subprocess.run([*words, str(tmp_path / "parts"), "--resume"], check=True)
    subprocess.run([*words, str(tmp_path / "whole")], check=True)
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


def test_a_folder_is_there_whole_or_not_at_all(
    stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each: Prediction = predict(stepping, videos / "b.mp4")[0]
    shown = Shown.of(each.classes, None, None)
    write_prediction(tmp_path / "b", each, shown)
    before = files_of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("slowfast.prediction.files.format_results", lambda listed: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_prediction(tmp_path / "b", each, shown)
        with pytest.raises(ZeroDivisionError):
            write_prediction(tmp_path / "new", each, shown)
    assert files_of(tmp_path) == before
    write_prediction(tmp_path / "b", each, shown)
    assert files_of(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert json.loads((tmp_path / "b/events.json").read_text())["results"]


def test_names_of_classes_are_checked() -> None:
    with pytest.raises(PredictionError, match="right would be some of bark, jump, run"):
        Shown.of(CLASSES, ["Bark"], None)


def test_a_folder_of_somebody_else_is_not_replaced(
    stepping: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(videos / "b.mp4", tmp_path / "holiday.mp4")
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    words = ["--weights", str(stepping), str(tmp_path / "holiday.mp4"), "--out", str(tmp_path)]
    assert main(words) == 2
    assert "letter.txt" in capsys.readouterr().err
    assert (tmp_path / "holiday" / "letter.txt").read_text() == "dear"
    shutil.rmtree(tmp_path / "holiday")
    (tmp_path / "holiday").write_text("a file")
    assert main(words) == 2
    assert "there is a file" in capsys.readouterr().err


def test_earlier_results_are_no_inputs(
    stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(videos / "b.mp4", tmp_path / "b.mp4")
    for _ in range(2):
        assert main(["--weights", str(stepping), ".", "--video"]) == 0
    assert {path.parent.name for path in tmp_path.rglob("events.csv")} == {"b"}
    capsys.readouterr()
    assert main(["--weights", str(stepping), "predictions"]) == 2
    assert "holds no video" in capsys.readouterr().err


def test_scores_are_kept_where_the_video_cannot_be_written(
    stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(*given: object, **options: object) -> None:
        raise DecodeError("a.mp4", "frame 7 of 150 is damaged")

    monkeypatch.setattr(command, "write_annotated", damaged)
    words = ["--weights", str(stepping), str(videos / "a.mp4"), "--out", str(tmp_path), "--video", "--resume"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert "its scores and events are written, its video is not" in told.err
    assert "no unfinished run is kept here" in told.out
    assert set(files_of(tmp_path)) == {"a/events.csv", "a/events.json", "a/scores.csv", "a/timeline.html"}


def test_pages_lead_to_the_video_and_to_the_annotated_one(
    stepping: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "elsewhere" / "out"
    words = ["--weights", str(stepping), str(videos / "late"), "--out", str(out), "--threshold", "0.3"]
    assert main([*words, "--classes", "run,bark", "--video"]) == 0
    page = (out / "c" / "timeline.html").read_text(encoding="utf-8")
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data = json.loads(found)
    first, second = data["films"]
    assert (out / "c" / first["address"]).resolve() == (videos / "late" / "c.mp4").resolve()
    assert second == {"name": "annotated.mp4", "address": "annotated.mp4"}
    assert {line["name"] for line in data["chart"]["data"] if line["type"] == "scatter"} == {"run", "bark"}
    rows = rows_of(out / "c" / "events.csv")[1:]
    assert [float(start) for start in re.findall(r'data-start="(.*?)"', page)] == sorted(float(row[1]) for row in rows)
    assert main([*words, "--no-timeline"]) == 0
    assert not (out / "c" / "timeline.html").exists()


def test_without_the_packages_for_pages_all_else_is_written_and_the_start_says_so(
    stepping: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise MissingPackageError("the page needs plotly, not installed here: pip install 'slowfast-pgt[report]'")

    monkeypatch.setattr(command.importlib, "import_module", missing)
    assert main(["--weights", str(stepping), str(videos / "b.mp4"), "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("no timeline.html is written: the page needs plotly")
    assert set(files_of(tmp_path)) == {"b/events.csv", "b/events.json", "b/scores.csv"}
