"""Whole videos in lanes: every video is what it would be alone, wherever lanes begin and end, stop and go on."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from pgt import StreamBatch
from pgt.state import MemoryMismatchError
from pgt.whole_videos import LaneCutter, WholeVideoEvalStep, WholeVideoTrainStep
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import CfgNode, ConfigError
from slowfast.datasets.clip_sampling import RandomStridedClip
from slowfast.datasets.labels import IntervalLabels
from slowfast.datasets.lane_loader import LaneLoader
from slowfast.datasets.lanes import EvaluationLanes, TrainingLanes
from slowfast.datasets.sources import FileSource
from slowfast.datasets.transforms import RandomCrop
from slowfast.datasets.video_dataset import VideoDataset
from slowfast.datasets.video_files import VideoFiles
from slowfast.datasets.whole_videos import WholeVideos
from slowfast.engine.lr_schedule import build_schedule
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer
from slowfast.runtime import distributed
from slowfast.structures import ActionInterval, LaneBatch, VideoRecord
from tests.datasets.videos import write_video
from tests.pgt.interrupted_training import interrupted, resumed
from tests.pgt.test_gradient import DoubleNormalizer, assert_equal_gradients
from tests.two_processes import in_two_processes

Make = Callable[..., Any]
CLASSES = 5


def whole_cfg(tiny_cfg: Make, **changes: Any) -> CfgNode:
    return tiny_cfg(**({"PGT__STEPS": "all", "PGT__UPDATE_EVERY": 2} | changes))


def draw_videos(lengths: Sequence[int], piece_frames: int, *, side: int = 32) -> list[tuple[Tensor, Tensor]]:
    """Frames uint8 (C, T, H, W) and labels (S, K) of videos with so many pieces."""
    generator = torch.Generator().manual_seed(3)
    return [
        (
            torch.randint(0, 256, (3, length * piece_frames, side, side), generator=generator, dtype=torch.uint8),
            (torch.rand((length, CLASSES), generator=generator) < 0.4).float(),
        )
        for length in lengths
    ]


def lanes_of(videos: list[tuple[Tensor, Tensor]], lanes: list[list[int]], *, pieces: int, frames: int) -> Iterator[LaneBatch]:
    """Batches of lanes that go through the named videos; where a lane has ended its rows are not valid."""
    walks = [[(video, piece) for video in lane for piece in range(len(videos[video][1]))] for lane in lanes]
    longest = max(map(len, walks))
    rows = [walk + [(-1, -1)] * (-longest % pieces + longest - len(walk)) for walk in walks]
    nothing = torch.zeros((3, frames, *videos[0][0].shape[2:]), dtype=torch.uint8)
    for first in range(0, len(rows[0]), pieces):
        cut = [row[first : first + pieces] for row in rows]
        numbers = torch.tensor([[piece for _, piece in row] for row in cut])
        yield LaneBatch(
            frames=torch.stack(
                [
                    torch.cat([nothing if v < 0 else videos[v][0][:, p * frames : (p + 1) * frames] for v, p in row], dim=1)
                    for row in cut
                ]
            ),
            times=torch.zeros((len(cut), pieces * frames)),
            frame_sec=torch.ones((len(cut), pieces)),
            video_sec=torch.full((len(cut), pieces), float(pieces * frames), dtype=torch.float64),
            valid=(numbers >= 0).repeat_interleave(frames, dim=1),
            begins=numbers == 0,
            labels=torch.stack(
                [torch.stack([torch.zeros(CLASSES) if v < 0 else videos[v][1][p] for v, p in row]) for row in cut]
            ),
            videos=torch.tensor([[video for video, _ in row] for row in cut]),
            views=torch.zeros_like(numbers),
            pieces=numbers,
            names=("some",),
        )


def train_step(cfg: CfgNode) -> WholeVideoTrainStep:
    cutter = LaneCutter.from_cfg(cfg)
    double: Any = DoubleNormalizer(cutter.normalizer)
    return WholeVideoTrainStep(
        cutter=LaneCutter(schedule=cutter.schedule, normalizer=double, remembers=cutter.remembers),
        loss=lambda logits, labels: bce(logits.double(), labels.double(), reduction="sum"),
        tbptt_steps=cfg.PGT.TBPTT_STEPS,
        recompute=cfg.PGT.GRADIENT == "exact",
    )


def trained(cfg: CfgNode, batches: Iterator[LaneBatch], updater: Any, model: nn.Module | None = None) -> nn.Module:
    if model is None:
        torch.manual_seed(1)
        model = build_model(cfg).train().double()
    step: Any = train_step(cfg)
    for batch in batches:
        step(model, batch, updater)
    return model


def piece_frames(cfg: CfgNode) -> int:
    return int(cfg.DATA.NUM_FRAMES // cfg.DATA.LANE_PIECES)


KINDS = {
    "last": {"PGT__CACHE": "last"},
    "max": {"PGT__CACHE": "max"},
    "avg with momentum": {"PGT__CACHE": "avg", "PGT__CACHE_MOMENTUM": 0.5},
    "causal": {"PGT__OPERATOR": "causal", "PGT__CACHE": "last"},
    "two pathways": {"slowfast": True, "PGT__CACHE": "max"},
    "exact": {"PGT__CACHE": "max", "PGT__GRADIENT": "exact"},
    "progressive blocks": {
        "NONLOCAL__LOCATION": [[[]], [[0]], [[]], [[]]], "NONLOCAL__INSTANTIATION": "softmax", "NONLOCAL__PROGRESS": True,
        "PGT__NL_NORM": "none",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_videos_of_lanes_have_the_gradients_of_videos_alone(kind: str, tiny_cfg: Make, updater: Any) -> None:
    cfg = whole_cfg(tiny_cfg, **KINDS[kind])
    frames = piece_frames(cfg)
    videos = draw_videos([4, 2, 2, 6], frames)  # so that updates cut lanes and videos alone at the same steps
    together = trained(cfg, lanes_of(videos, [[0, 1], [2], [3]], pieces=2, frames=frames), updater)
    alone: nn.Module | None = None
    for number in range(len(videos)):
        alone = trained(cfg, lanes_of(videos, [[number]], pieces=2, frames=frames), updater, alone)
    assert alone is not None
    assert_equal_gradients(alone, together)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "exact"])
def test_scores_are_those_of_a_video_alone_wherever_it_begins(kind: str, tiny_cfg: Make) -> None:
    cfg = whole_cfg(tiny_cfg, **KINDS[kind])
    frames = piece_frames(cfg)
    videos = draw_videos([3, 1, 5, 2], frames)
    torch.manual_seed(1)
    model: Any = build_model(cfg).eval().double()
    double: Any = DoubleNormalizer(Normalizer.from_cfg(cfg))

    def scores(lanes: list[list[int]], pieces: int) -> dict[tuple[int, int], Tensor]:
        step = WholeVideoEvalStep(
            cutter=LaneCutter(schedule=LaneCutter.from_cfg(cfg).schedule, normalizer=double), ensemble="max"
        )
        found = {}
        for batch in lanes_of(videos, lanes, pieces=pieces, frames=frames):
            with torch.no_grad():
                output = step(model, batch)
            for row, s in itertools.product(range(len(batch)), range(pieces)):
                if batch.videos[row, s] >= 0:
                    found[int(batch.videos[row, s]), int(batch.pieces[row, s])] = output.scores[row, s]
        return found

    wanted = {key: value for number in range(4) for key, value in scores([[number]], 1).items()}
    for lanes, pieces in (([[0, 1, 2, 3]], 2), ([[0, 3], [1, 2]], 3), ([[2], [1, 0, 3]], 1), ([[0], [1], [2], [3]], 2)):
        found = scores(lanes, pieces)
        assert found.keys() == wanted.keys()
        for key, value in found.items():
            torch.testing.assert_close(value, wanted[key], rtol=1e-9, atol=1e-9)


def test_scores_do_not_depend_on_how_a_video_is_cut_into_batches_to_the_bit(tiny_cfg: Make) -> None:
    cfg = whole_cfg(tiny_cfg)
    frames = piece_frames(cfg)
    videos = draw_videos([7, 5], frames)
    torch.manual_seed(1)
    model: Any = build_model(cfg).eval()
    found = []
    for pieces in (1, 2, 3, 7):
        step = WholeVideoEvalStep.from_cfg(cfg)
        with torch.no_grad():
            outputs = [step(model, batch).scores for batch in lanes_of(videos, [[0], [1]], pieces=pieces, frames=frames)]
        found.append(torch.cat(outputs, dim=1)[:, :7])
    assert all(torch.equal(other[0], found[0][0]) and torch.equal(other[1, :5], found[0][1, :5]) for other in found[1:])


def test_causal_steps_say_what_one_pass_says_at_their_end(tiny_cfg: Make) -> None:
    cfg = whole_cfg(tiny_cfg, PGT__HEAD=True, PGT__OPERATOR="causal", PGT__CACHE="last", MODEL__FINAL_POOL=["avg", "avg"])
    frames = piece_frames(cfg)
    videos = draw_videos([4], frames)
    torch.manual_seed(1)
    model: Any = build_model(cfg).eval()
    step = WholeVideoEvalStep.from_cfg(cfg)
    with torch.no_grad():
        (batch,) = lanes_of(videos, [[0]], pieces=4, frames=frames)
        scores = step(model, batch).scores[0]
        clip = Normalizer.from_cfg(cfg)(videos[0][0][None])
        wanted = torch.cat([model([clip[:, :, : (s + 1) * frames]]) for s in range(4)])
    torch.testing.assert_close(scores, wanted, rtol=1e-4, atol=1e-5)


def test_activations_do_not_grow_with_the_length_of_a_video_or_of_an_exact_update(tiny_cfg: Make, updater: Any) -> None:
    peaks = []
    for every, length in ((2, 2), (2, 20), (10, 20)):
        cfg = whole_cfg(tiny_cfg, PGT__GRADIENT="exact", PGT__UPDATE_EVERY=every)
        frames = piece_frames(cfg)
        model, step = build_model(cfg).train(), WholeVideoTrainStep.from_cfg(cfg)
        with ActivationMeter(exclude=model) as meter:
            for batch in lanes_of(draw_videos([length], frames), [[0]], pieces=every, frames=frames):
                step(model, batch, updater)
        peaks.append(meter.peak_bytes)
    assert max(peaks) <= 1.02 * min(peaks)


def test_a_batch_without_a_valid_piece_changes_nothing(tiny_cfg: Make, updater: Any) -> None:
    cfg = whole_cfg(tiny_cfg)
    frames = piece_frames(cfg)
    (batch,) = lanes_of(draw_videos([2], frames), [[0]], pieces=2, frames=frames)
    nothing = LaneBatch(**{name: getattr(batch, name) for name in batch.__slots__} | {"valid": torch.zeros_like(batch.valid)})
    model = build_model(cfg).train()
    output = WholeVideoTrainStep.from_cfg(cfg)(model, nothing, updater)  # type: ignore[arg-type]
    assert float(output.loss) == 0 and all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"PGT__SEMANTICS": "released"}, "PGT.SEMANTICS"),
        ({"PGT__MGRID": True}, "PGT.MGRID"),
        ({"PGT__PG_EVAL": False}, "PGT.PG_EVAL"),
        ({"PGT__TBPTT_STEPS": 3}, "PGT.TBPTT_STEPS"),
        ({"PGT__GRADIENT": "exact", "PGT__UPDATE_EVERY": 1}, "PGT.UPDATE_EVERY"),
        ({"PGT__GRADIENT": "exact", "PGT__STEPS": 1, "PGT__UPDATE_EVERY": 0}, "PGT.STEPS"),
        ({"DATA__LANE_PIECES": 7}, "DATA.LANE_PIECES"),
        ({"PGT__STEPS": "every"}, "PGT.STEPS"),
        ({"PGT__STEPS": 0}, "PGT.STEPS"),
        ({"PGT__STEPS": 3, "DATA__LANE_PIECES": 2}, "DATA.LANE_PIECES"),
        ({"PGT__ENABLE": False, "DATA__LANE_PIECES": 2}, "DATA.LANE_PIECES"),
    ],
)
def test_options_that_do_not_go_with_whole_videos_are_refused(changes: dict[str, Any], key: str, tiny_cfg: Make) -> None:
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        whole_cfg(tiny_cfg, **changes)


def test_what_is_read_at_once_follows_from_the_steps_of_an_update(tiny_cfg: Make) -> None:
    cfg = whole_cfg(tiny_cfg, PGT__UPDATE_EVERY=0)
    assert (cfg.PGT.UPDATE_EVERY, cfg.DATA.LANE_PIECES, cfg.DATA.NUM_FRAMES) == (5, 5, 15)
    cfg = whole_cfg(tiny_cfg, PGT__UPDATE_EVERY=0, PGT__TRAIN_TOGETHER=False)
    assert (cfg.PGT.UPDATE_EVERY, cfg.DATA.LANE_PIECES, cfg.DATA.NUM_FRAMES) == (1, 1, 3)
    again = whole_cfg(tiny_cfg, PGT__TRAIN_TOGETHER=False, PGT__UPDATE_EVERY=1, DATA__LANE_PIECES=1, DATA__NUM_FRAMES=3)
    assert again.dump() == cfg.dump()


def test_the_length_of_clips_has_no_effect_and_is_told(tiny_cfg: Make) -> None:
    with pytest.warns(UserWarning, match=r"DATA\.NUM_FRAMES = 76 and TEST\.NUM_ENSEMBLE_VIEWS = 10 are for clips"):
        cfg = whole_cfg(tiny_cfg, DATA__NUM_FRAMES=76, TEST__NUM_ENSEMBLE_VIEWS=10)
    assert (cfg.DATA.NUM_FRAMES, cfg.TEST.NUM_ENSEMBLE_VIEWS) == (6, 1)


LENGTHS = (40, 9, 25, 60, 14, 33)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("whole_training")
    return [write_video(folder / f"{i}.mp4", length, fps=24) for i, length in enumerate(LENGTHS)]


def whole_videos(paths: list[str], frames: int) -> WholeVideos:
    """Pieces of so many frames."""
    records = [
        VideoRecord(video_id=str(i), path=path, source=f"row {i}", actions=(ActionInterval(i % CLASSES, 0.1, 0.8),))
        for i, path in enumerate(paths)
    ]
    dataset = VideoDataset(
        records=records,
        class_names=tuple("abcde"),
        source=FileSource(VideoFiles()),
        clips=RandomStridedClip(4, 1),
        crops=RandomCrop(smallest=34, largest=44, size=32, inverse=False, flip=True),
        labels=IntervalLabels(num_classes=CLASSES, fps=24, whole_video=False),
        seed=5,
        replaces=True,
    )
    return WholeVideos(dataset, piece_frames=frames, goes_on=True)


def evaluation_batches(path: str, frames: int, *, pieces: int, start: int = 0) -> Iterator[LaneBatch]:
    """One file, opened anew, without its first `start` batches."""
    videos = whole_videos([path], frames)
    return LaneLoader(videos, EvaluationLanes(lengths=videos.lengths, lanes=1, pieces=pieces)).batches(0, start)


@pytest.mark.parametrize("kind", ["max", "avg with momentum", "causal", "two pathways"])
def test_scores_of_a_file_do_not_depend_on_how_it_is_fed_to_the_bit(
    kind: str, tiny_cfg: Make, paths: list[str], tmp_path: Path
) -> None:
    cfg = whole_cfg(tiny_cfg, **KINDS[kind])
    frames, path = piece_frames(cfg), paths[3]
    steps = -(-LENGTHS[3] // frames)
    torch.manual_seed(1)
    model: Any = build_model(cfg).eval()
    found = []
    for pieces in (1, 3, steps):
        step = WholeVideoEvalStep.from_cfg(cfg)
        with torch.no_grad():
            scores = [step(model, batch).scores[0] for batch in evaluation_batches(path, frames, pieces=pieces)]
        found.append(torch.cat(scores)[:steps])
    # By streams, each of which goes on from what the one before has left in a file, in the middle of the video.
    cutter, memory, scores = LaneCutter.from_cfg(cfg), tmp_path / "memory.pt", []
    torch.save({}, memory)
    for first, stop in itertools.pairwise([0, 1, steps // 2, steps]):
        streams: StreamBatch[str] = StreamBatch(model, normalize=cutter.normalizer)
        streams.add("part")
        streams.restore("part", torch.load(memory))
        for batch in itertools.islice(evaluation_batches(path, frames, pieces=1, start=first), stop - first):
            scores.append(streams.step({"part": batch.frames[0].unbind(1)})["part"])
        torch.save(streams.save("part"), memory)
    found.append(torch.stack(scores))
    assert len(found[0]) == steps and len(found[0].unique(dim=0)) == steps
    for other in found[1:]:
        assert torch.equal(other, found[0])


def test_reading_holds_a_few_pieces_of_a_video_whatever_its_length(tmp_path: Path) -> None:
    peaks = []
    for length in (60, 600):
        path = write_video(tmp_path / f"{length}.mp4", length, fps=24)
        list(evaluation_batches(path, 3, pieces=2))  # makes the index
        gc.collect()
        tracemalloc.start()
        for _ in evaluation_batches(path, 3, pieces=2):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**18, "600 pictures of 32 x 32 are 1.8 MB"


def make_trainer(cfg: CfgNode, paths: list[str], *, epochs: int = 2) -> Trainer:
    videos = whole_videos(paths, piece_frames(cfg))
    lanes = TrainingLanes(
        lengths=videos.lengths, lanes=2, pieces=2, seed=0, rank=distributed.rank(), world_size=distributed.world_size()
    )
    torch.manual_seed(0)
    model = build_model(cfg)
    optimizer = build_optimizer(cfg, model)
    return Trainer(
        model=model,
        step=WholeVideoTrainStep.from_cfg(cfg),
        updater=Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=torch.device("cpu")),
        optimizer=optimizer,
        schedule=build_schedule(cfg),
        loader=LaneLoader(videos, lanes),
        device=torch.device("cpu"),
        num_epochs=epochs,
        seed=0,
    )


def resume_cfg(tiny_cfg: Make) -> CfgNode:
    return whole_cfg(tiny_cfg, PGT__CACHE="avg", PGT__CACHE_MOMENTUM=0.3, MODEL__DROPOUT_RATE=0.3, BN__NORM_TYPE="batchnorm")


@pytest.mark.parametrize("stop_after", [1, 6, 11, 17])
def test_a_training_that_stops_in_the_middle_of_videos_goes_on_to_the_same_weights(
    stop_after: int, tiny_cfg: Make, paths: list[str], tmp_path: Path
) -> None:
    cfg = resume_cfg(tiny_cfg)
    whole = make_trainer(cfg, paths)
    whole.train()
    assert len(whole.loader) > 10
    weights = resumed(lambda: make_trainer(cfg, paths), tmp_path / "state.pyth", stop_after=stop_after)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_the_memory_of_another_order_is_not_taken_over(tiny_cfg: Make, paths: list[str]) -> None:
    cfg = resume_cfg(tiny_cfg)
    state = interrupted(make_trainer(cfg, paths), stop_after=3)
    assert state["step"]["memory"]
    second = make_trainer(cfg, paths[:4])
    second.load_state_dict(state)
    assert (second.iteration, second.step.state_dict()["memory"]) == (0, {})
    second.train()


def test_lanes_of_another_number_are_refused_by_the_memory(tiny_cfg: Make, updater: Any) -> None:
    cfg = whole_cfg(tiny_cfg)
    frames = piece_frames(cfg)
    videos = draw_videos([4, 4], frames)
    model: Any = build_model(cfg).train()
    step = WholeVideoTrainStep.from_cfg(cfg)
    first = next(lanes_of(videos, [[0], [1]], pieces=2, frames=frames))
    _, second = lanes_of(videos, [[0]], pieces=2, frames=frames)
    step(model, first, updater)
    with pytest.raises(MemoryMismatchError):
        step(model, second, updater)


def _two_processes_job() -> None:
    from slowfast.config import load_config
    from tests.pgt.conftest import TINY

    changes = {
        "PGT.STEPS": "all", "PGT.UPDATE_EVERY": 2, "PGT.CACHE": "avg", "PGT.CACHE_MOMENTUM": 0.3, "MODEL.DROPOUT_RATE": 0.3,
        "SOLVER.BASE_LR": 1e-3,
    }  # fmt: skip
    cfg = load_config(None, [part for item in (TINY | changes).items() for part in item])
    paths = sorted(str(path) for path in Path.cwd().glob("*.mp4"))
    whole = make_trainer(cfg, paths)
    whole.train()
    weights = resumed(lambda: make_trainer(cfg, paths), Path("state.pyth"), stop_after=2)
    memory = torch.load("state.pyth", weights_only=True)["step"]["memory"]
    assert {len(frames) for frames in memory.values()} == {4}
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    gathered = distributed.gather_everywhere({name: value.numpy() for name, value in weights.items()})
    assert all(np.array_equal(value, gathered[1][name]) for name, value in gathered[0].items())


def test_two_processes_stop_and_go_on_with_the_memory_of_each(
    paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in paths:
        (tmp_path / Path(path).name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    in_two_processes(_two_processes_job, tmp_path)


def test_without_memory_every_step_is_a_video_of_its_own(tiny_cfg: Make, updater: Any) -> None:
    frames = piece_frames(whole_cfg(tiny_cfg))
    ((pixels, labels),) = draw_videos([4], frames)
    pieces = [(pixels[:, p * frames : (p + 1) * frames], labels[p : p + 1]) for p in range(4)]
    cfg = whole_cfg(tiny_cfg, PGT__CACHE="none")
    torch.manual_seed(1)
    model = build_model(cfg).eval()
    evaluate = WholeVideoEvalStep.from_cfg(cfg)
    with torch.no_grad():
        along = torch.cat([evaluate(model, b).scores for b in lanes_of([(pixels, labels)], [[0]], pieces=2, frames=frames)], 1)
        alone = torch.cat([evaluate(model, b).scores for b in lanes_of(pieces, [[0], [1], [2], [3]], pieces=1, frames=frames)])
    torch.testing.assert_close(along[0], alone[:, 0])

    remembering = whole_cfg(tiny_cfg, PGT__CACHE="last")
    trained_along = trained(cfg, lanes_of([(pixels, labels)], [[0]], pieces=2, frames=frames), updater)
    trained_alone = trained(
        remembering, itertools.chain(*(lanes_of(pieces, [[p]], pieces=1, frames=frames) for p in range(4))), updater
    )
    assert_equal_gradients(trained_along, trained_alone)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"PGT__STEPS": 3}, r"PGT\.STEPS"),
        ({"PGT__GRADIENT": "exact"}, r"PGT\.GRADIENT"),
        ({"PGT__TBPTT_STEPS": 2}, r"PGT\.TBPTT_STEPS"),
        ({"PGT__CACHE_MOMENTUM": 0.5}, r"PGT\.CACHE_MOMENTUM"),
    ],
)
def test_options_that_need_a_memory_are_refused_without_one(changes: dict[str, Any], key: str, tiny_cfg: Make) -> None:
    with pytest.raises(ConfigError, match=key):
        whole_cfg(tiny_cfg, PGT__CACHE="none", **changes)


@pytest.mark.parametrize("several", [False, True])
def test_the_head_sees_its_own_step_where_labels_have_times_unless_told_otherwise(several: bool, tiny_cfg: Make) -> None:
    labels = {"DATA__MULTI_LABEL": several, "MODEL__LOSS_FUNC": "bce_logit" if several else "cross_entropy"}
    assert whole_cfg(tiny_cfg, **labels).PGT.HEAD != several
    assert whole_cfg(tiny_cfg, PGT__HEAD=True, **labels).PGT.HEAD
    assert tiny_cfg(**labels).PGT.HEAD
