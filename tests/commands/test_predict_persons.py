"""What persons in boxes do, by the command that predicts: as a test of the same weights on the same boxes says it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from slowfast.commands import detect_persons as detection
from slowfast.commands import predict_persons as command
from slowfast.commands.eval_ava import AvaScoring, score_ava
from slowfast.commands.predict import PROGRESS, PredictOptions, predict_files
from slowfast.evaluation.ava import read_detections
from slowfast.prediction import PredictionError, predict
from slowfast.prediction.files import Shown
from slowfast.prediction.person_files import BoxDrawing, write_person_files
from slowfast.prediction.persons import PersonScores
from slowfast.preparation.persons import Picture
from slowfast.runtime.errors import Interrupted
from slowfast_tools.predict import main
from tests.commands.test_predict import Impatient, files_of
from tests.engine.test_detection_run import WHOLE, run

BOXES = "annotations/ava_test_predicted_boxes.csv"
START = 900
KINDS = {
    "plain": ("SLOWONLY", ()),
    "steps": ("SLOWONLY_PGT", ("PGT.ALL_STEP_TEST", True)),
    "whole": ("SLOWONLY_PGT", WHOLE),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("longcook_ava")


@pytest.fixture(scope="module", params=list(KINDS))
def tested(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUTPUT_DIR of a run on two test videos, whose files it reads."""
    name, options = KINDS[request.param]
    folder = tmp_path_factory.mktemp("runs") / request.param
    run(name, data, folder, "LONGCOOK.NUM_TEST", 2, "REPORT.ENABLE", False, "AVA.VIDEO_DIR", str(data / "videos"), *options)
    return folder


@pytest.fixture(scope="module")
def inputs(tested: Path, data: Path) -> list[str]:
    with (data / BOXES).open() as file:
        names = dict.fromkeys(row[0] for row in csv.reader(file))
    return [str(data / "videos" / f"{name}.mp4") for name in names]


def options(tested: Path, inputs: list[str], data: Path, out: Path, **changes: object) -> PredictOptions:
    given = {"weights": tested, "inputs": inputs, "out": out, "device": "cpu", "boxes": data / BOXES, "start_second": START}
    return PredictOptions(**{**given, **changes})  # type: ignore[arg-type]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def by_place(paths: list[Path]) -> dict[tuple[object, ...], float]:
    """Scores by video, second, box and class."""
    found = {}
    for path in paths:
        names: dict[str, int] = {}
        boxes = read_detections(path, names)
        assert boxes.score is not None
        videos = list(names)
        columns = (boxes.video.tolist(), boxes.second.tolist(), boxes.box.tolist(), boxes.label.tolist(), boxes.score.tolist())
        for video, second, box, label, score in zip(*columns, strict=True):
            found[videos[video], second, tuple(box), label] = score
    return found


def test_scores_are_those_of_a_test_of_the_same_weights_on_the_same_boxes(
    tested: Path, inputs: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict_files(options(tested, inputs, data, tmp_path))
    names = [Path(path).stem for path in inputs]
    assert set(files_of(tmp_path)) == {f"{name}/{file}" for name in names for file in ("scores.csv", "detections.csv")}
    found = by_place([tmp_path / name / "detections.csv" for name in names])
    wanted = by_place([tested / "detections.csv"])
    assert len(wanted) > 100
    assert found.keys() == wanted.keys()
    np.testing.assert_allclose([found[key] for key in wanted], list(wanted.values()), rtol=1e-4, atol=1e-6)
    assert np.std(list(wanted.values())) > 1e-4, "else any scores would do"
    told = capsys.readouterr().out
    assert "seconds with persons" in told
    for name in names:
        table = rows_of(tmp_path / name / "scores.csv")
        assert len(table) == sum(key[0] == name for key in wanted)
        assert {int(row["second"]) for row in table} == {key[1] for key in wanted if key[0] == name}
    folder = data / "annotations"
    truths, labels = folder / "ava_test_v2.2.csv", folder / "ava_action_list_v2.2_for_activitynet_2019.pbtxt"
    score_ava(AvaScoring(detections=tmp_path / names[0] / "detections.csv", groundtruth=truths, labelmap=labels))


@pytest.mark.parametrize("patience", [2, 9])
def test_stopped_and_resumed_it_writes_what_it_writes_in_one_go(
    patience: int, tested: Path, inputs: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_files(options(tested, inputs, data, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(Impatient, "patience", patience)
        patch.setattr(Impatient, "looks", 0)
        patch.setattr(command, "StopRequest", Impatient)
        with pytest.raises(Interrupted, match="--resume goes on"):
            predict_files(options(tested, inputs, data, tmp_path / "parts"))
    assert (tmp_path / "parts" / PROGRESS).is_file()
    predict_files(options(tested, inputs, data, tmp_path / "parts", resume=True))
    assert files_of(tmp_path / "parts") == files_of(tmp_path / "whole")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that takes the left half for a person, surely, and the rest for a faint one."""

    def find(picture: Picture) -> np.ndarray:
        height, width = picture.shape[:2]
        return np.array([[0, 0, width / 2, height, 0.95], [width / 2, 0, width, height, 0.3]], dtype=np.float64)

    monkeypatch.setattr(command, "find_detector", lambda wanted, threshold, device: find)
    monkeypatch.setattr(detection, "find_detector", lambda wanted, threshold, device: find)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("tested", ["plain", "whole"], indirect=True)
def test_a_detector_finds_what_a_file_of_its_boxes_holds(
    tested: Path, inputs: list[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "videos").mkdir()
    alone = shutil.copy(inputs[0], tmp_path / "videos")
    given = [str(alone)]
    times, _ = detection.settings_of(["AVA.START_SECOND", "0", "NUM_GPUS", "0"])
    detection.detect_persons(
        detection.PersonDetection(media=tmp_path / "videos", out=tmp_path / "boxes.csv", threshold=0.5, times=times)
    )
    predict_files(options(tested, given, data, tmp_path / "file", boxes=tmp_path / "boxes.csv", start_second=0, video=True))
    found = options(tested, given, data, tmp_path / "found", boxes=None, detector="auto", start_second=0)
    with monkeypatch.context() as patch:
        patch.setattr(Impatient, "patience", 3)  # while persons are looked for
        patch.setattr(Impatient, "looks", 0)
        patch.setattr(command, "StopRequest", Impatient)
        with pytest.raises(Interrupted):
            predict_files(found)
    predict_files(options(tested, given, data, tmp_path / "found", boxes=None, detector="auto", start_second=0, resume=True))
    name = Path(inputs[0]).stem
    for file in ("scores.csv", "detections.csv"):
        assert (tmp_path / "found" / name / file).read_bytes() == (tmp_path / "file" / name / file).read_bytes()
    with av.open(inputs[0]) as video, av.open(str(tmp_path / "file" / name / "annotated.mp4")) as drawn:
        plain = next(video.decode(video=0)).to_ndarray(format="rgb24")
        frames = list(drawn.decode(video=0))
        with_boxes = frames[0].to_ndarray(format="rgb24")
    assert len(frames) == sum(1 for _ in av.open(inputs[0]).decode(video=0))
    assert with_boxes.shape[1] >= plain.shape[1]


def scores(**changes: object) -> PersonScores:
    found = {
        "name": "x", "classes": ("sit", "stand", "wave"), "start": 10, "seconds": np.array([11, 11, 13]),
        "boxes": np.array([[0.1, 0.2, 0.4, 0.9], [0.6, 0.1, 0.9, 0.8], [-0.2, -0.1, 1.3, 1.2]]),
        "scores": np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3], [0.4, 0.4, 0.4]], np.float32),
    }  # fmt: skip
    return PersonScores(**{**found, **changes})  # type: ignore[arg-type]


def test_boxes_are_drawn_where_and_when_persons_are() -> None:
    picture = np.full((360, 640, 3), 60, np.uint8)
    drawing = BoxDrawing(scores(), width=640, shown=Shown((0, 1, 2), 1))
    assert (drawing.draw(picture, 0.4) == picture).all(), "second 11 is second 1 of the video, and more than half away"
    assert (drawing.draw(picture, 2.0) == picture).all()
    drawn = drawing.draw(picture, 1.2)
    changed = (drawn != picture).any(axis=2)
    for x1, y1, x2, y2 in ((64, 72, 256, 324), (384, 36, 576, 288)):
        assert changed[y2 - 2, (x1 + x2) // 2] and changed[(y1 + y2) // 2, x1 + 1] and changed[(y1 + y2) // 2, x2 - 2]
        assert not changed[(y1 + y2) // 2, (x1 + x2) // 2]
    assert (drawing.draw(picture, 3.0)[0] != picture[0]).any(), "a box that leaves the picture is drawn at its edges"


def test_nobody_makes_tables_without_rows(tmp_path: Path) -> None:
    nobody = scores(seconds=np.zeros(0, np.int64), boxes=np.zeros((0, 4)), scores=np.zeros((0, 3), np.float32))
    write_person_files(tmp_path, nobody, Shown((0, 1, 2), None))
    assert (tmp_path / "scores.csv").read_text() == "second,x1,y1,x2,y2,class,score\n"
    assert (tmp_path / "detections.csv").read_text() == ""
    picture = np.zeros((20, 20, 3), np.uint8)
    assert (BoxDrawing(nobody, width=20, shown=Shown((0,), None)).draw(picture, 1.0) == picture).all()


def test_only_what_is_wanted_is_written(tmp_path: Path) -> None:
    write_person_files(tmp_path, scores(), Shown((0, 2), 1))
    assert [row["class"] for row in rows_of(tmp_path / "scores.csv")] == ["wave", "sit", "sit"]
    with (tmp_path / "detections.csv").open() as file:
        assert [row[6] for row in csv.reader(file)] == ["1", "3"] * 3


@pytest.mark.parametrize("tested", ["whole"], indirect=True)
@pytest.mark.parametrize(
    ("words", "right"),
    [
        ([], "right would be --boxes FILE, or --detector auto"),
        (["--boxes", "BOXES", "--detector", "auto"], "a file and a detector both say"),
        (["--boxes", "nowhere.csv"], "nowhere.csv"),
        (["--boxes", "BOXES"], "behind its end"),  # which count from 900
        (["--boxes", "BOXES", "--start-second", "5000"], "of seconds before 5000"),
        (["--boxes", "BOXES", "--start-second", "900", "--every", "1"], "whole seconds that have boxes"),
        (["--boxes", "BOXES", "--start-second", "900", "--batch", "2"], "one after the other"),
        (["--boxes", "BOXES", "--start-second", "900", "--threshold", "1.5"], "score of 1.5 or more"),
    ],
)
def test_wrong_options_are_one_line(
    words: list[str],
    right: str,
    tested: Path,
    inputs: list[str],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(data / BOXES) if word == "BOXES" else word for word in words]
    assert main(["--weights", str(tested), inputs[0], "--out", str(tmp_path / "out"), *given]) == 2
    error = capsys.readouterr().err
    assert right in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists(), "nothing is written"


@pytest.mark.parametrize("tested", ["plain"], indirect=True)
def test_the_function_for_whole_pictures_says_where_persons_are_classified(tested: Path, inputs: list[str]) -> None:
    with pytest.raises(PredictionError, match=r"right would be tools/predict\.py with --boxes FILE"):
        predict(tested, inputs[0])


@pytest.mark.parametrize("tested", ["plain", "whole"], indirect=True)
def test_an_input_without_a_box_has_empty_tables_and_what_is_left_out_is_told(
    tested: Path, inputs: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (Path(path).stem for path in inputs)
    rows = [line for line in (data / BOXES).read_text().splitlines() if line.startswith(second)]
    places = ("somewhere else,0901", f"{second},0800", f"{second},9000")
    more = [*(f"{place},0.1,0.1,0.2,0.2,,0.9" for place in places), f"{second},0901,0.1,0.1,0.2,0.2,,0.01"]
    (tmp_path / "boxes.csv").write_text("\n".join([*rows, *more]))
    given = options(tested, inputs, data, tmp_path / "out", boxes=tmp_path / "boxes.csv", video=True, threshold=0.02)
    predict_files(given)
    told = capsys.readouterr().out
    for words in ("1 of videos that are no inputs", "1 of seconds before 900", "1 with a score below", f"{second}: 1 of its "):
        assert words in told
    assert not rows_of(tmp_path / "out" / first / "scores.csv")
    assert rows_of(tmp_path / "out" / second / "scores.csv")
    assert (tmp_path / "out" / first / "annotated.mp4").is_file()


@pytest.mark.parametrize("tested", ["plain"], indirect=True)
def test_several_seconds_side_by_side_have_the_scores_of_one_after_the_other(
    tested: Path, inputs: list[str], data: Path, tmp_path: Path
) -> None:
    for batch in (1, 5):
        predict_files(options(tested, inputs[:1], data, tmp_path / str(batch), batch=batch))
    name = Path(inputs[0]).stem
    one, other = (by_place([tmp_path / str(batch) / name / "detections.csv"]) for batch in (1, 5))
    assert one.keys() == other.keys()
    np.testing.assert_allclose([other[key] for key in one], list(one.values()), rtol=1e-4, atol=1e-6)
