"""Your own videos through the loader: the same samples as the data sets whose lists they borrow."""

from pathlib import Path

import pytest
import torch

from slowfast.config import CfgNode, load_config
from slowfast.datasets import DatasetError, build_dataset, build_loader
from slowfast.preparation.preparing import Preparation, prepare
from tests.datasets.videos import write_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    for name in ("jump rope", "läuft"):
        (root / name).mkdir()
        for number in range(5):
            write_video(root / name / f"{number} b.mp4", 20 + number, fps=24)
    return root


def prepared(videos: Path, data: Path, labels: Path | None = None) -> Path:
    result = prepare(Preparation(videos=videos, data=data, labels=labels, shares=(0.6, 0.2, 0.2), jobs=1))
    for name, text in {**result.texts, "folder.json": result.manifest.text()}.items():
        (data / name).write_text(text, encoding="utf-8")
    return data


def config(data: Path, *overrides: object) -> CfgNode:
    return load_config(
        overrides=[
            *("TRAIN.DATASET", "folder", "TEST.DATASET", "folder", "DATA.PATH_TO_DATA_DIR", str(data), "MODEL.ARCH", "slow"),
            *("DATA.NUM_FRAMES", 4, "DATA.SAMPLING_RATE", 3, "DATA.TRAIN_CROP_SIZE", 32, "DATA.TRAIN_JITTER_SCALES", [32, 40]),
            *("MODEL.NUM_CLASSES", 0, "TEST.NUM_ENSEMBLE_VIEWS", 2, "TEST.NUM_SPATIAL_CROPS", 1, "DATA.TEST_CROP_SIZE", 32),
            *overrides,
        ]
    )


def frames(cfg: CfgNode, split: str) -> torch.Tensor:
    with build_loader(cfg, split, batch_size=2) as loader:
        return torch.cat([batch.frames for batch in loader.batches(1)])


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_one_label_a_video_is_read_as_kinetics(videos: Path, tmp_path: Path, split: str) -> None:
    data = prepared(videos, tmp_path)
    own = config(data)
    lists = ["TRAIN.DATASET", "kinetics", "TEST.DATASET", "kinetics", "DATA.PATH_PREFIX", str(videos), "MODEL.NUM_CLASSES", 2]
    assert torch.equal(frames(own, split), frames(config(data, *lists), split))
    dataset = build_dataset(own, split)
    assert dataset.class_names == ("jump rope", "läuft")
    assert [record.label for record in dataset.records] == [0 if "jump" in record.path else 1 for record in dataset.records]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_several_labels_are_read_as_charades(videos: Path, tmp_path: Path, split: str) -> None:
    labels = tmp_path / "labels.csv"
    names = [f"{name}/{number} b.mp4" for name in ("jump rope", "läuft") for number in range(5)]
    labels.write_text("path,label,start,end\n" + "".join(f"{name},hop,0,0.3\n{name},go,0.2,9\n" for name in names))
    data = prepared(videos, tmp_path / "data", labels)
    own = config(data)
    dataset = build_dataset(own, split)
    assert dataset.class_names == ("go", "hop")
    assert len(dataset.records) == {"train": 6, "val": 2, "test": 2}[split]
    if split != "val":  # Charades validates on its test list
        other = ["TRAIN.DATASET", "charades", "TEST.DATASET", "charades", "DATA.PATH_PREFIX", str(videos)]
        other += ["MODEL.NUM_CLASSES", 2, "DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "bce_logit"]
        charades = config(data, *other)
        assert torch.equal(frames(own, split), frames(charades, split))
        with build_loader(own, split, batch_size=2) as mine, build_loader(charades, split, batch_size=2) as theirs:
            for batch, same in zip(mine.batches(0), theirs.batches(0), strict=True):
                assert torch.equal(batch.labels, same.labels)
                assert torch.equal(batch.frame_labels, same.frame_labels)


def test_a_batch_larger_than_the_folder_says_what_would_fit(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"6 training samples, fewer than one batch of 8; expected TRAIN\.BATCH_SIZE 6"):
        build_loader(config(prepared(videos, tmp_path)), "train", batch_size=8)
