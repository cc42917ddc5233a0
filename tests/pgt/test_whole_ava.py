"""Persons in whole videos are scored and learned from as if their video were alone; only some steps have boxes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from pgt.train_step import ProgressiveTrainStep
from pgt.whole_videos import LaneCutter, WholeVideoDetectionEvalStep, WholeVideoTrainStep
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import CfgNode
from slowfast.datasets import SampleKey, build_dataset, build_loader
from slowfast.datasets.build import whole_videos
from slowfast.datasets.collate import collate
from slowfast.datasets.lanes import LaneKey, Piece
from slowfast.datasets.whole_videos import WholeVideos, collate_lanes
from slowfast.engine.inference import evaluate
from slowfast.engine.lr_schedule import build_schedule
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.tasks import build_eval_step, build_evaluation, build_train_step
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.runtime import distributed
from slowfast.structures import LaneBatch
from tests.datasets.ava_folders import VIDEOS, Folder, detected_rows, write_folder
from tests.pgt.conftest import TINY, TINY_SLOWFAST
from tests.pgt.interrupted_training import resumed
from tests.pgt.test_gradient import DoubleNormalizer, assert_equal_gradients
from tests.pgt.test_gradient import trained as trained_on_clips
from tests.two_processes import in_two_processes

DETECTION = {
    "DETECTION.ENABLE": True, "RESNET.SPATIAL_STRIDES": [[1], [2], [2], [1]], "MODEL.LOSS_FUNC": "bce",
    "DATA.MULTI_LABEL": False, "DATA.NUM_FRAMES": 0, "DATA.SAMPLING_RATE": 5, "DATA.TEST_CROP_SIZE": 32,
    "AVA.FULL_TEST_ON_VAL": True, "AVA.DETECTION_SCORE_THRESH": 0.8, "AVA.EXCLUSION_FILE": "",
    "PGT.STEPS": "all", "PGT.UPDATE_EVERY": 4,
}  # fmt: skip
"""Steps of half a second, so every other one is without an annotated second."""

TWO_PATHWAYS = {
    "RESNET.SPATIAL_STRIDES": [[1, 1], [2, 2], [2, 2], [1, 1]], "DATA.SAMPLING_RATE": 2,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "max": {"PGT.CACHE": "max"},
    "avg with momentum": {"PGT.CACHE": "avg", "PGT.CACHE_MOMENTUM": 0.5},
    "causal": {"PGT.OPERATOR": "causal", "PGT.CACHE": "last"},
    "two pathways": TWO_PATHWAYS,
}


def cfg_of(folder: Folder, kind: str = "max", **changes: Any) -> CfgNode:
    tiny = TINY_SLOWFAST if kind == "two pathways" else TINY
    options = tiny | DETECTION | KINDS[kind] | {key.replace("__", "."): value for key, value in changes.items()}
    if options["PGT.STEPS"] != "all":
        del options["PGT.UPDATE_EVERY"]
    return folder.cfg(*itertools.chain.from_iterable(options.items()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = write_folder(tmp_path_factory.mktemp("whole_ava"))
    truths = [line.rsplit(",", 2)[0] + f",{1 + n % 2},{n}" for n, line in enumerate(detected_rows(VIDEOS["val"], "0"))]
    return made.set("annotations/ava_val_v2.2.csv", truths)


def lanes_of(videos: WholeVideos, lanes: Sequence[Sequence[int]], pieces: int) -> Iterator[LaneBatch]:
    """Batches of lanes that go through the named videos."""
    walks = [[Piece(0, video, piece) for video in lane for piece in range(videos.lengths[video])] for lane in lanes]
    longest = -(-max(map(len, walks)) // pieces) * pieces
    rows: list[list[Piece | None]] = [[*walk, *[None] * (longest - len(walk))] for walk in walks]
    for first in range(0, longest, pieces):
        keys = [LaneKey(lane, tuple(row[first : first + pieces])) for lane, row in enumerate(rows)]
        yield collate_lanes([videos[key] for key in keys], videos)


def double_cutter(cfg: CfgNode) -> LaneCutter:
    cutter = LaneCutter.from_cfg(cfg)
    double: Any = DoubleNormalizer(cutter.normalizer)
    return LaneCutter(schedule=cutter.schedule, normalizer=double)


def model_of(cfg: CfgNode) -> Any:
    torch.manual_seed(1)
    return build_model(cfg).double()


def train_step(cfg: CfgNode) -> WholeVideoTrainStep:
    return WholeVideoTrainStep(
        cutter=double_cutter(cfg),
        loss=lambda logits, labels: bce(logits.double(), labels.double(), reduction="sum"),
        tbptt_steps=cfg.PGT.TBPTT_STEPS,
        recompute=cfg.PGT.GRADIENT == "exact",
    )


def trained(cfg: CfgNode, batches: Iterator[LaneBatch], updater: Any, model: nn.Module | None = None) -> nn.Module:
    model = model_of(cfg).train() if model is None else model
    step: Any = train_step(cfg)
    for batch in batches:
        step(model, batch, updater)
    return model


Scores = dict[tuple[int, int, int], Tensor]


@torch.no_grad()
def scores_of(cfg: CfgNode, model: Any, batches: Iterator[LaneBatch]) -> Scores:
    """By video, second and number of the person."""
    step, found = WholeVideoDetectionEvalStep(cutter=double_cutter(cfg)), {}
    for batch in batches:
        output = step(model, batch)
        for i in range(len(output.keyframes)):
            persons = output.keyframes
            key = int(persons.videos[i]), int(persons.seconds[i]), int(persons.numbers[i])
            assert key not in found
            found[key] = output.scores[i]
    return found


@torch.no_grad()
def scores_alone(cfg: CfgNode, model: Any, videos: WholeVideos) -> Scores:
    """The same by hand: each video alone, one step after the other, with the boxes of the seconds nearest to each step."""
    cutter, found = double_cutter(cfg), {}
    for place, length in enumerate(videos.lengths):
        model.reset()
        for piece in range(length):
            (batch,) = [collate_lanes([videos[LaneKey(0, (Piece(0, place, piece),))]], videos)]
            assert batch.keyframes is not None
            own = batch.keyframes[0]
            begins = torch.tensor([True]) if piece == 0 else None
            rows = model.step(cutter.step(batch.frames, 0), own.rois(), begins=begins)
            for i in range(len(own)):
                found[int(own.videos[i]), int(own.seconds[i]), int(own.numbers[i])] = rows[i]
    model.reset()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_a_video_alone_step_by_step(folder: Folder, kind: str) -> None:
    cfg = cfg_of(folder, kind)
    videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
    model = model_of(cfg).eval()
    wanted = scores_alone(cfg, model, videos)
    assert len(wanted) == 3 * 5 * 2
    for lanes, pieces in (([[0], [2, 1]], 3), ([[2], [0], [1]], 4)):
        found = scores_of(cfg, model, lanes_of(videos, lanes, pieces))
        assert found.keys() == wanted.keys()
        for key, scores in found.items():
            torch.testing.assert_close(scores, wanted[key], rtol=1e-9, atol=1e-9)


def test_scores_of_pictures_of_different_sizes_are_those_of_a_video_alone(folder: Folder) -> None:
    cfg = cfg_of(folder)
    model = model_of(cfg).eval()
    with build_loader(cfg, "test", batch_size=2) as loader:
        found = scores_of(cfg, model, loader.batches(0))
        wanted = scores_alone(cfg, model, loader.videos)  # type: ignore[union-attr]
    assert found.keys() == wanted.keys() and len(found) == 3 * 5 * 2
    for key, scores in found.items():
        torch.testing.assert_close(scores, wanted[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "lanes", "pieces"),
    [
        ({}, [[0, 1], [2]], 4),
        ({"PGT__CACHE": "avg", "PGT__CACHE_MOMENTUM": 0.5}, [[2, 0, 1]], 4),
        ({"PGT__GRADIENT": "exact"}, [[0], [2], [1]], 4),
    ],
    ids=["truncated", "momentum", "exact"],
)
def test_gradients_of_lanes_are_those_of_videos_alone(
    folder: Folder, changes: dict[str, Any], lanes: list[list[int]], pieces: int, updater: Any
) -> None:
    """Where gradients cross steps, lanes begin together, so that updates cut them as they cut videos alone."""
    cfg = cfg_of(folder, **changes)
    videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
    videos.dataset.persons.labels[::2, 0] = True  # type: ignore[attr-defined]  # detected boxes have none of their own
    together = trained(cfg, lanes_of(videos, lanes, pieces), updater)
    alone: nn.Module | None = None
    for video in range(len(videos.lengths)):
        alone = trained(cfg, lanes_of(videos, [[video]], pieces), updater, alone)
    assert alone is not None
    assert_equal_gradients(alone, together)


def test_a_step_without_persons_has_no_loss_but_passes_the_gradient_on(folder: Folder, updater: Any) -> None:
    """Exact over 4 steps, of which every other one has boxes, equals one graph over all of them."""
    models, losses = [], []
    for changes in ({"PGT__TBPTT_STEPS": 4}, {"PGT__GRADIENT": "exact"}, {"PGT__TBPTT_STEPS": 1}):
        cfg = cfg_of(folder, **changes)
        videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
        updater.losses.clear()
        models.append(trained(cfg, lanes_of(videos, [[0], [1]], 4), updater))
        losses.append(sorted(updater.losses))
    assert_equal_gradients(models[0], models[1])
    # One loss for each of five seconds, at steps 4, 6, 8, 10 and 12; of one graph the losses of an update are one.
    assert len(losses[1]) == len(losses[2]) == 5
    with pytest.raises(AssertionError):
        assert_equal_gradients(models[0], models[2])


def test_exact_gradients_of_clips_with_steps_without_persons_are_those_of_one_graph(folder: Folder, updater: Any) -> None:
    models = []
    for changes in ({"PGT__TBPTT_STEPS": 4}, {"PGT__GRADIENT": "exact"}):
        cfg = cfg_of(folder, PGT__STEPS=4, AVA__EMPTY_STEP="skip", **changes)
        dataset = build_dataset(cfg, "train")
        batch = collate([dataset[SampleKey(0, sample)] for sample in (0, 5)])
        step = ProgressiveTrainStep.from_cfg(cfg)
        persons = [len(target.labels) for target in step.targets(batch, step.cutter.schedule)]
        assert 0 in persons and persons[-1] > 0
        models.append(trained_on_clips(cfg, batch, updater)[0])
    assert_equal_gradients(*models)


def test_an_update_without_any_person_leaves_the_weights_and_carries_the_memory(folder: Folder, updater: Any) -> None:
    cfg = cfg_of(folder, PGT__GRADIENT="exact")
    videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
    model, step = model_of(cfg).train(), train_step(cfg)
    batch = next(lanes_of(videos, [[0]], 4))
    assert batch.keyframes is not None and not any(map(len, batch.keyframes))
    output = step(model, batch, updater)
    assert float(output.loss) == 0 and updater.updates == 1 and step.state_dict()["memory"]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_activations_do_not_grow_with_the_steps_of_an_exact_update(folder: Folder, updater: Any) -> None:
    peaks = []
    for every in (2, 13):
        cfg = cfg_of(folder, PGT__GRADIENT="exact", PGT__UPDATE_EVERY=every)
        videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
        model = model_of(cfg).train()
        step: Any = train_step(cfg)
        with ActivationMeter(exclude=model) as meter:
            for batch in lanes_of(videos, [[0]], every):
                step(model, batch, updater)
        peaks.append(meter.peak_bytes)
    assert max(peaks) <= 1.02 * min(peaks)


def test_norms_see_every_step_with_its_persons(folder: Folder) -> None:
    cfg = cfg_of(folder, BN__NORM_TYPE="batchnorm")
    videos = whole_videos(cfg, build_dataset(cfg, "val"), "val")
    model = model_of(cfg).train()
    with torch.no_grad():
        train_step(cfg).forward_only(model, list(lanes_of(videos, [[0]], 4))[1])
    assert {int(v) for name, v in model.state_dict().items() if name.endswith("num_batches_tracked")} == {4}


def make_trainer(cfg: CfgNode) -> Trainer:
    world = distributed.world_size()
    torch.manual_seed(0)
    model = build_model(cfg)
    optimizer = build_optimizer(cfg, model)
    return Trainer(
        model=model,
        step=build_train_step(cfg),
        updater=Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=torch.device("cpu")),
        optimizer=optimizer,
        schedule=build_schedule(cfg),
        loader=build_loader(cfg, "train", batch_size=2 // world, rank=distributed.rank(), world_size=world),
        device=torch.device("cpu"),
        num_epochs=2,
        seed=0,
    )


RESUMED: dict[str, Any] = {
    "PGT__CACHE": "avg", "PGT__CACHE_MOMENTUM": 0.3, "MODEL__DROPOUT_RATE": 0.3, "BN__NORM_TYPE": "batchnorm",
    "PGT__GRADIENT": "exact", "PGT__UPDATE_EVERY": 3, "SOLVER__BASE_LR": 1e-2,
}  # fmt: skip


@pytest.mark.parametrize("stop_after", [2, 5])
def test_a_training_that_stops_in_the_middle_of_videos_goes_on_to_the_same_weights(
    folder: Folder, stop_after: int, tmp_path: Path
) -> None:
    cfg = cfg_of(folder, **RESUMED)
    whole = make_trainer(cfg)
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.train()
    assert len(whole.loader) == 4 and any(not torch.equal(before[name], v) for name, v in whole.model.named_parameters())
    weights = resumed(lambda: make_trainer(cfg), tmp_path / "state.pyth", stop_after=stop_after)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def evaluated(cfg: CfgNode) -> tuple[Any, Any]:
    """Figures of the test, and the rows behind them; on the main process."""
    torch.manual_seed(3)
    model: Any = build_model(cfg)
    with build_loader(cfg, "test", batch_size=1, rank=distributed.rank(), world_size=distributed.world_size()) as loader:
        evaluation: Any = build_evaluation(cfg, dataset=loader.dataset, split="test")
        step = build_eval_step(cfg)
        metrics = evaluate(model=model, step=step, loader=loader, device=torch.device("cpu"), evaluation=evaluation)
    return metrics, evaluation.collected()


def _two_processes_job() -> None:
    folder = Folder(Path.cwd())
    cfg = cfg_of(folder, **RESUMED | {"BN__NORM_TYPE": "frozen_batchnorm"})  # else each process has statistics of its own
    whole = make_trainer(cfg)
    whole.train()
    weights = resumed(lambda: make_trainer(cfg), Path("state.pyth"), stop_after=2)
    assert all(torch.equal(value, weights[name]) for name, value in whole.model.state_dict().items())
    gathered = distributed.gather_everywhere({name: value.numpy() for name, value in weights.items()})
    assert all(np.array_equal(value, gathered[1][name]) for name, value in gathered[0].items())
    metrics, rows = evaluated(cfg)
    if metrics is not None:
        torch.save({"values": metrics.values, "keys": rows.keys.tolist()}, "metrics.pyth")


def test_two_processes_train_stop_go_on_and_evaluate_as_one(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.root.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    in_two_processes(_two_processes_job, tmp_path)
    found = torch.load("metrics.pyth", weights_only=True)
    metrics, rows = evaluated(cfg_of(folder, **RESUMED | {"BN__NORM_TYPE": "frozen_batchnorm"}))
    assert len(rows.keys) == 30 and sorted(found["keys"]) == sorted(rows.keys.tolist())
    assert found["values"] == pytest.approx(metrics.values, rel=1e-6)
    assert metrics.values["mAP"] > 0
