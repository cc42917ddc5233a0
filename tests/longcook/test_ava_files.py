"""LongCook in the format of AVA: the files are those that AVA has, and agree with the plan."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from longcook.duet_rendering import render_duet, setting_of
from longcook.formats.ava import predicted_boxes
from longcook.formats.detections import detect, overlap
from longcook.manifest import Recipe
from longcook.plan_duet import CAUSE_PAIRS, Duet, plan_duets
from longcook.script import CAUSES, CLASS_NAMES
from longcook.writing import write_longcook
from slowfast.annotations.ava import EXCLUDED, PROPOSALS, TRUTHS, RowKind, read_label_map, read_rows
from slowfast.config import load_config
from slowfast.datasets import SampleKey
from slowfast.engine.ava_persons import AvaTruth
from slowfast.registry import DATASETS

RECIPE = Recipe(format="ava", num_train=2, num_val=1, num_test=1, seed=2)
CONFIG = Path(__file__).parents[2] / "configs" / "LongCook" / "AVA.yaml"
NAMES = tuple(RECIPE.counts)


def planned(name: str) -> list[Duet]:
    return plan_duets(RECIPE.counts, seed=2)[name]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "longcook"
    write_longcook(folder, RECIPE, num_processes=1)
    return folder


def rows_of(path: Path, kind: RowKind, name: str) -> list[tuple[float, ...]]:
    """(number of the video, columns ...) of each row."""
    videos = {duet.video_id: number for number, duet in enumerate(planned(name))}
    (rows,) = read_rows(path, kind, videos)
    assert len(videos) == len(planned(name))
    return list(zip(rows.video.tolist(), *(rows.columns[column].tolist() for column in kind.numbers), strict=True))


def test_folder_holds_what_users_of_pyslowfast_have(written: Path) -> None:
    files = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    ids = [duet.video_id for name in NAMES for duet in planned(name)]
    assert {name for name in files if not name.startswith("frames/")} == {
        "annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt",
        *(f"annotations/ava_{name}_v2.2.csv" for name in NAMES),
        *(f"annotations/ava_{name}_predicted_boxes.csv" for name in NAMES),
        *(f"annotations/ava_{name}_excluded_timestamps_v2.2.csv" for name in NAMES),
        *(f"frame_lists/{name}.csv" for name in NAMES),
        *(f"videos/{video_id}.mp4" for video_id in ids),
        "longcook.json",
    }


@pytest.mark.parametrize("name", NAMES)
def test_frame_list_names_every_still_in_order(written: Path, name: str) -> None:
    header, *lines = (written / "frame_lists" / f"{name}.csv").read_text().splitlines()
    assert header == "original_vido_id video_id frame_id path labels"
    expected = [
        f'{duet.video_id} {video} {frame} {duet.video_id}/{duet.video_id}_{frame + 1:06d}.jpg ""'
        for video, duet in enumerate(planned(name))
        for frame in range(duet.num_frames)
    ]
    assert lines == expected
    for line in lines:
        assert (written / "frames" / line.split(" ")[3]).is_file()
    assert len(list((written / "frames" / planned(name)[0].video_id).iterdir())) == planned(name)[0].num_frames


def test_stills_show_the_drawing(written: Path) -> None:
    duet = planned("val")[0]
    for number, drawn in list(enumerate(render_duet(duet), start=1))[::60]:
        still = cv2.imread(str(written / "frames" / duet.video_id / f"{duet.video_id}_{number:06d}.jpg"))
        assert still.shape == (96, 128, 3)
        assert np.abs(still[..., ::-1].astype(float) - drawn).mean() < 8


@pytest.mark.parametrize("name", NAMES)
def test_every_person_has_one_row_for_each_label_at_each_keyframe(written: Path, name: str) -> None:
    expected = [
        (video, 900 + second, label + 1, cook)
        for video, duet in enumerate(planned(name))
        for second in duet.keyframe_seconds
        for cook, part in enumerate(duet.parts)
        for label in part.labels_at(second)
    ]
    rows = rows_of(written / "annotations" / f"ava_{name}_v2.2.csv", TRUTHS, name)
    assert [(row[0], row[1], row[6], row[7]) for row in rows] == expected
    for video, second, x1, y1, x2, y2, _, cook in rows:
        box = setting_of(planned(name)[int(video)]).box(int(cook), second - 900)
        assert (x1, y1, x2, y2) == pytest.approx(box, abs=6e-4)


@pytest.mark.parametrize("name", ["val", "test"])
def test_detections_outside_of_training_have_no_label(written: Path, name: str) -> None:
    rows = rows_of(written / "annotations" / f"ava_{name}_predicted_boxes.csv", PROPOSALS, name)
    assert len(rows) > 15
    assert all(np.isnan(row[6]) for row in rows)


def test_detections_for_training_have_the_labels_of_the_person_they_overlap_or_minus_one(written: Path) -> None:
    seen = set()
    for video, second, x1, y1, x2, y2, label, _ in rows_of(
        written / "annotations" / "ava_train_predicted_boxes.csv", PROPOSALS, "train"
    ):
        duet = planned("train")[int(video)]
        setting = setting_of(duet)
        overlaps = [overlap((x1, y1, x2, y2), setting.box(cook, second - 900)) for cook in (0, 1)]
        labels = [c + 1 for c in duet.parts[int(np.argmax(overlaps))].labels_at(int(second) - 900)]
        assert label in (labels if max(overlaps) >= 0.75 else [-1])
        seen.add(label)
    assert -1 in seen


def test_detections_depend_on_the_boxes_alone() -> None:
    duets = planned("train")
    others = [duet.with_causes(pair) for duet, pair in zip(duets, CAUSE_PAIRS[5:], strict=False)]
    first, second = ([(*row[:6], row[7]) for row in predicted_boxes(given, labelled=True)] for given in (duets, others))
    assert first == second
    labels, other_labels = ([row[6] for row in predicted_boxes(given, labelled=True)] for given in (duets, others))
    differ = {pair for pair in zip(labels, other_labels, strict=True) if len(set(pair)) > 1}
    assert differ
    assert all(int(label) - 1 in CAUSES or int(label) >= 9 for pair in differ for label in pair)


def test_detector_misses_some_persons_invents_some_and_finds_most_well() -> None:
    rng = np.random.default_rng(0)
    persons = [(0.05, 0.17, 0.44, 0.88), (0.53, 0.17, 0.93, 0.88)]
    found = [list(detect(persons, rng)) for _ in range(1000)]
    true = [d for detections in found for d in detections if d.person is not None]
    false = [d for detections in found for d in detections if d.person is None]
    assert 0.96 < len(true) / 2000 < 0.99
    assert 0.1 < len(false) / 1000 < 0.2
    assert all(overlap(d.box, persons[d.person or 0]) >= 0.75 for d in true)
    assert 0.8 < np.mean([d.score >= 0.9 for d in true]) < 1
    assert 0 < np.mean([d.score >= 0.9 for d in false]) < 0.2
    assert all(0 <= d.score <= 1 and 0 <= min(d.box) and max(d.box) <= 1 for d in true + false)


def test_overlap_of_two_boxes() -> None:
    assert overlap((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 0.5, 1), (0.6, 0, 0.75, 1)) == 0


def test_label_map_numbers_the_names_from_one(written: Path) -> None:
    classes = read_label_map(written / "annotations" / "ava_action_list_v2.2_for_activitynet_2019.pbtxt")
    assert [(one.id, one.name) for one in classes] == list(enumerate(CLASS_NAMES, start=1))


@pytest.mark.parametrize("name", NAMES)
def test_excluded_seconds_are_those_at_the_border_of_two_actions(written: Path, name: str) -> None:
    path = written / "annotations" / f"ava_{name}_excluded_timestamps_v2.2.csv"
    excluded = set(rows_of(path, EXCLUDED, name)) if path.read_text() else set()
    for video, duet in enumerate(planned(name)):
        borders = [event.start_centisec for part in duet.parts for event in part.events]
        for second in duet.keyframe_seconds:
            assert ((video, 900 + second) in excluded) == any(abs(100 * second - border) < 5 for border in borders)


@pytest.mark.parametrize("place", ["frames", "videos"])
def test_ava_loader_reads_the_folder(written: Path, place: str) -> None:
    options = {"DATA.PATH_TO_DATA_DIR": written, "MODEL.NUM_CLASSES": 12, "DATA.NUM_FRAMES": 8, "DATA.SAMPLING_RATE": 8}
    sizes = {"DATA.TEST_CROP_SIZE": 96, "DATA.TRAIN_CROP_SIZE": 96, "DATA.TRAIN_JITTER_SCALES": [96, 96]}
    recipe = {"LONGCOOK.NUM_TRAIN": 2, "LONGCOOK.NUM_VAL": 1, "LONGCOOK.NUM_TEST": 1, "LONGCOOK.SEED": 2}
    folders = {"AVA.VIDEO_DIR": written / "videos"} if place == "videos" else {}
    overrides = {**options, **sizes, **recipe, **folders}
    cfg = load_config(CONFIG, [item for pair in overrides.items() for item in pair])
    dataset = DATASETS.get("longcook_ava")(cfg, "train")
    assert dataset.class_names == CLASS_NAMES
    duets = {duet.video_id: duet for duet in planned("train")}
    assert {record.video_id for record in dataset.records} == set(duets)
    assert len(dataset) == sum(len(duet.keyframe_seconds) for duet in duets.values())
    clip = dataset[SampleKey(0, 0)]
    assert clip.frames.shape == (3, 8, 96, 96)
    labels = [part.labels_at(2) for part in duets[clip.name].parts]
    assert sorted(map(tuple, (row.nonzero()[:, 0].tolist() for row in clip.keyframes.labels[:2]))) == sorted(labels)


def test_validation_and_test_are_scored_on_videos_of_their_own(written: Path) -> None:
    recipe = {"LONGCOOK.NUM_TRAIN": 2, "LONGCOOK.NUM_VAL": 1, "LONGCOOK.NUM_TEST": 1, "LONGCOOK.SEED": 2}
    overrides = {"DATA.PATH_TO_DATA_DIR": written, **recipe}
    cfg = load_config(CONFIG, [item for pair in overrides.items() for item in pair])
    seen = {}
    for split in ("val", "test"):
        dataset = DATASETS.get("longcook_ava")(cfg, split)
        (seen[split],) = {record.video_id for record in dataset.records}
        truth = AvaTruth.from_cfg(cfg, videos=[seen[split]], split=split)
        assert truth.videos == (seen[split],)  # the files of truths and excluded seconds name no other video
        assert len(truth.truths) > 0
    assert seen == {split: planned(split)[0].video_id for split in ("val", "test")}
