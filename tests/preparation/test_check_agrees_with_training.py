"""Whatever training refuses, the check refuses with the same sentence; whatever the check accepts, training reads."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.datasets import DatasetError, SampleKey, build_dataset
from slowfast.datasets.ssv2_lists import ANNOTATION_FILES, LABEL_FILE
from slowfast.errors import UserError
from slowfast.preparation.ava import AvaOptions, look_at_ava
from slowfast.preparation.checking import check
from tests.datasets.ava_folders import Folder, write_folder
from tests.datasets.videos import write_video

SPLITS = ("train", "val", "test")
FRAMES_HEADER = "original_vido_id video_id frame_id path labels\n"
Change = Callable[[Path], object]


def small(name: str, folder: Path, *overrides: object) -> CfgNode:
    return load_config(
        overrides=[
            *("TRAIN.DATASET", name, "TEST.DATASET", name, "DATA.PATH_TO_DATA_DIR", str(folder), "MODEL.ARCH", "slow"),
            *("DATA.NUM_FRAMES", 4, "DATA.SAMPLING_RATE", 2, "DATA.TRAIN_CROP_SIZE", 16, "DATA.TRAIN_JITTER_SCALES", [16, 20]),
            *("DATA.TEST_CROP_SIZE", 16, "TEST.NUM_ENSEMBLE_VIEWS", 1, "TEST.NUM_SPATIAL_CROPS", 1),
            *("DATA.INDEX_CACHE_DIR", "", *overrides),
        ]
    )


def refusals_of_training(cfg: Callable[[], CfgNode]) -> list[UserError]:
    """What stops each of the three splits, when it is built or when all of its samples are read once."""
    refusals: list[UserError] = []
    for split in SPLITS:
        try:
            dataset = build_dataset(cfg(), split)
            dataset.replaces = False  # training would take another video, and count
            for sample in range(len(dataset)):
                dataset[SampleKey(0, sample)]
        except UserError as error:
            refusals.append(error)
    return refusals


def sentence(error: UserError) -> str:
    """Without the place, which the check names in a column of its own."""
    return f"{error.found}; expected {error.expected}" if isinstance(error, DatasetError) else str(error)


def sentences_of_check(folder: Path, **options: object) -> list[str]:
    try:
        return [text for _, text in check(folder, jobs=1, **options).problems]  # type: ignore[arg-type]
    except UserError as error:
        return [sentence(error)]


def agree(refusals: list[UserError], said: list[str]) -> None:
    for refusal in refusals:
        assert any(sentence(refusal) in text for text in said), (sentence(refusal), said)
    if not said:
        assert not refusals


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in "abcdef":
        write_video(folder / f"{name}.mp4", 12, fps=24)
    (folder / "broken.mp4").write_bytes(b"nothing")
    return folder


def edit(name: str, change: Callable[[str], str]) -> Change:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def add(name: str, line: str) -> Change:
    return edit(name, lambda text: f"{text}{line}\n")


def put(name: str, content: str | bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


LISTS = [
    *(add("train.csv", line) for line in (
        "no-label", "a.mp4 9", "a.mp4 1", "./a.mp4 1", '"a.mp4" 0', "clip 12 0", "a.mp4 x", "gone.mp4 0", "broken.mp4 1",
        "a.mp4 " + "9" * 5000, "a.mp4 0", "b.mp4\t0",
    )),
    *(put("val.csv", content) for content in ("", "\n", "path label\n", b"c\xe4.mp4 0\n", "c.mp4 0\n".encode("utf-16-le"))),
    *(put("val.csv", content) for content in ("c.mp4 0\n".encode("utf-16"), "c.mp4 0\r\nd.mp4 1\r\n", "a.mp4 0\n", "c 0\n")),
    *(put("test.csv", content) for content in ("e.mp4,0\n", "c.mp4 0\nf.mp4 1\n")),
    *(remove(name) for name in ("train.csv", "val.csv", "test.csv")),
    *(put("classes.txt", content) for content in ("x\nx\n", "x\n", b"x\n\xff\n", "x\ny\nz\n", "x\ny\n")),
    lambda folder: None,
]  # fmt: skip


@pytest.mark.parametrize("change", LISTS, ids=range(len(LISTS)))
@pytest.mark.parametrize("kind", ["kinetics", "folder"])
def test_lists_with_one_label(videos: Path, tmp_path: Path, kind: str, change: Change) -> None:
    for name, rows in {"train": "a.mp4 0\nb.mp4 1\n", "val": "c.mp4 0\nd.mp4 1\n", "test": "e.mp4 0\nf.mp4 1\n"}.items():
        (tmp_path / f"{name}.csv").write_text(rows)
    (tmp_path / "classes.txt").write_text("x\ny\n")
    if kind == "folder":
        (tmp_path / "folder.json").write_text(f'{{"multi_label": false, "classes": ["x", "y"], "videos": "{videos}"}}')
    change(tmp_path)
    options = {} if kind == "folder" else {"prefix": str(videos), "num_classes": 2}
    overrides = ["MODEL.NUM_CLASSES", 0] if kind == "folder" else ["DATA.PATH_PREFIX", str(videos), "MODEL.NUM_CLASSES", 2]
    agree(refusals_of_training(lambda: small(kind, tmp_path, *overrides)), sentences_of_check(tmp_path, **options))


ANNOTATIONS = [
    *(add("Charades_v1_train.csv", line) for line in (
        "a,a.mp4,,0.5", "./a,a.mp4,,0.5", "f,f.mp4,c002 0 1,0.5", "f,f.mp4,c000 1 0,0.5", "f,f.mp4,c000 0,0.5",
        "f,f.mp4,c000 0 x,0.5", "f,f.mp4,,long", ",f.mp4,,1", "f,f.mp4", "f,f.mp4,,1,more", "gone,gone.mp4,,1",
        "f,f.mp4,c000 0 1_0,1", "f,f.mp4,c000 7 9,0.5", "broken,broken.mp4,,1", "f,f.mp4,,0.5,,,", ",,,",
    )),
    *(put("Charades_v1_test.csv", content) for content in ("", "id,path,actions\n", "id,path,actions,length\n", b"id\xe4\n")),
    put("Charades_v1_test.csv", "id;path;actions;length\nf;f.mp4;;0,5\n"),
    put("Charades_v1_test.csv", "id;path;actions;length\nf;f.mp4;;0.5\n"),
    put("Charades_v1_test.csv", "id,path,actions,length,id\nf,f.mp4,,1,f\n"),
    *(remove(f"Charades_v1_{split}.csv") for split in ("train", "test")),
    *(put("Charades_v1_classes.txt", content) for content in ("c000 x\n", "c000 x\nc002 y\n", b"c000 \xff\nc001 y\n")),
    lambda folder: None,
]  # fmt: skip


@pytest.mark.parametrize("change", ANNOTATIONS, ids=range(len(ANNOTATIONS)))
@pytest.mark.parametrize("kind", ["charades", "folder"])
def test_annotations_with_several_labels(videos: Path, tmp_path: Path, kind: str, change: Change) -> None:
    header = "id,path,actions,length\n"
    for split, names in (("train", "ab"), ("val", "c"), ("test", "de")):
        rows = "".join(f"{name},{name}.mp4,c000 0 0.2;c001 0.1 9,0.5\n" for name in names)
        (tmp_path / f"Charades_v1_{split}.csv").write_text(header + rows)
    (tmp_path / "Charades_v1_classes.txt").write_text("c000 x\nc001 y\n")
    if kind == "folder":
        (tmp_path / "folder.json").write_text(f'{{"multi_label": true, "classes": ["x", "y"], "videos": "{videos}"}}')
    change(tmp_path)
    options = {} if kind == "folder" else {"prefix": str(videos), "num_classes": 2}
    overrides = ["DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "bce_logit", "MODEL.HEAD_ACT", "sigmoid"]
    overrides += ["MODEL.NUM_CLASSES", 0] if kind == "folder" else ["DATA.PATH_PREFIX", str(videos), "MODEL.NUM_CLASSES", 2]
    agree(refusals_of_training(lambda: small(kind, tmp_path, *overrides)), sentences_of_check(tmp_path, **options))


PICTURES = [
    *(add("train.csv", line) for line in (
        'A 0 3 A/4.jpg "9"', 'A 0 3 A/4.jpg "x"', "A 0 3 A/4.jpg", 'A 0 3 "A/4.jpg" ""', 'A 0 3 A/gone.jpg "0"', "A,0,3,4,5",
        "A 0 3 A/1.jpg " + '"' + "1" * 5000 + '"', 'A 0 3 A/1.jpg "1"', 'B 1 0 A/broken.jpg ""',
    )),
    *(put("val.csv", content) for content in ("", FRAMES_HEADER, FRAMES_HEADER.replace(" ", ","), 'C 0 0 C/1.jpg ""\n')),
    *(put("val.csv", f"{FRAMES_HEADER}{row}\n".encode(encoding)) for row, encoding in (
        ('C 0 0 C/1.jpg "0"', "utf-16"), ('C 0 0 C/1.jpg "0"', "utf-16-le"), ('\xe9 0 0 C/1.jpg "0"', "cp1252"),
        ('C 0 0 D/1.jpg ""', "utf-8"),
    )),
    *(remove(f"{split}.csv") for split in ("train", "val")),
    lambda folder: (folder / "A" / "2.jpg").write_bytes((folder / "A" / "2.jpg").read_bytes()[:-40]),
    lambda folder: (folder / "A" / "2.jpg").unlink(),
    lambda folder: None,
]  # fmt: skip


@pytest.mark.parametrize("change", PICTURES, ids=range(len(PICTURES)))
def test_lists_of_frames(tmp_path: Path, change: Change) -> None:
    for split, name in (("train", "A"), ("val", "C")):
        (tmp_path / name).mkdir()
        for number in range(1, 4):
            cv2.imwrite(str(tmp_path / name / f"{number}.jpg"), np.full((16, 16, 3), 40 * number, np.uint8))
        rows = "".join(f'{name} 0 {number} {name}/{number}.jpg "0,1"\n' for number in range(1, 4))
        (tmp_path / f"{split}.csv").write_text(FRAMES_HEADER + rows)
    (tmp_path / "A" / "broken.jpg").write_bytes(b"no picture")
    change(tmp_path)
    overrides = ["DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "bce_logit", "MODEL.HEAD_ACT", "sigmoid", "MODEL.NUM_CLASSES", 2]
    overrides += ["DATA.SAMPLING_RATE", 1, "DATA.NUM_FRAMES", 3]
    agree(refusals_of_training(lambda: small("charades", tmp_path, *overrides)), sentences_of_check(tmp_path, num_classes=2))


LABELS, TRAINED_ON, VALIDATED_ON = LABEL_FILE, ANNOTATION_FILES["train"], ANNOTATION_FILES["val"]
ENTRY = '{"id": "%s", "template": "Holding [something]"}'
ANNOTATED = [
    *(put(LABELS, content) for content in (
        "", "[]", "{}", '{"Holding something": "0"}', '{"Holding something": "0", "Showing": "2"}', b"\xff", "{" * 5000,
        '{"Holding something": "x", "Showing": "1"}', '{"Holding something": 0, "Showing": true}',
        '{"Showing": 0, "Showing": 1}',
        '{"Holding something": "%s", "Showing": "1"}' % ("9" * 5000), '{"Holding something": %s, "Showing": 1}' % ("9" * 5000),
        '{"Holding something": "\u0660", "Showing": "1"}', '{"Holding something": -0, "Showing": 1}',
    )),
    *(put(TRAINED_ON, content) for content in (
        "", "{}", "[]", "[1]", f"[{ENTRY}]" % "gone", f"[{ENTRY}]" % "a", f"[{ENTRY}, {ENTRY}]" % ("a", "a"), "[" * 5000,
        f"[{ENTRY}]" % "", f"[{ENTRY}]" % "\\u0000", f"[{ENTRY}]" % "\\ud800", f"[{ENTRY}]" % "../a", f"[{ENTRY}]" % "broken",
        '[{"id": "a", "id": "b", "template": "Showing"}]', '[{"id": 7, "template": "Showing"}]',
        '[{"id": "a", "template": "Show"}]',
        '[{"id": NaN, "template": "Showing"}]', "[%s]" % ("9" * 5000), f"[{ENTRY}]," % "a", "\ufeff" + f"[{ENTRY}]" % "a",
    )),
    *(remove(name) for name in (LABELS, TRAINED_ON, VALIDATED_ON)),
    lambda folder: None,
]  # fmt: skip


@pytest.mark.parametrize("change", ANNOTATED, ids=range(len(ANNOTATED)))
@pytest.mark.parametrize("kind", ["videos", "pictures"])
def test_json_files_of_something_something(videos: Path, tmp_path: Path, kind: str, change: Change) -> None:
    (tmp_path / LABELS).write_text('{"Holding something": "0", "Showing": "1"}')
    for split, file, names in (("train", TRAINED_ON, ("a", "b")), ("val", VALIDATED_ON, ("c", "d"))):
        (tmp_path / file).write_text(f"[{', '.join(ENTRY % name for name in names)}]")
        if kind == "pictures":
            for name in names:
                (tmp_path / name).mkdir()
                cv2.imwrite(str(tmp_path / name / "1.jpg"), np.zeros((16, 16, 3), np.uint8))
            (tmp_path / f"{split}.csv").write_text(FRAMES_HEADER + "".join(f'{name} 0 0 {name}/1.jpg ""\n' for name in names))
    change(tmp_path)
    prefix = str(videos if kind == "videos" else tmp_path)
    overrides = ["DATA.PATH_PREFIX", prefix, "MODEL.NUM_CLASSES", 2, "DATA.RANDOM_FLIP", False]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refusals = refusals_of_training(lambda: small("ssv2", tmp_path, *overrides))
    said = sentences_of_check(tmp_path, prefix=prefix)
    agree([error for error in refusals if not isinstance(error, ConfigError)], said)
    assert bool(sentences_of_check(tmp_path, prefix=prefix, num_classes=2)) >= bool(refusals)


def test_all_faults_of_a_json_file_are_said_at_once(videos: Path, tmp_path: Path) -> None:
    (tmp_path / LABELS).write_text('{"Holding something": "x", "Showing": "y", "Pushing": "2"}')
    (tmp_path / VALIDATED_ON).write_text(f"[{ENTRY % 'c'}]")
    (tmp_path / TRAINED_ON).write_text(f'[3, {ENTRY % "a"}, {ENTRY % ""}, {ENTRY % "a"}, {{"id": "b", "template": "Push"}}]')
    problems = check(tmp_path, prefix=str(videos), jobs=1).problems
    assert [where.partition(", ")[2] for where, _ in problems] == ["", "", "entry 1", "entry 3", "entry 4", "entry 5"]


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return write_folder(tmp_path_factory.mktemp("ava"))


TRUTHS, TRAINED, TESTED = "ava_train_v2.2.csv", "ava_train_predicted_boxes.csv", "ava_val_predicted_boxes.csv"
LABEL_MAP = "ava_action_list_v2.2_for_activitynet_2019.pbtxt"
CORNERS = "0.1,0.1,0.4,0.9"
BOXES = [
    *(add(TRUTHS, f"-trainvid_1,{rest}") for rest in (
        f"902,{CORNERS},6,0", f"902,{CORNERS},0,0", f"902,{CORNERS},x,0", f"902,{CORNERS},1,0.5", f"never,{CORNERS},1,0",
        f"902.5,{CORNERS},1,0", "902,10,20,30,40,1,0", "902,0.1,,0.3,0.4,1,0", f"902,{CORNERS},1,0,7", "902",
        f"1,{CORNERS},1,0", f"1700,{CORNERS},1,0", "902,0.5,0.1,0.4,0.9,1,0", "902;0.1", "902,,,,,,", "902,nan,1,1,1,1,0",
    )),
    *(add(TESTED, f"valvideo__1,904,{rest}") for rest in (
        f"{CORNERS},,1.5", f"{CORNERS},,", f"{CORNERS},9,0.95", f"{CORNERS},-1,0.95", "0.4,0.1,0.4,0.9,,0.95",
    )),
    put(TESTED, "".join(f"valvideo__1,{s},{CORNERS},1,{s % 2}\n" for s in range(902, 910))),
    put(TESTED, "".join(f"valvideo__1,{s},{CORNERS},1,1\n" for s in range(902, 910))),
    put(TESTED, "".join(f"valvideo__1,{s},{CORNERS},,0.5\n" for s in range(902, 910))),
    put(TESTED, f"valvideo__1,903,{CORNERS},,0.95\n"),
    put(TESTED, "".join(f"valvideo__1,{s},0.5,0.2,0.4,0.6,,0.95\n" for s in range(902, 910))),
    put(TESTED, ""),
    put(TESTED, b"valvideo__1,\xff\n"),
    put(TRUTHS, f"-trainvid_1,2,{CORNERS},1,0\n"),
    put(TRAINED, f"-trainvid_1,2,{CORNERS},1,0.95\n"),
    put(LABEL_MAP, "item { id: 1 }"),
    put(LABEL_MAP, 'item { name: "a" id: 6 }'),
    remove(TESTED),
    lambda folder: None,
]  # fmt: skip


@pytest.mark.parametrize("change", BOXES, ids=range(len(BOXES)))
def test_lists_of_boxes(ava: Folder, tmp_path: Path, change: Change) -> None:
    shutil.copytree(ava.root / "annotations", tmp_path / "annotations")
    for name in ("frames", "frame_lists"):
        (tmp_path / name).symlink_to(ava.root / name)
    change(tmp_path / "annotations")
    refusals: list[UserError] = []
    for split in SPLITS:
        try:
            build_dataset(Folder(tmp_path).cfg(), split)
        except UserError as error:
            refusals.append(error)
    try:
        found = look_at_ava(
            tmp_path / "frames", tmp_path / "annotations", jobs=1, options=AvaOptions.from_overrides(["MODEL.NUM_CLASSES", "5"])
        )
        said = [finding.what for checked in found.lists for finding in checked.findings if finding.stops]
        said += [text for _, text in found.problems]
        assert found.is_usable == (not said)
    except UserError as error:
        said = [sentence(error)]
    agree([error for error in refusals if not _is_about_both_lists(error)], said)
    assert bool(said) >= bool(refusals)


def _is_about_both_lists(error: UserError) -> bool:
    """Training counts the rows of both of its lists together; the check counts each by itself."""
    return re.search(r"none of \d+ boxes counts", str(error)) is not None
