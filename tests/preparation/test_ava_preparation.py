"""A folder in the format of AVA is looked at whole: every list, every video, and all that is odd is counted."""

import re
import shutil

import av
import numpy as np
import pytest

from slowfast.datasets import DatasetError, build_dataset
from slowfast.preparation.ava import frame_list, look_at_ava
from slowfast.preparation.ava_checks import kind_of
from slowfast.preparation.checking import check
from slowfast_tools.prepare_data import main
from tests.datasets.ava_folders import PERSONS, VIDEOS, Folder, row, truth_rows, write_folder

TRAIN = VIDEOS["train"][0].name
PIXELS = (
    "x1 is 64, y1 is 48, x2 is 128, y2 is 96; expected fractions of the image's width and height, not pixels: between -2 and 2"
)
ACTION = "expected an action, a whole number from 1 to 80"
TRUTHS, DETECTIONS = "ava_train_v2.2.csv", "ava_val_predicted_boxes.csv"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("ava"))


@pytest.fixture
def folder(original, tmp_path):
    """A copy whose annotations may be changed; the pictures are shared."""
    shutil.copytree(original.root / "annotations", tmp_path / "annotations")
    (tmp_path / "frames").symlink_to(original.root / "frames")
    return Folder(tmp_path)


def look(folder):
    return look_at_ava(folder.root / "frames", folder.root / "annotations", jobs=2)


def findings(folder, name):
    checked = next(checked for checked in look(folder).lists if checked.path.name == name)
    return {finding.what: (finding.count, finding.row, finding.stops) for finding in checked.findings}


def test_a_good_folder_is_usable_and_its_frame_lists_are_those_of_training(original):
    found = look(original)
    assert found.is_usable
    assert found.problems == ()
    for split in ("train", "val"):
        text = "".join(frame_list(found.split(split)))
        assert text == (original.root / "frame_lists" / f"{split}.csv").read_text()
    counts = {checked.path.name: (checked.num_rows, len(checked.videos), checked.num_seconds) for checked in found.lists}
    assert counts == {TRUTHS: (16, 2, 8), "ava_train_predicted_boxes.csv": (30, 2, 10), DETECTIONS: (45, 3, 15)}


@pytest.mark.parametrize(
    ("line", "what", "stops"),
    [
        (row(TRAIN, 901, PERSONS[0], 1, 0), "the second is not within 902 to 1798", False),
        (row(TRAIN, 1000, PERSONS[0], 1, 0), "the second lies behind the end of the video", False),
        (row("gone", 902, PERSONS[0], 1, 0), "the video has no frames", False),
        (row(TRAIN, 902, (-0.1, 0.1, 0.5, 0.5), 1, 0), "the box leaves the picture", False),
        (row(TRAIN, 902, (0.1, 0.1, 0.5, 1.01), 1, 0), "the box leaves the picture", False),
        (row(TRAIN, 902, (0.5, 0.1, 0.4, 0.5), 1, 0), "the box has swapped corners", False),
        (row(TRAIN, 902, (0.4, 0.1, 0.4, 0.5), 1, 0), "the box has no area", False),
        (row(TRAIN, 902, (64, 48, 128, 96), 1, 0), PIXELS, True),
        (
            row(TRAIN, 902, (0.1, "", 0.4, 0.5), 1, 0),
            "x1 is 0.1, y1 is missing, x2 is 0.4, y2 is 0.5; expected four numbers",
            True,
        ),
        (row(TRAIN, 902, PERSONS[0], 81, 0), f"label is 81; {ACTION}", True),
        (row(TRAIN, 902, PERSONS[0], -1, 0), f"label is -1; {ACTION}", True),
        (row(TRAIN, 902, PERSONS[0], 2.5, 0), f"label is 2.5; {ACTION}", True),
    ],
)
def test_odd_rows_are_counted_with_the_first_of_them(folder, line, what, stops):
    usual = {"the action is not in the label map: trained, not scored"}
    folder.set(f"annotations/{TRUTHS}", [*truth_rows(), line, line])
    found = findings(folder, TRUTHS)
    assert found.keys() - usual == {what}
    assert found[what] == (2, 17, stops)
    assert look(folder).is_usable == (not stops)


def test_actions_without_a_name_are_counted(folder):
    assert findings(folder, TRUTHS) == {"the action is not in the label map: trained, not scored": (4, 4, False)}
    (folder.root / "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt").unlink()
    assert findings(folder, TRUTHS) == {}


def test_seconds_without_any_action_are_fine(folder):
    folder.set("annotations/ava_val_v2.2.csv", [f"{VIDEOS['val'][0].name},0902", f"{VIDEOS['val'][0].name},0903"])
    assert findings(folder, "ava_val_v2.2.csv") == {}


def test_swapped_corners_stop_where_tests_score_against_them(folder):
    folder.set("annotations/ava_val_v2.2.csv", [row(VIDEOS["val"][0].name, 902, (0.5, 0.1, 0.4, 0.5), 1, 0)])
    said = "x1 is 0.5, y1 is 0.1, x2 is 0.4, y2 is 0.5; expected x1 <= x2 and y1 <= y2"
    assert findings(folder, "ava_val_v2.2.csv") == {said: (1, 1, True)}


def test_a_list_of_annotated_boxes_among_the_detected_ones_is_found_out(folder):
    folder.set(
        f"annotations/{DETECTIONS}", [row(VIDEOS["val"][0].name, 902, PERSONS[0], 1, person) for person in (0, 1, 2, 17)]
    )
    (one, first), (whole, second) = findings(folder, DETECTIONS).items()
    assert one.startswith("score is 2; expected the score of a detector, from 0 to 1")
    assert whole.startswith("all scores are whole numbers, 0 in 1 rows and 1 in 1, as the persons")
    assert (first, second) == ((2, 3, True), (2, None, True))


def test_all_wrong_rows_of_a_list_are_found_and_the_others_are_checked_too(folder):
    lines = [row(TRAIN, "never", PERSONS[0], 1, 0), row(TRAIN, 902, PERSONS[0], 81, 0), row(TRAIN, 902, PERSONS[0], "x", 0)]
    folder.set(f"annotations/{TRUTHS}", [lines[0], *truth_rows(), *lines, row(TRAIN, 901, PERSONS[0], 1, 0)])
    assert findings(folder, TRUTHS) == {
        "second is 'never'; expected a number, in rows video,second,x1,y1,x2,y2,label,person without a header": (3, 1, True),
        f"label is 81; {ACTION}": (1, 19, True),
        "the second is not within 902 to 1798": (1, 21, False),
        "the action is not in the label map: trained, not scored": (4, 5, False),
    }
    assert findings(folder, DETECTIONS) == {}


def test_videos_of_both_splits_are_a_problem(folder):
    folder.set("annotations/ava_val_v2.2.csv", [row(TRAIN, 902, PERSONS[0], 1, 0)])
    assert look(folder).problems == ((TRAIN, "in lists of training and of tests (1 such videos)"),)


def test_a_label_map_that_cannot_be_read_is_a_problem(folder):
    folder.set("annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt", ["item { id: 1 }"])
    ((path, problem),) = look(folder).problems
    assert path.endswith(".pbtxt")
    assert "class 1 has no name" in problem


def pictures(folder, *names):
    shutil.copytree((folder.root / "frames").resolve(), folder.root / "copied", ignore=lambda *_: names)
    (folder.root / "frames").unlink()
    (folder.root / "copied").rename(folder.root / "frames")
    return folder.root / "frames"


@pytest.mark.parametrize(
    ("number", "problem"),
    [(1, "pictures are numbered from 2, not from 1"), (51, r"missing or doubled before .*_000052\.png \(1 such")],
)
def test_gaps_between_pictures_are_problems(folder, number, problem):
    pictures(folder, f"{TRAIN}_{number:06d}.png")
    ((where, found),) = look(folder).problems
    assert where == TRAIN
    assert re.search(problem, found)


def test_empty_folders_damaged_pictures_and_names_with_blanks_are_problems(folder):
    frames = pictures(folder)
    (frames / "empty").mkdir()
    (frames / TRAIN / f"{TRAIN}_000200.png").write_bytes(b"no picture")
    (frames / VIDEOS["val"][0].name).rename(frames / "two words")
    (frames / VIDEOS["val"][1].name / f"{VIDEOS['val'][1].name}_000200.png").write_bytes(
        (frames / VIDEOS["val"][2].name / f"{VIDEOS['val'][2].name}_000200.png").read_bytes()
    )
    problems = dict(look(folder).problems)
    assert set(problems) == {"empty", TRAIN, "two words", VIDEOS["val"][1].name}
    assert "no pictures" in problems["empty"]
    assert "is damaged" in problems[TRAIN]
    assert "holds a blank" in problems["two words"]
    assert "differ in size" in problems[VIDEOS["val"][1].name]


def write_film(path, num_frames, rate):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 32
        for _ in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))


def test_video_files_are_measured_in_frames_of_30_a_second_and_uncut_films_found_out(folder, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    write_film(videos / "short.mp4", 50, rate=25)
    write_film(videos / "film.mkv", 1000, rate=1)
    (videos / "broken.mp4").write_bytes(b"no video")
    found = look_at_ava(videos, folder.root / "annotations", jobs=2)
    assert {medium.video_id: medium.num_frames for medium in found.media} == {"short": 60, "film": 30000, "broken": 0}
    assert {name for name, _ in found.problems} == {"film", "broken"}
    assert "is it cut to begin at second 900" in dict(found.problems)["film"]


@pytest.mark.parametrize(
    ("media", "annotations", "message"),
    [
        ("nowhere", "annotations", "there is no such folder"),
        ("annotations", "annotations", "neither videos nor folders"),
        ("frames", "frames", r"no csv file; expected lists of boxes like ava_train_v2\.2\.csv"),
    ],
)
def test_folders_without_anything_to_look_at_are_errors(folder, media, annotations, message):
    with pytest.raises(DatasetError, match=message):
        look_at_ava(folder.root / media, folder.root / annotations, jobs=1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("annotations/ava_train_v2.1.csv", "annotated boxes"),
        ("annotations/ava_val_excluded_timestamps_v2.2.csv", "excluded seconds"),
        ("annotations/ava_val_predicted_boxes.csv", "detected boxes"),
        ("person_box_67091280_iou90/train.csv", "detected boxes"),
        ("a/ava_detection_val_boxes_and_labels.csv", "detected boxes"),
    ],
)
def test_the_name_of_a_list_says_what_it_holds(tmp_path, name, kind):
    assert kind_of(tmp_path / name) == kind


def test_all_pictures_in_the_frame_lists_can_be_checked_for(original, folder):
    shutil.copytree(original.root / "frame_lists", folder.root / "frame_lists")
    checked = check(folder.root, jobs=2)
    assert (checked.num_rows, checked.problems) == (5, [])
    pictures(folder, f"{TRAIN}_000051.png")
    ((where, problem),) = check(folder.root, jobs=2).problems
    assert where.endswith("train.csv, row 2")
    assert f"{TRAIN}_000051.png: the file does not exist (1 of 200 pictures are missing)" in problem


def test_the_command_writes_lists_that_training_reads_and_prints_what_it_found(folder, capsys):
    arguments = ["ava", str(folder.root / "frames"), "--annotations", str(folder.root / "annotations"), "--jobs", "2"]
    assert main([*arguments, "--out", str(folder.root)]) == 0
    printed = capsys.readouterr().out
    assert "5 folders of pictures; frames, at 30 a second: 200 in the shortest" in printed
    assert "train: 2 of them, val: 3 of them" in printed
    assert "nothing stops training or tests" in printed
    assert f"AVA.FRAME_LIST_DIR {folder.root / 'frame_lists'}" in printed
    assert len(build_dataset(folder.cfg(), "train")) == 10
    folder.set(f"annotations/{TRUTHS}", [*truth_rows(), row(TRAIN, 902, PERSONS[0], 81, 0)])
    with pytest.raises(SystemExit, match="1"):
        main([*arguments, "--out", str(folder.root)])
    assert re.search(
        r"ava_train_v2\.2\.csv +\| stops +\| +1 \| +17 \| label is 81; expected an action", capsys.readouterr().out
    )
