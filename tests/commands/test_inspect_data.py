"""The sheet shows the clips that training gets, cut where the steps cut them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.commands import inspect_data
from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.datasets import build_loader
from slowfast.engine.steps import parts_of
from slowfast.engine.tasks import build_eval_step, build_train_step
from slowfast.structures import ClipBatch, Keyframes
from slowfast.visualization import ContactRow
from tests.datasets.videos import write_video

CONFIG = Path(__file__).parents[2] / "configs" / "LongCook" / "SLOWONLY_PGT.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charades-like: two classes, of which one begins in the middle of each video."""
    folder = tmp_path_factory.mktemp("charades")
    for split, names in (("train", "abcd"), ("test", "ef")):
        rows = [f"{name},c000 0.0 0.4;c001 1.0 9.0,2.0" for name in names]
        (folder / f"Charades_v1_{split}.csv").write_text("\n".join(["id,actions,length", *rows]) + "\n")
        for name in names:
            write_video(folder / f"{name}.mp4", 48, fps=24)
    return folder


def config(data: Path, *overrides: object) -> CfgNode:
    return load_config(
        CONFIG,
        [
            *("NUM_GPUS", 0, "DATA.PATH_TO_DATA_DIR", str(data), "MODEL.NUM_CLASSES", 2, "DATA.NUM_FRAMES", 0),
            *("TRAIN.DATASET", "charades", "TEST.DATASET", "charades", "PGT.STEPS", 3, "PGT.STEP_LEN", [4]),
            *("DATA.SAMPLING_RATE", 4, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TRAIN_JITTER_SCALES", [32, 40]),
            *overrides,
        ],
    )


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[ContactRow]:
    """What is drawn."""
    drawn: list[ContactRow] = []
    monkeypatch.setattr(inspect_data, "draw_contact_sheet", lambda rows, path, title: drawn.extend(rows))
    return drawn


def test_rows_are_the_first_clips_of_training_bit_by_bit(data: Path, rows: list[ContactRow]) -> None:
    cfg = config(data)
    inspect_data.draw_sheet(cfg, split="train", num_clips=4, path=Path("unused"))
    with build_loader(cfg, "train", batch_size=2) as loader:
        batches = list(loader.batches(0))
    assert [row.name for row in rows] == [name for batch in batches for name in batch.names]
    frames = torch.cat([batch.frames for batch in batches]).permute(0, 2, 3, 4, 1).numpy()
    assert np.array_equal(np.stack([row.pictures for row in rows]), frames)


def test_each_step_has_the_labels_of_its_own_frames(data: Path, rows: list[ContactRow]) -> None:
    inspect_data.draw_sheet(config(data), split="train", num_clips=1, path=Path("unused"))
    assert rows[0].parts == ((0, 4), (4, 7), (7, 10))
    assert rows[0].labels == (("c000",), ("c001",), ("c001",))


def test_a_plain_config_reads_a_clip_in_one_part(data: Path, rows: list[ContactRow]) -> None:
    cfg = config(data, "PGT.ENABLE", False, "DATA.NUM_FRAMES", 6)
    inspect_data.draw_sheet(cfg, split="val", num_clips=5, path=Path("unused"))
    assert {row.parts for row in rows} == {((0, 6),)}
    assert {row.name for row in rows} == {"e", "f"}


@pytest.mark.parametrize("progressive", [True, False])
def test_evaluation_is_cut_as_it_evaluates(data: Path, progressive: bool) -> None:
    cfg = config(data, "PGT.PG_EVAL", progressive)
    assert parts_of(build_eval_step(cfg), 10) == (((0, 4), (4, 7), (7, 10)) if progressive else ((0, 10),))
    assert parts_of(build_train_step(cfg), 10) == ((0, 4), (4, 7), (7, 10))


def test_persons_are_shown_at_their_seconds(data: Path) -> None:
    with build_loader(config(data), "train", batch_size=1) as loader:
        dataset, batch = loader.dataset, next(iter(loader.batches(0)))
    labels, boxes = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    numbers = torch.zeros(2, dtype=torch.int64)
    keyframes = Keyframes(
        clips=numbers, seconds=dataset.start_second + torch.arange(2), main=numbers > 0, boxes=boxes,
        original=boxes.double(), labels=labels, videos=numbers, numbers=numbers,
    )  # fmt: skip
    times = torch.arange(batch.num_frames)[None] / 6.0
    changed = {"frame_labels": None, "keyframes": keyframes, "times": times}
    with_persons = ClipBatch(**{name: getattr(batch, name) for name in ClipBatch.__slots__} | changed)
    row = inspect_data.contact_row(with_persons, dataset, parts=((0, 4), (4, 7), (7, 10)))
    assert {frame: values.tolist() for frame, values in row.boxes.items()} == {0: [[1, 2, 3, 4]], 6: [[5, 6, 7, 8]]}
    assert row.labels == (("c000",), (), ())


def test_an_unknown_split_is_an_error(data: Path) -> None:
    with pytest.raises(ConfigError, match="--split = 'dev': there is no such split; right would be: train, val, test"):
        inspect_data.draw_sheet(config(data), split="dev", num_clips=1, path=Path("unused"))


@pytest.mark.parametrize(("step", "told"), [(20, True), (4, False)])
def test_clips_that_are_mostly_still_pictures_are_told(
    step: int, told: bool, data: Path, rows: list[ContactRow], caplog: pytest.LogCaptureFixture
) -> None:
    inspect_data.draw_sheet(config(data, "DATA.SAMPLING_RATE", step), split="train", num_clips=2, path=Path("unused"))
    assert ("most frames repeat the one before" in caplog.text) == told
