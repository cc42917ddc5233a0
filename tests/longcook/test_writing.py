"""LongCook: the folder is written atomically, once, and never over anything else."""

import csv
import json
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from longcook import drawing as drawing_module
from longcook.build import build_longcook
from longcook.drawing import draw_films
from longcook.film import Film
from longcook.formats.charades import contents
from longcook.manifest import Recipe, is_complete
from longcook.plan_milk import plan_milk
from longcook.script import CLASS_NAMES, COMPOSITES, POUR
from longcook.writing import write_longcook
from slowfast.config import ConfigError, load_config
from slowfast.datasets import SampleKey
from slowfast.datasets.errors import DatasetError
from slowfast.registry import DATASETS

RECIPE = Recipe(format="charades", num_train=2, num_val=1, num_test=1, seed=3)


def write(folder: Path, **changes: Any) -> None:
    num_processes = changes.pop("num_processes", 1)
    write_longcook(folder, replace(RECIPE, **changes), num_processes=num_processes)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "longcook"
    write(folder)
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "longcook"))


def test_folder_holds_exactly_the_files_of_charades_and_the_manifest(written: Path) -> None:
    videos = {f"videos/{s.video_id}.mp4" for split in plan_milk(RECIPE.counts, seed=3).values() for s in split}
    lists = {*(f"Charades_v1_{split}.csv" for split in RECIPE.counts), "Charades_v1_classes.txt", "longcook.json"}
    assert set(files(written)) == videos | lists
    assert is_complete(written, RECIPE)
    assert {path.name for path in written.parent.iterdir()} == {"longcook", ".longcook.lock"}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_annotation_states_the_script_and_the_videos_length(written: Path, split: str) -> None:
    scripts = plan_milk(RECIPE.counts, seed=3)[split]
    with (written / f"Charades_v1_{split}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [script.video_id for script in scripts]
    assert ",".join(rows[0]) == "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length"
    for row, script in zip(rows, scripts, strict=True):
        assert "," in row["script"]
        actions = [re.fullmatch(r"c(\d{3}) (\d+\.\d\d) (\d+\.\d\d)", text) for text in row["actions"].split(";")]
        found = [(int(a[1]), round(100 * float(a[2])), round(100 * float(a[3]))) for a in actions if a]
        assert found[:-1] == [(event.label, event.start_centisec, event.end_centisec) for event in script.events]
        assert found[-1] == (script.composite, script.pouring.start_centisec, script.pouring.end_centisec)
        assert found[-1][0] in COMPOSITES
        assert found[-2] == (POUR, *found[-1][1:])
        with av.open(str(written / "videos" / f"{row['id']}.mp4")) as container:
            num_frames = sum(1 for _ in container.decode(video=0))
        assert 0 <= num_frames / 24 - float(row["length"]) < 1 / 24


def test_class_list_numbers_the_names(written: Path) -> None:
    lines = (written / "Charades_v1_classes.txt").read_text().splitlines()
    assert [line.split(" ", 1) for line in lines] == [[f"c{label:03d}", name] for label, name in enumerate(CLASS_NAMES)]


def test_complete_folder_is_left_alone(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_module, "write_film", None)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    write(copy)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_interrupted_writing_leaves_no_folder_and_the_next_call_goes_on(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, drawn, write_film = tmp_path / "longcook", [], drawing_module.write_film

    def interrupted(workshop: Path, film: Film) -> None:
        if len(drawn) == 2:
            (workshop / film.path).with_suffix(".tmp").write_bytes(b"half a video")
            raise KeyboardInterrupt
        drawn.append(film.path)
        write_film(workshop, film)

    monkeypatch.setattr(drawing_module, "write_film", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(folder)
    assert not folder.exists()

    later: list[str] = []
    monkeypatch.setattr(drawing_module, "write_film", lambda folder, film: (later.append(film.path), write_film(folder, film)))
    write(folder)
    assert len(later) == 2
    assert not set(later) & set(drawn)
    assert files(folder) == files(written)
    assert not (tmp_path / ".longcook.partial").exists()


def test_remains_of_another_seed_are_not_used(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(workshop: Path, film: Film) -> None:
        name = plan_milk(RECIPE.counts, seed=3)["train"][0].video_id
        (workshop / "videos").mkdir()
        (workshop / "videos" / f"{name}.mp4").write_bytes(b"of another seed")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(drawing_module, "write_film", fail)
        write(tmp_path / "longcook", seed=4)
    write(tmp_path / "longcook")
    assert files(tmp_path / "longcook") == files(written)


def test_damaged_copy_is_repaired_and_foreign_files_in_it_survive(written: Path, copy: Path) -> None:
    video = next((copy / "videos").iterdir())
    video.write_bytes(video.read_bytes()[:-1])
    (copy / "Charades_v1_test.csv").unlink()
    (copy / "notes.txt").write_text("mine")
    assert not is_complete(copy, RECIPE)
    write(copy)
    assert files(copy) == {**files(written), "notes.txt": b"mine"}


def test_empty_folder_is_filled(written: Path, tmp_path: Path) -> None:
    write(tmp_path / "new" / "longcook")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    assert files(tmp_path / "empty") == files(tmp_path / "new" / "longcook") == files(written)


def test_two_processes_write_the_same_bytes_as_one(written: Path, tmp_path: Path) -> None:
    write(tmp_path / "longcook", num_processes=2)
    assert files(tmp_path / "longcook") == files(written)


@pytest.mark.parametrize("num_processes", [1, 2])
def test_place_that_cannot_take_the_videos_is_named_whoever_draws(num_processes: int, tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("a file where the folder should be")
    films = contents(RECIPE).films
    with pytest.raises(DatasetError, match=rf"{tmp_path}: LongCook cannot be written here: .*exists.*expected a folder"):
        list(draw_films(tmp_path, films, num_processes))


def test_process_that_is_ended_while_it_draws_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = (sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(); os.kill(os.getpid(), 9)")
    monkeypatch.setattr(drawing_module, "_COMMAND", command)
    with pytest.raises(DatasetError, match="a process that drew LongCook ended early, with exit code -9"):
        list(draw_films(tmp_path, contents(RECIPE).films, 2))


def test_callers_at_the_same_time_share_one_writing(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, write_film = [], drawing_module.write_film
    monkeypatch.setattr(drawing_module, "write_film", lambda folder, film: (drawn.append(film.path), write_film(folder, film)))
    with ThreadPoolExecutor(3) as pool:  # each call opens the lock file itself, as calls in other processes do
        for call in [pool.submit(write, tmp_path / "longcook") for _ in range(3)]:
            call.result(timeout=60)
    assert len(drawn) == 4
    assert files(tmp_path / "longcook") == files(written)


def test_folder_with_other_content_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match=r"something else than LongCook \(thesis.tex\).*DATA.PATH_TO_DATA_DIR"):
        write(tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("change", [{"seed": 4}, {"num_train": 3}, {"num_val": 2}, {"num_test": 2}])
def test_longcook_of_another_recipe_is_refused(written: Path, change: dict[str, int]) -> None:
    ((key, value),) = change.items()
    with pytest.raises(DatasetError, match=rf"not with .*{key} {value}.*LONGCOOK.NUM_TRAIN"):
        write(written, **change)
    assert is_complete(written, RECIPE)


def test_folder_of_an_earlier_version_is_refused_with_what_to_do(copy: Path) -> None:
    manifest = json.loads((copy / "longcook.json").read_text())
    manifest["recipe"]["version"] = 1
    del manifest["recipe"]["num_val"]
    (copy / "longcook.json").write_text(json.dumps(manifest))
    before = files(copy)
    with pytest.raises(DatasetError, match=r"version 1; .*version 2 .*this folder be deleted.*DATA.PATH_TO_DATA_DIR"):
        write(copy)
    assert files(copy) == before


def test_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "longcook").write_text("")
    with pytest.raises(DatasetError, match="this is a file"):
        write(tmp_path / "longcook")


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written here"):
        write(tmp_path / "file" / "longcook")


@pytest.mark.parametrize("text", ["not json", "[]", '{"recipe": 3}'])
def test_manifest_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "longcook.json").write_text(text)
    with pytest.raises(DatasetError, match="not the manifest of a LongCook folder"):
        write(tmp_path)


def test_missing_folder_option_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"DATA.PATH_TO_DATA_DIR.*LongCook needs a folder"):
        build_longcook(load_config(overrides=["DATA.PATH_TO_DATA_DIR", ""]), "train")


@pytest.mark.parametrize(("split", "num_videos"), [("train", 2), ("val", 1), ("test", 1)])
def test_charades_loader_reads_the_folder(written: Path, split: str, num_videos: int) -> None:
    options = {"DATA.PATH_TO_DATA_DIR": written, "MODEL.NUM_CLASSES": 12, "DATA.NUM_FRAMES": 64, "DATA.SAMPLING_RATE": 3}
    views = {"TEST.NUM_ENSEMBLE_VIEWS": 1, "TEST.NUM_SPATIAL_CROPS": 1, "DATA.TEST_CROP_SIZE": 64, "DATA.TRAIN_CROP_SIZE": 64}
    sizes = {"DATA.TRAIN_JITTER_SCALES": [64, 72], "LONGCOOK.NUM_TRAIN": 2}
    sizes |= {"LONGCOOK.NUM_VAL": 1, "LONGCOOK.NUM_TEST": 1, "LONGCOOK.SEED": 3}
    overrides = [item for pair in {**options, **views, **sizes}.items() for item in pair]
    dataset = DATASETS.get("longcook")(load_config(overrides=[str(item) for item in overrides]), split)
    assert dataset.class_names == CLASS_NAMES
    assert len(dataset.records) == num_videos
    script = plan_milk(RECIPE.counts, seed=3)[split][0]
    clip = dataset[SampleKey(0, 0)]
    on = {label for label in range(12) if clip.frame_labels[:, label].any()}
    assert on == {event.label for event in script.events} | {script.composite}  # the clip spans the whole video
