"""tools/eval_events.py, from the command line to the files it writes."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slowfast.annotations.events import read_detected_csv, read_results, read_truth_csv, read_truths

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, str, str]]

TRUTHS = {
    "database": {
        "a": {
            "subset": "validation",
            "duration": 20,
            "annotations": [{"label": "run", "segment": [0, 10]}, {"label": "jump", "segment": [12, 14]}],
        },
        "b": {"subset": "validation", "duration": 30, "annotations": [{"label": "run", "segment": [5, 25]}]},
        "c": {"subset": "training", "duration": 30, "annotations": [{"label": "swim", "segment": [0, 30]}]},
    }
}
RESULTS = {
    "results": {
        "a": [{"label": "run", "score": 0.9, "segment": [2, 8]}, {"label": "run", "score": 0.2, "segment": [0, 10]}],
        "b": [{"label": "run", "score": 0.8, "segment": [5, 25]}, {"label": "jump", "score": 0.8, "segment": [5, 25]}],
    }
}
# Ranked, run is: 0.6 of a truth, all of one, all of one. Up to 0.6 the third is a repeat; above it the first is an alarm.
RUN_UP_TO_06, RUN_ABOVE = 1.0, (1 * 2 / 3 + 1 * 2 / 3) / 2


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs the tool on files of the given content (text, or json), below tmp_path; gives exit code, stdout, stderr."""
    spec = importlib.util.spec_from_file_location("eval_events", ROOT / "tools" / "eval_events.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*arguments: object, detections: Any = RESULTS, groundtruth: Any = TRUTHS, name: str = "") -> tuple[int, str, str]:
        words: list[str] = []
        for option, content in (("detections", detections), ("groundtruth", groundtruth)):
            is_table = isinstance(content, str)
            path = tmp_path / (name if name and option == "groundtruth" else f"{option}{'.csv' if is_table else '.json'}")
            path.write_text(content if is_table else json.dumps(content))
            words += [f"--{option}", str(path)]
        code = tool.main([*words, *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_the_result_can_be_followed_on_paper(command: Command, tmp_path: Path) -> None:
    code, printed, complaints = command("--subset", "validation", "--json", tmp_path / "out.json")
    assert code == 0
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["ap"]["run"] == {
        threshold: pytest.approx(RUN_UP_TO_06 if float(threshold) <= 0.6 else RUN_ABOVE) for threshold in result["ap"]["run"]
    }
    assert set(result["ap"]["jump"].values()) == {0.0}
    assert set(result["ap"]["swim"].values()) == {None}, "swim is in training only"
    assert len(result["mAP_by_iou"]) == 12
    assert result["mAP_by_iou"]["0.5"] == 0.5
    assert result["average_mAP"] == {
        "ActivityNet": pytest.approx((3 * RUN_UP_TO_06 + 7 * RUN_ABOVE) / 20),
        "THUMOS": pytest.approx((4 * RUN_UP_TO_06 + RUN_ABOVE) / 10),
    }
    counts = result["counts"]
    assert (counts["videos"], counts["truths"], counts["detections"], counts["classes_without_truths"]) == (2, 3, 4, 1)
    assert f"ActivityNet: average mAP {(3 * RUN_UP_TO_06 + 7 * RUN_ABOVE) / 20:.6f} over overlaps 0.5, 0.55" in printed
    assert "warning: 1 classes have no truth, and no part in the means" in complaints


def test_thresholds_that_are_asked_for_are_the_columns(command: Command) -> None:
    _, printed, _ = command("--subset", "validation", "--iou", 0.6, 0.65)
    rows = {row[1]: row[2:-1] for line in printed.splitlines() if len(row := [cell.strip() for cell in line.split("|")]) > 4}
    assert rows["class"] == ["truths", "detections", "AP@0.6", "AP@0.65"]
    assert rows["run"] == ["2", "3", "1.0000", "0.6667"]
    assert rows["swim"] == ["0", "0", "–", "–"]
    assert "average mAP" not in printed, "there is none without its thresholds"


def test_several_subsets_are_scored_together_and_others_left_out(command: Command, tmp_path: Path) -> None:
    everywhere = {"results": {**RESULTS["results"], "c": [{"label": "swim", "score": 0.5, "segment": [0, 30]}]}}
    _, _, complaints = command("--subset", "validation", "--json", tmp_path / "one.json", detections=everywhere)
    assert "warning: 1 detections are in videos of other subsets, and are left out" in complaints
    command("--subset", "validation", "training", "--json", tmp_path / "all.json", detections=everywhere)
    one, both = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "all.json"))
    assert (one["ap"]["swim"]["0.5"], both["ap"]["swim"]["0.5"]) == (None, 1.0)
    assert one["ap"]["run"] == both["ap"]["run"]


TABLE = "video,start,end,class\na,0,10,run\na,12,14,jump\nb,5,25,run\nempty,,,\n"
CHARADES = "id,actions,length\na,c001 0 10;c000 12 14,20\nb,c001 5 25,30\nempty,,9\n"


@pytest.mark.parametrize(
    ("groundtruth", "classes", "detections"),
    [
        (TABLE, None, RESULTS),
        (CHARADES, "c000 jump\nc001 run\n", RESULTS),
        (CHARADES, "c000 jump\nc001 run\n", "codes"),
        (CHARADES, None, "codes"),
        (TABLE, None, "table"),
    ],
    ids=["table", "Charades with names", "Charades by codes", "Charades without names", "detections as table"],
)
def test_all_forms_of_truths_and_detections_give_one_result(
    command: Command, tmp_path: Path, groundtruth: str, classes: str | None, detections: Any
) -> None:
    if classes is not None:
        (tmp_path / "Charades_v1_classes.txt").write_text(classes)
    if detections == "codes":
        text = json.dumps(RESULTS).replace('"run"', '"c001"').replace('"jump"', '"c000"')
        detections = json.loads(text)
    elif detections == "table":
        rows = [
            (video, *one["segment"], one["label"], one["score"]) for video, all_ in RESULTS["results"].items() for one in all_
        ]
        detections = "\n".join(",".join(map(str, row)) for row in [("video", "start", "end", "class", "score"), *rows])
    code, _, _ = command("--json", tmp_path / "out.json", detections=detections, groundtruth=groundtruth)
    assert code == 0
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["average_mAP"]["ActivityNet"] == pytest.approx((3 * RUN_UP_TO_06 + 7 * RUN_ABOVE) / 20)
    assert (result["counts"]["videos"], result["counts"]["videos_without_truths"]) == (3, 1)


def test_both_files_can_be_written_for_other_tools(command: Command, tmp_path: Path) -> None:
    paths = [tmp_path / "new" / name for name in ("results.json", "results.csv", "truths.json", "truths.csv")]
    command("--write-detections", paths[0], "--write-groundtruth", paths[2], groundtruth=CHARADES, detections=code_results())
    command("--write-detections", paths[1], "--write-groundtruth", paths[3], groundtruth=CHARADES, detections=code_results())
    truths = read_truths(paths[2])
    assert truths.duration.tolist() == [20, 30, 9]
    assert set(truths.subset) == {"validation"}, "as tools ask for one"
    assert read_truth_csv(paths[3]).videos == truths.videos == ("a", "b", "empty")
    assert len(read_results(paths[0]).events) == len(read_detected_csv(paths[1]).events) == 4
    written = json.loads(paths[2].read_text())
    assert set(written) == {"version", "taxonomy", "database"}, "what ActivityNet's own tool looks for"
    assert set(json.loads(paths[0].read_text())) == {"version", "results", "external_data"}
    code, printed, _ = command("--subset", "validation", detections=json.loads(paths[0].read_text()), groundtruth=written)
    assert code == 0
    assert "ActivityNet: average mAP" in printed


def code_results() -> Any:
    return json.loads(json.dumps(RESULTS).replace('"run"', '"c001"').replace('"jump"', '"c000"'))


def test_what_is_allowed_but_rarely_meant_is_told(command: Command) -> None:
    odd = "video,start,end,class,score\na,0,10,run,0.9\na,3,3,run,0.9\nnobody,0,1,run,0.1\na,0,1,sing,0.1\n"
    truths = TABLE + "a,0,10,run\nb,7,7,run\n"
    code, _, complaints = command(detections=odd, groundtruth=truths)
    assert code == 0
    for text in (
        "1 classes have no truth",
        "1 detections are in videos that the truths do not list; they count as false alarms",
        "1 detections are of classes that the truths do not have; they do not count",
        "1 detections have no length, and match nothing",
        "1 truths have no length, and nothing matches them",
        "1 truths are repeats of others; each counts",
    ):
        assert f"warning: {text}" in complaints


def test_no_detection_is_a_result(command: Command, tmp_path: Path) -> None:
    for nothing in ({"results": {}}, "video,start,end,class,score\n"):
        code, printed, _ = command("--json", tmp_path / "out.json", detections=nothing, groundtruth=TABLE)
        assert code == 0
        assert "ActivityNet: average mAP 0.000000" in printed


NO_NAMES = {"results": {"v_a": RESULTS["results"]["a"]}}


@pytest.mark.parametrize(
    ("arguments", "files", "text"),
    [
        ((), {}, "there are the subsets training, validation; expected --subset with those to score"),
        (("--subset", "test"), {}, "there is no subset 'test'; expected one of training, validation"),
        (("--subset", "validation"), {"groundtruth": TABLE}, "its videos are of no subset; expected no --subset with it"),
        (("--iou", "1.5"), {}, "overlap thresholds are [1.5]"),
        (
            ("--write-detections", "out.txt"),
            {},
            "out.txt: this file would be written; expected a name that ends in .json or .csv",
        ),
        ((), {"detections": TRUTHS}, "there is no 'results' but 'database'"),
        ((), {"groundtruth": RESULTS}, "there is no 'database' but 'results'"),
        ((), {"groundtruth": "video,start,end,class,score\na,0,1,run,0.5\n"}, "there is a column score, as detections have"),
        ((), {"groundtruth": "video,start,end,class\na,,,\n"}, "there is no event; right would be truths to score against"),
        ((), {"groundtruth": TABLE, "detections": NO_NAMES}, "no video is one of "),
        ((), {"groundtruth": TABLE.replace("run", "Run").replace("jump", "Jump")}, "no class is one of "),
        (
            (),
            {"groundtruth": "id,actions,length\na,c001 5 2,20\nb,c0 1 2,20\n"},
            "(1 more wrong: row 3: class 'c0' in 'c0 1 2')",
        ),
        ((), {"groundtruth": "path,label\na,run\n"}, "lacks video, start, end, class"),
    ],
)
def test_wrong_input_is_one_line_and_no_file(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], files: dict[str, Any], text: str
) -> None:
    code, printed, complaints = command(*arguments, "--json", tmp_path / "out.json", **files)
    assert (code, printed) == (2, "")
    assert complaints.startswith("error: ")
    assert complaints.count("\n") == 1
    assert text in complaints
    assert not (tmp_path / "out.json").exists()


def test_classes_beyond_those_of_the_file_of_classes_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "Charades_v1_classes.txt").write_text("c000 jump\n")
    _, _, complaints = command(groundtruth=CHARADES)
    assert f"groundtruth.csv: class c001; expected one of the 1 classes in {tmp_path / 'Charades_v1_classes.txt'}" in complaints
    (tmp_path / "Charades_v1_classes.txt").write_text("c001 jump\n")
    _, _, complaints = command(groundtruth=CHARADES)
    assert "Charades_v1_classes.txt: 1 classes; expected c000 .. c000 each once" in complaints
