"""tools/eval_ava.py, from the command line to the json file."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "golden" / "ava_eval" / "tiny"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the tool on the files of the golden case `tiny`, or on others that are named; gives exit code, stdout, stderr."""
    spec = importlib.util.spec_from_file_location("eval_ava", ROOT / "tools" / "eval_ava.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*arguments: object, **files: Path) -> tuple[int, str, str]:
        if arguments and str(arguments[0]).removeprefix("--") in ("detections", "groundtruth", "labelmap"):
            option, path, *rest = arguments
            return run(*rest, **{**files, str(option).removeprefix("--"): Path(str(path))})
        given = {"detections": TINY / "detections.csv", "groundtruth": TINY / "gt.csv", "labelmap": TINY / "label_map.pbtxt"}
        named = [str(part) for name, path in {**given, **files}.items() for part in (f"--{name}", path)]
        code = tool.main([*named, *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_the_json_file_says_what_can_be_followed_on_paper(command: Command, tmp_path: Path) -> None:
    code, printed, complaints = command(json=tmp_path / "result.json", exclusions=TINY / "exclusions.csv")
    assert code == 0
    assert "protocol slowfast: mAP 0.484375" in printed
    assert complaints == ""
    result = read(tmp_path / "result.json")
    assert (result["protocol"], result["mAP"]) == ("slowfast", 0.484375)
    assert {number: ap for number, ap in result["ap"].items() if ap is not None} == {"12": 0.6875, "17": 0.25, "80": 1, "11": 0}
    assert len(result["ap"]) == 60
    assert result["mAP_by_category"] == {"pose": 0.34375, "object": 0.25, "person": 1.0}
    counts = result["counts"]
    assert (counts["detections"], counts["scored_detections"], counts["truths"], counts["scored_truths"]) == (12, 11, 10, 9)
    assert (counts["classes"], counts["classes_with_truths"]) == (60, 4)


def test_every_class_has_its_row_in_the_table(command: Command) -> None:
    # At 0.9 the best detection of class 12 overlaps too little (0.875) and the last one finds its person free.
    _, printed, _ = command("--iou", 0.5, 0.9)
    rows = {row[1]: row[2:] for line in printed.splitlines() if len(row := [cell.strip() for cell in line.split("|")]) == 9}
    assert rows["id"] == ["class", "category", "truths", "detections", "AP@0.5", "AP@0.9", ""]
    assert rows["12"][1:6] == ["pose", "4", "5", "0.6875", "0.4500"]
    assert rows["14"][1:6] == ["pose", "0", "1", "–", "–"]
    assert sum(number.isdecimal() for number in rows) == 60


def test_every_threshold_has_its_mean_and_the_first_is_the_main_one(command: Command, tmp_path: Path) -> None:
    command("--iou", 0.9, 0.5, json=tmp_path / "result.json")
    result = read(tmp_path / "result.json")
    assert result["mAP_by_iou"]["0.5"] == 0.484375
    assert result["mAP"] == result["mAP_by_iou"]["0.9"] < 0.484375
    assert (result["iou_threshold"], result["ap"]["12"]) == (0.9, pytest.approx(0.45))


def test_the_protocol_decides(command: Command, tmp_path: Path) -> None:
    case = TINY.parent / "edge" / "duplicates_against_score_order"
    files = {"detections": case / "detections.csv", "groundtruth": case / "gt.csv", "json": tmp_path / "result.json"}
    command(**files)
    assert read(tmp_path / "result.json")["mAP"] == pytest.approx(2 / 3)
    command("--protocol", "activitynet_head", **files)
    assert read(tmp_path / "result.json")["mAP"] == pytest.approx(5 / 6)


def test_what_cannot_count_is_said(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "detections.csv"
    path.write_text((TINY / "detections.csv").read_text() + "v1,902,0.5,0.5,0.4,0.9,12,0.9\nv1,902,0.5,0.5,0.5,0.9,12,0.9\n")
    assert "warning: 2 detections have swapped corners or no area, and do not count" in command(detections=path)[2]


def test_own_seconds_can_be_given(command: Command) -> None:
    _, _, usual = command("--protocol", "slowfast", "AVA.START_SECOND", "0", "AVA.ANNOTATED_SECONDS", "[0, 10]")
    assert "warning: 12 detections are before second 0 or after 10; they are scored like all others" in usual


def test_what_is_undefined_is_null(command: Command, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    code, printed, _ = command(detections=empty, groundtruth=empty, json=tmp_path / "result.json")
    result = read(tmp_path / "result.json")
    assert code == 0
    assert "mAP undefined" in printed
    assert result["mAP"] is None
    assert set(result["ap"].values()) == {None}
    assert result["mAP_by_category"] == {"pose": None, "object": None, "person": None}


def test_oddities_are_told_and_scored_all_the_same(command: Command, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    rows = (TINY / "detections.csv").read_text()
    odd.write_text(rows + rows.splitlines()[0] + "\nnobody,899,0.1,0.1,0.5,0.9,12,0.99\n")
    code, _, complaints = command(detections=odd, json=tmp_path / "result.json")
    assert code == 0
    assert [line.split()[1] for line in complaints.splitlines()] == ["1", "1", "1"]
    assert all(text in complaints for text in ("repeats of others", "before second 902", "in videos without any truth"))
    result = read(tmp_path / "result.json")
    assert result["ap"]["12"] < 0.6875
    assert result["counts"]["detections_repeated"] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--protocol", "coco"), "there is no protocol 'coco'; right would be one of slowfast, activitynet_2018"),
        (("--iou", "1.5"), "overlap thresholds"),
        (("--detections", TINY / "missing.csv"), "missing.csv: it cannot be read"),
        (("--detections", TINY / "gt.csv"), "persons of a file of truths"),
        (("--groundtruth", TINY / "detections.csv"), "row 1: person is 0.9"),
        (("--labelmap", TINY / "gt.csv"), "right would be item or label"),
        (("--exclusions", TINY / "gt.csv"), "more than 2 fields"),
    ],
)
def test_wrong_input_is_one_line_and_no_file(command: Command, tmp_path: Path, arguments: Any, text: str) -> None:
    code, printed, complaints = command(*arguments, json=tmp_path / "result.json")
    assert (code, printed) == (2, "")
    assert complaints.startswith("error: ")
    assert complaints.count("\n") == 1
    assert text in complaints
    assert not (tmp_path / "result.json").exists()


def test_scores_that_are_persons_of_annotated_boxes_are_told(command: Command, tmp_path: Path) -> None:
    rows = [line.split(",") for line in (TINY / "detections.csv").read_text().splitlines() if line]
    for scores, told in (("01", True), ("1", False), (("0", "0.5", "1"), False)):
        path = tmp_path / "detections.csv"
        path.write_text("".join(",".join([*row[:7], scores[place % len(scores)]]) + "\n" for place, row in enumerate(rows)))
        code, _, complaints = command(detections=path)
        assert code == 0
        assert ("all scores are 0 or 1" in complaints) == told
