"""Whatever writes says in one line that the disk is full, and leaves nothing half-written."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from slowfast.commands.convert_checkpoint import convert_weights
from slowfast.commands.prepare_data import prepare_folder
from slowfast.datasets.decoding.index_cache import IndexCache
from slowfast.datasets.remote_files import RemoteFiles
from slowfast.engine import checkpoint
from slowfast.engine.hooks import TensorBoardHook
from slowfast.engine.scores_file import write_detections
from slowfast.evaluation.ava import Boxes
from slowfast.preparation.encoding import Encoding, encode_copy
from slowfast.preparation.preparing import Preparation
from slowfast.preparation.probing import probe_all
from slowfast.runtime.atomic_files import WriteError, write_json
from slowfast.visualization.canvas import figure
from tests.datasets.videos import write_video

Fill = Callable[[Path], None]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of two videos, each of a class of its own."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("jump", "run"):
        (folder / name).mkdir()
        write_video(folder / name / f"{name}.mp4", 20, height=64)
    return folder / "run" / "run.mp4"


def write_weights(disk: Path, video: Path) -> None:
    checkpoint.save(disk / "last.pyth", {"weights": torch.ones(10_000)})


def write_results(disk: Path, video: Path) -> None:
    write_json(disk / "results.json", {"metrics": list(range(10_000))})


def write_boxes(disk: Path, video: Path) -> None:
    count = 2000
    boxes = Boxes(
        video=np.zeros(count, np.int64),
        second=np.arange(count),
        box=np.full((count, 4), 0.5),
        label=np.ones(count, np.int64),
        score=np.full(count, 0.5, np.float32),
    )
    write_detections(disk / "detections.csv", boxes, videos=["a"])


def write_converted(disk: Path, video: Path) -> None:
    source = video.parent / "weights.pth"
    torch.save({"head.projection.weight": torch.ones(10_000)}, source)
    convert_weights(str(source), disk / "weights.safetensors")


def write_picture(disk: Path, video: Path) -> None:
    with figure(disk / "curves.png", width=2, height=2):
        pass


def write_copy(disk: Path, video: Path) -> None:
    encode_copy(str(video), disk / "copy.mp4", Encoding(32, 20))


def write_lists(disk: Path, video: Path) -> None:
    prepare_folder(Preparation(videos=video.parents[1], data=disk / "data", labels=None, jobs=1))


def write_probes(disk: Path, video: Path) -> None:
    probe_all([str(video)], jobs=1, notebook=disk / "probes.jsonl")


WRITERS = (*(write_weights, write_results, write_boxes, write_converted, write_picture, write_copy, write_lists, write_probes),)


@pytest.mark.parametrize("write", WRITERS)
def test_full_disk_is_one_line_with_path_and_room(small_disk: Path, filled: Fill, video: Path, write: Callable) -> None:
    filled(small_disk)
    with pytest.raises(WriteError, match=rf"^{small_disk}.*: cannot be written: .*free on the disk of {small_disk}") as raised:
        write(small_disk, video)
    assert "\n" not in str(raised.value)
    left = {path.name for path in small_disk.rglob("*") if path.is_file()}
    assert left <= {"filling", "probes.jsonl"}


@pytest.mark.parametrize("write", WRITERS)
def test_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path, video: Path, write: Callable) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=f"^{tmp_path}/file.*: (this folder cannot be made|cannot be written)"):
        write(tmp_path / "file", video)


def test_copies_of_remote_files_are_not_the_videos_fault(
    small_disk: Path, filled: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "v.mp4").write_bytes(bytes(100_000))
    monkeypatch.setattr(
        "slowfast.datasets.remote_files.g_pathmgr",
        SimpleNamespace(open=lambda path, mode: (tmp_path / "v.mp4").open("rb")),
    )
    filled(small_disk)
    with pytest.raises(
        WriteError, match=r"copy of s3://b/v\.mp4; DATA\.REMOTE_CACHE_DIR\): cannot be written: .*free on the disk"
    ):
        RemoteFiles(str(small_disk / "copies"), 10**6).local_path("s3://b/v.mp4")


def test_indexes_that_cannot_be_kept_are_told_once(
    small_disk: Path, filled: Fill, video: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(small_disk)
    cache = IndexCache(str(small_disk / "index"))
    for _ in range(2):
        assert cache.read(str(video)).num_frames == 20
    assert caplog.text.count("free on the disk of") == 1


def test_curves_for_tensorboard_end_and_the_training_goes_on(
    small_disk: Path, filled: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    hook = TensorBoardHook(log_dir=small_disk / "curves", period=1)
    trainer = SimpleNamespace(
        iterations_done=1, iteration=1, output=SimpleNamespace(loss=1.0, scalars={}), learning_rate=0.1, metrics={"mAP": 1.0}
    )
    hook.before_train(trainer)
    filled(small_disk)
    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            hook.after_iteration(trainer)
            hook.after_epoch(trainer)
        hook.close()
    assert caplog.text.count("the training goes on without TensorBoard") == 1
