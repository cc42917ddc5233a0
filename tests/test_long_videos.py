"""From a table of events to the events in new videos, by the very commands of GETTING_STARTED; and what its test promises."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from slowfast.annotations.events import read_detected_csv, read_results, read_truths
from slowfast.config import ConfigError, load_config
from slowfast.engine.examined import EXAMINED, LOSS_IN_TIME, read_examined
from slowfast.engine.timed_evaluation import TimedEvaluation
from slowfast.reports.page.finished_run import read_run
from slowfast_tools import eval_events, predict, prepare_data, report, run_net
from tests.datasets.videos import picture

ROOT = Path(__file__).parents[1]
SECONDS = 4
TOOLS = {"prepare_data.py": prepare_data.main, "run_net.py": run_net.main, "predict.py": predict.main}
TINY = [
    *("NUM_GPUS", "0", "DATA_LOADER.NUM_WORKERS", "0", "TRAIN.BATCH_SIZE", "2", "SOLVER.MAX_EPOCH", "1", "PGT.CACHE", "last"),
    *("SOLVER.WARMUP_EPOCHS", "0", "PGT.STEP_LEN", "[3]", "DATA.NUM_FRAMES", "0", "DATA.SAMPLING_RATE", "4"),
    *("RESNET.DEPTH", "18", "RESNET.TRANS_FUNC", "basic_transform", "RESNET.WIDTH_PER_GROUP", "2", "PGT.UPDATE_EVERY", "3"),
    *("RESNET.NUM_BLOCK_TEMP_KERNEL", "[[2],[2],[2],[2]]", "DATA.TRAIN_CROP_SIZE", "32", "DATA.TEST_CROP_SIZE", "32"),
    *("DATA.TRAIN_JITTER_SCALES", "[32,40]", "TEST.NUM_SPATIAL_CROPS", "1", "TENSORBOARD.ENABLE", "False"),
    *("REPORT.ENABLE", "False", "PGT.CACHE_MOMENTUM", "0.0"),
]
Run = Callable[..., Path]


def draw_video(path: Path, number: int, events: list[tuple[str, float, float]]) -> None:
    """Noise, in which "red" and "blue" tint the picture; rates differ from video to video."""
    fps = (24, 25, 30)[number % 3]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
        for frame in range(SECONDS * fps):
            image = picture(100 * number + frame)
            for name, start, end in events:
                if start <= frame / fps <= end:
                    image[..., 0 if name == "red" else 2] = 240
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def draw_events(number: int) -> list[tuple[str, float, float]]:
    rng = np.random.default_rng(number)
    begins = [0.5, 2.25][: 1 + number % 2 + (number % 3 == 0)]
    return [("red" if rng.random() < 0.5 else "blue", begin, begin + 1 + float(rng.integers(0, 3)) / 4) for begin in begins]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VIDEOS, events.csv and NEW, and all that the commands of the document make of them."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "VIDEOS").mkdir()
    (folder / "NEW").mkdir()
    with (folder / "events.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "start", "end", "class"])
        for number in range(10):
            draw_video(folder / "VIDEOS" / f"v{number}.mp4", number, draw_events(number))
            rows.writerows([f"v{number}", start, end, name] for name, start, end in draw_events(number))
    draw_video(folder / "NEW" / "n1.mp4", 101, [("red", 1, 2)])
    (folder / "NEW" / "deeper").mkdir()
    draw_video(folder / "NEW" / "deeper" / "n2.mp4", 102, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in commands_of_the_document():
            tool, *words = command
            more = {"run_net.py": TINY, "prepare_data.py": ["--split", "0.4", "0.3", "0.3"]}.get(tool, [])
            assert TOOLS[tool]([*words, *more]) == 0, command
    return folder


def commands_of_the_document() -> list[list[str]]:
    """Name of the tool and its arguments."""
    text = (ROOT / "GETTING_STARTED.md").read_text(encoding="utf-8").partition("## Long videos")[2].partition("\n## ")[0]
    joined = re.sub(r"\\\n\s+", " ", text)
    found = map(shlex.split, re.findall(r"^    (python tools/.*)$", joined, re.MULTILINE))
    return [[Path(words[1]).name, *words[2:]] for words in found]


@pytest.fixture
def run(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Tests the trained weights again, with other options; gives the folder of the results."""
    monkeypatch.chdir(place)

    def run(*options: object, data: Path = place / "DATA", out: str = "out", code: int = 0) -> Path:
        words = [
            *("--cfg", "configs/Folder/SLOWONLY_PGT.yaml", "DATA.PATH_TO_DATA_DIR", str(data), "PGT.STEPS", "all", *TINY),
            *("TRAIN.ENABLE", "False", "TEST.CHECKPOINT_FILE_PATH", "runs/long", "OUTPUT_DIR", str(tmp_path / out)),
        ]
        assert run_net.main([*words, *map(str, options)]) == code
        return tmp_path / out

    return run


def in_time(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())["in_time"]
    return found


def same_files(one: Path, other: Path, *names: str) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_the_commands_find_events_in_new_videos(place: Path) -> None:
    found = read_detected_csv(place / "runs/new/events.csv")
    assert set(found.videos) == {"n1.mp4", "deeper/n2.mp4"}
    results = json.loads((place / "runs/new/results.json").read_text())
    assert results["metrics"] == {}, "nobody has said what there is to find"
    assert not {"frames", "events"} & set(results["in_time"])
    assert not (place / "runs/new/truths.json").exists()
    assert results["in_time"]["num_events"] == len(found.events)
    kept = json.loads((place / "runs/long/event_rule.json").read_text())
    assert results["in_time"]["event_rule"]["classes"] == kept["classes"]
    assert results["in_time"]["event_rule"]["from"] == "runs/long/event_rule.json"


def test_predict_finds_the_same_in_them_without_any_config(place: Path) -> None:
    scores = np.load(place / "runs/new/scores_in_time.npz")
    for number, name in enumerate(scores["video_ids"].tolist()):
        folder = place / "answers" / str(Path(name).with_suffix(""))
        rows = read_detected_csv(folder / "events.csv").events
        events = read_detected_csv(place / "runs/new/events.csv")
        wanted = events.events[events.events.video == events.videos.index(name)]
        np.testing.assert_array_equal(rows.start, wanted.start)
        np.testing.assert_array_equal(rows.end, wanted.end)
        np.testing.assert_allclose(rows.score, wanted.score, rtol=1e-5)
        with (folder / "scores.csv").open(newline="") as file:
            found = [float(row["score"]) for row in csv.DictReader(file)]
        np.testing.assert_allclose(found, scores["scores"][scores["video"] == number].ravel(), rtol=1e-4)


def test_a_tables_own_words_are_what_the_document_shows(place: Path) -> None:
    header = (place / "runs/new/events.csv").read_text().splitlines()[0]
    assert header == "video,start,end,class,score"
    document = (ROOT / "GETTING_STARTED.md").read_text(encoding="utf-8")
    files = {path.name for path in (place / "runs/long").iterdir() if path.is_file()} - {"stdout.log", ".lock"}
    assert all(f"`{name}`" in document for name in files)


def test_page_of_a_run_reads_what_was_measured_in_time(place: Path, tmp_path: Path) -> None:
    of_videos, frames, events = read_run(place / "runs/long", "long").per_class
    measured = in_time(place / "runs/long")
    assert frames.percent == {name: 100 * ap for name, ap in measured["frames"]["ap"].items()}
    assert events.percent == {name: 100 * ap["0.5"] for name, ap in measured["events"]["ap"].items()}
    assert events.support == measured["events"]["truths"]
    assert of_videos.support.keys() == events.support.keys() == {"red", "blue"}
    runs = [str(place / "runs" / name) for name in ("long", "new")]
    assert report.main([*runs, "--out", str(tmp_path / "page.html")]) == 0, "videos without labels have a column, too"


def test_page_of_a_run_plays_its_videos_beside_the_events_that_were_found(place: Path, tmp_path: Path) -> None:
    from tests.reports.page.browsing import open_page, start_browser, wait_until  # skips this test alone

    run = place / "runs/long"
    examined = read_examined(run / EXAMINED)
    assert examined.measure == LOSS_IN_TIME
    assert not (place / "runs/new" / EXAMINED).exists(), "nobody knows what is worst where nothing is labelled"
    with (run / "events.csv").open(newline="") as file:
        events = Counter(row["video"] for row in csv.DictReader(file))
    assert all(len(video.found or ()) == events[video.video_id] for video in examined.videos)
    worst, page = examined.videos[0], tmp_path / "page.html"
    assert report.main([str(run), "--out", str(page)]) == 0
    browser = start_browser()
    try:
        open_page(browser, f"{page.as_uri()}#tab=videos&video=long/{worst.video_id}")
        assert len(browser.find_elements("css selector", ".card")) == len(examined.videos) == examined.num_videos
        player = "document.querySelector('.card.open video')"
        wait_until(browser, f"return {player}.readyState >= 2", "the video was not loaded")
        chart = browser.execute_script("return document.querySelector('.card.open .timeline > div').data")
        assert sum(len(trace["y"]) for trace in chart if trace["type"] == "bar") == len(worst.truths) + len(worst.found or ())
        assert browser.get_log("browser") == []
    finally:
        browser.quit()


def test_figures_of_the_test_are_those_of_the_tool_on_its_files(place: Path, tmp_path: Path) -> None:
    """To the bit, from either format, and from the lists that training reads."""
    long = place / "runs/long"
    wanted = in_time(long)["events"]
    assert wanted["average_mAP"]["THUMOS"] is not None
    truths = [long / "truths.json", place / "DATA/Charades_v1_test.csv"]
    for detections in (long / "events.json", long / "events.csv"):
        for truth in truths:
            words = ["--detections", str(detections), "--groundtruth", str(truth), "--json", str(tmp_path / "out.json")]
            assert eval_events.main(words) == 0
            found = json.loads((tmp_path / "out.json").read_text())
            assert {name: found[name] for name in ("average_mAP", "mAP_by_iou")} == {
                name: wanted[name] for name in ("average_mAP", "mAP_by_iou")
            }
            assert {name: ap for name, ap in wanted["ap"].items() if name in found["ap"]} == found["ap"]


def test_files_hold_the_same_events_and_the_truths_of_the_test_list(place: Path) -> None:
    long = place / "runs/long"
    table, results, truths = (
        read_detected_csv(long / "events.csv"), read_results(long / "events.json"), read_truths(long / "truths.json"),
    )  # fmt: skip
    again = table.numbered(results.videos, results.classes)
    for name in ("video", "label", "start", "end", "score"):
        assert np.array_equal(getattr(again.events, name), getattr(results.events, name))
    assert np.isfinite(truths.duration).all()
    assert (table.events.end <= SECONDS).all()
    wanted = sorted(event for video in truths.videos for event in draw_events(int(video[1:])))
    found = truths.events
    assert wanted == sorted(
        zip([truths.classes[label] for label in found.label], found.start.tolist(), found.end.tolist(), strict=True)
    )


def test_two_processes_find_what_one_finds(place: Path, run: Run) -> None:
    """But for the last bits of scores, which depend on the number of threads."""
    found, long = run("NUM_PROCS", 2), place / "runs/long"
    assert same_files(found, long, "truths.json")
    events, wanted = (read_detected_csv(folder / "events.csv") for folder in (found, long))
    assert (events.videos, events.classes) == (wanted.videos, wanted.classes)
    for name in ("video", "label", "start", "end"):
        assert np.array_equal(getattr(events.events, name), getattr(wanted.events, name))
    np.testing.assert_allclose(events.events.score, wanted.events.score, rtol=1e-4)
    for key in ("frames", "events"):
        assert flat(in_time(found)[key]) == pytest.approx(flat(in_time(long)[key]), rel=1e-4)
    rules = [flat(in_time(folder)["event_rule"]["classes"]) for folder in (found, long)]
    assert rules[0] == pytest.approx(rules[1], rel=1e-4)


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers by the names that lead to them."""
    rows = [
        flat(value, f"{prefix}{name}/") if isinstance(value, dict) else {f"{prefix}{name}": value}
        for name, value in content.items()
    ]
    return {name: value for row in rows for name, value in row.items()}


def test_the_rule_does_not_look_at_the_test_split(place: Path, run: Run, tmp_path: Path) -> None:
    """Other truths of the tested videos change figures, and neither rule nor events."""
    data = Path(shutil.copytree(place / "DATA", tmp_path / "data"))
    listed = data / "Charades_v1_test.csv"
    text = listed.read_text()
    listed.write_text(re.sub(r"\bc00[01]\b", lambda code: {"c000": "c001", "c001": "c000"}[code[0]], text))
    found = run("DATA.PATH_PREFIX", place / "VIDEOS", data=data)
    assert same_files(found, place / "runs/long", "events.csv", "event_rule.json")
    assert in_time(found)["events"]["truths"] != in_time(place / "runs/long")["events"]["truths"]


def test_validation_videos_that_are_tested_too_are_not_tuned_on(place: Path, run: Run, tmp_path: Path) -> None:
    data = Path(shutil.copytree(place / "DATA", tmp_path / "data"))
    shutil.copy(data / "Charades_v1_test.csv", data / "Charades_v1_val.csv")
    found = run("DATA.PATH_PREFIX", place / "VIDEOS", data=data)
    assert "no events are looked for: no validation video that is not tested too" in (found / "stdout.log").read_text()
    assert not list(found.glob("event*"))
    assert "events" not in in_time(found)
    assert in_time(found)["frames"] == in_time(place / "runs/long")["frames"], "which need no rule"


def test_a_given_rule_needs_no_validation_videos(place: Path, run: Run, tmp_path: Path) -> None:
    data = Path(shutil.copytree(place / "DATA", tmp_path / "data"))
    (data / "Charades_v1_val.csv").unlink()
    found = run(
        "DATA.PATH_PREFIX", place / "VIDEOS", "EVENTS.THRESHOLD", 0.0, "EVENTS.MIN_SECONDS", 0.0, data=data
    )  # fmt: skip
    events = read_detected_csv(found / "events.csv").events
    assert set(events.start) == {0.0}, "every score is enough, so that each video is one event of each class"
    assert np.allclose(events.end, SECONDS, atol=1 / 24)


def test_labelled_videos_without_their_labels_have_the_same_events(place: Path, run: Run, tmp_path: Path) -> None:
    with (place / "DATA/Charades_v1_test.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    listed = place / "VIDEOS" / "list.txt"
    listed.write_text("\n".join(paths))
    rule = place / "runs/long/event_rule.json"
    found = read_detected_csv(run("TEST.VIDEOS", listed, "EVENTS.RULE_FILE", rule) / "events.csv")
    wanted = read_detected_csv(place / "runs/long/events.csv")
    assert [video.removesuffix(".mp4") for video in found.videos] == list(wanted.videos)
    assert np.array_equal(found.events.start, wanted.events.start)
    assert np.array_equal(found.events.score, wanted.events.score)


def test_a_new_video_that_cannot_be_read_is_named_or_left_out(
    place: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = Path(shutil.copytree(place / "NEW", tmp_path / "new"))
    (new / "broken.mp4").write_bytes(b"nothing")
    options = ("TEST.VIDEOS", new, "EVENTS.RULE_FILE", place / "runs/long/event_rule.json")
    run(*options, code=2)
    assert "broken.mp4: the file cannot be read as a video" in capsys.readouterr().err
    found = run(*options, "TEST.SKIP_UNREADABLE", True)
    assert (found / "events.csv").read_text() == (place / "runs/new/events.csv").read_text()
    assert set(read_results(found / "events.json").videos) == {"n1.mp4", "deeper/n2.mp4"}, (
        "nothing is said of what was not seen"
    )


def test_groups_of_classes_have_figures_of_their_own() -> None:
    frames = np.array([0.5, np.nan, 1.0])
    dataset: Any = SimpleNamespace(class_groups={"some": (0, 1), "none": (1,)}, records=[], num_classes=3)
    found = TimedEvaluation(dataset, method="sum", multi_label=True)._of_groups("frame_mAP", frames)
    assert found["frame_mAP_some"] == 50
    assert np.isnan(found["frame_mAP_none"])


def test_scores_as_a_table_have_a_row_a_second(place: Path, run: Run) -> None:
    folder = run("EVENTS.SCORES_CSV", True, "EVENTS.ENABLE", False)
    with (folder / "scores_in_time.csv").open() as file:
        rows = list(csv.DictReader(file))
    with np.load(folder / "scores_in_time.npz") as saved:
        first = saved["scores"][saved["video"] == 0]
        starts = saved["start_sec"][saved["video"] == 0]
        name = str(saved["video_ids"][0])
    own = [row for row in rows if row["video"] == name]
    assert [float(row["second"]) for row in own] == list(range(SECONDS))
    for row in own:
        last = np.flatnonzero(starts <= float(row["second"]))[-1]
        assert np.allclose([float(row["blue"]), float(row["red"])], first[last], rtol=1e-5)
    assert not list(folder.glob("event*")), "nobody wants them"


def test_only_so_many_seconds_are_measured_as_are_read(run: Run) -> None:
    folder = run("DATA.MAX_SECONDS", 2.0)
    truths = read_truths(folder / "truths.json")
    assert (truths.duration == 2).all()
    assert len(truths.events)
    assert (truths.events.end <= 2).all()


def test_what_an_earlier_test_wrote_does_not_stay_behind(run: Run) -> None:
    folder = run("EVENTS.SCORES_CSV", True)
    assert (folder / "events.json").exists()
    again = run("EVENTS.ENABLE", False)
    assert again == folder
    assert not [name for name in ("events.json", "events.csv", "truths.json", "scores_in_time.csv") if (folder / name).exists()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "which is no rule"),
        ('{"classes": {"red": {}}}', "no rule for the class 'blue'"),
        ('{"classes": {"blue": {"threshold": "high"}, "red": {}}}', "threshold of the class 'blue' is 'high'"),
        ("no json", "this is not json"),
    ],
)
def test_files_that_are_no_rule_are_one_line(
    content: str, message: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rule.json").write_text(content)
    run("EVENTS.RULE_FILE", tmp_path / "rule.json", code=2)
    said = capsys.readouterr().err
    assert message in said
    assert "rule.json" in said


def test_a_rule_of_other_weights_is_told(place: Path, run: Run, tmp_path: Path) -> None:
    content = json.loads((place / "runs/long/event_rule.json").read_text())
    (tmp_path / "rule.json").write_text(json.dumps({**content, "weights": "00000000"}))
    for rule, told in ((place / "runs/long/event_rule.json", False), (tmp_path / "rule.json", True)):
        folder = run("EVENTS.RULE_FILE", rule, out=rule.parent.name)
        assert ("tuned for other weights" in (folder / "stdout.log").read_text()) == told


def test_options_that_contradict_each_other_are_refused() -> None:
    whole = ["PGT.ENABLE", True, "PGT.STEPS", "all", "DATA.MULTI_LABEL", True]
    for options, message in (
        ([*whole, "EVENTS.RULE_FILE", "a.json", "EVENTS.THRESHOLD", 0.5], "EVENTS.THRESHOLD"),
        ([*whole, "EVENTS.THRESHOLD", -0.5], "-1: tuned"),
        ([*whole, "TEST.VIDEOS", "NEW", "TEST.SAVE_RESULTS_PATH", "scores.npz"], "TEST.SAVE_RESULTS_PATH"),
        (["TEST.VIDEOS", "NEW"], "PGT.STEPS all"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_config(ROOT / "configs" / "Charades" / "SLOWONLY_PGT.yaml" if options[0] != "TEST.VIDEOS" else None, options)


def test_events_without_whole_videos_have_no_effect() -> None:
    with pytest.warns(UserWarning, match=r"EVENTS\.FPS .*scores in time of whole videos alone"):
        load_config(
            None, ["EVENTS.FPS", 2.0, "DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "bce_logit", "DATA.PATH_TO_DATA_DIR", "x"]
        )
