"""A tiny network, tiny data, and runs of them; as a script, a run that tests can kill."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slowfast.config import CfgNode, ConfigError, load_config
from slowfast.engine import checkpoint
from slowfast.engine.hooks import BadVideosHook, CheckpointHook, Hook, InterruptionHook, LogHook
from slowfast.engine.inference import evaluate
from slowfast.engine.lr_schedule import Schedule
from slowfast.engine.resume import resume
from slowfast.engine.steps import PlainEvalStep, PlainTrainStep
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.engine.video_evaluation import VideoEvaluation
from slowfast.engine.weight_average import WeightAverage
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from slowfast.runtime import distributed
from slowfast.runtime.command_line import exit_code_of
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.launch import launch
from slowfast.runtime.output_lock import only_run_in
from slowfast.structures import ClipBatch

CLASSES = 3
FRAMES = 4
VIDEOS = 24
NORMALIZER = Normalizer(mean=[0.45] * 3, std=[0.225] * 3)
PICKER = PathwayPicker(num_pathways=1)


class ToyNet(nn.Module):
    """Convolution, norm, dropout, classifier."""

    def __init__(self, *, dropout: float = 0.5, norm: bool = True, width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm3d(width) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, CLASSES)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        features = torch.relu(self.norm(self.conv(inputs[0]))).mean((2, 3, 4))
        logits = self.projection(self.dropout(features))
        return logits if self.training else logits.softmax(1)


class ToyLoader:
    """Clips made of their number; in training shuffled by the epoch, ranks taking contiguous parts of the global batch."""

    def __init__(
        self, *, batch_size: int, videos: Sequence[int] = range(VIDEOS), shuffle: bool = True, num_views: int = 1
    ) -> None:
        self.batch_size = batch_size
        self.videos = list(videos)
        self.shuffle = shuffle
        self.dataset = SimpleNamespace(
            records=range(VIDEOS), num_views=num_views, num_classes=CLASSES, class_names=range(CLASSES)
        )

    def __len__(self) -> int:
        if self.shuffle:
            return len(self.videos) // (self.batch_size * distributed.world_size())
        return -(-len(self.videos) * self.dataset.num_views // self.batch_size)

    @property
    def global_batch_size(self) -> int:
        return self.batch_size * distributed.world_size()

    @property
    def order(self) -> str:
        return f"videos {self.videos}"

    def batches(self, epoch: int, start: int = 0, *, offset: int = 0, clip_frames: int | None = None) -> Iterator[ClipBatch]:
        samples = [(video, view) for video in self.videos for view in range(self.dataset.num_views)]
        if self.shuffle:
            order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(epoch)).tolist()
            samples = [samples[index] for index in order]
        world, rank = (distributed.world_size(), distributed.rank()) if self.shuffle else (1, 0)
        samples = samples[offset:]
        num_batches = len(samples) // self.global_batch_size if self.shuffle else len(self)
        for number in range(start, num_batches):
            first = (number * world + rank) * self.batch_size
            yield toy_batch(samples[first : first + self.batch_size])


def toy_batch(samples: Sequence[tuple[int, int]], *, replaced: tuple[str, ...] = ()) -> ClipBatch:
    """Clips for (video, view) pairs."""
    frames = [
        torch.randint(0, 256, (3, FRAMES, 4, 4), generator=torch.Generator().manual_seed(100 * video + view), dtype=torch.uint8)
        for video, view in samples
    ]
    return ClipBatch(
        frames=torch.stack(frames),
        times=torch.arange(FRAMES, dtype=torch.float32).expand(len(samples), FRAMES) / 2,
        labels=torch.tensor([video % CLASSES for video, _ in samples]),
        frame_labels=None,
        videos=torch.tensor([video for video, _ in samples]),
        views=torch.tensor([view for _, view in samples]),
        names=tuple(f"video{video}" for video, _ in samples),
        replaced=replaced,
    )


def train_step() -> PlainTrainStep:
    return PlainTrainStep(picker=PICKER, normalizer=NORMALIZER, loss=F.cross_entropy)


def eval_step() -> PlainEvalStep:
    return PlainEvalStep(picker=PICKER, normalizer=NORMALIZER)


def toy_trainer(
    model: nn.Module,
    *,
    hooks: Sequence[Hook] = (),
    batch_size: int = 4,
    num_epochs: int = 2,
    momentum: float = 0.9,
    schedule: Schedule = lambda epoch: 0.1 / (1 + epoch),
    accumulate: int = 1,
    ema_decay: float = 0.0,
) -> Trainer:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    device = torch.device("cpu")
    return Trainer(
        model=model,
        step=train_step(),
        updater=Updater(parameters=list(model.parameters()), optimizer=optimizer, device=device),
        optimizer=optimizer,
        schedule=schedule,
        loader=ToyLoader(batch_size=batch_size),
        device=device,
        num_epochs=num_epochs,
        seed=3,
        accumulate=accumulate,
        average=WeightAverage(model, decay=ema_decay) if ema_decay else None,
        hooks=hooks,
    )


def saving_trainer(output_dir: Path, *, request: StopRequest, extra: Sequence[Hook] = ()) -> Trainer:
    """A trainer that saves after every iteration, and resumes if it finds something."""
    torch.manual_seed(0)
    saving = CheckpointHook(output_dir=output_dir, period=1, minutes=1e-9, cfg_text="")
    stopping = InterruptionHook(request=request, checkpoints=saving)
    trainer = toy_trainer(ToyNet(), hooks=[LogHook(period=2), BadVideosHook(), saving, *extra, stopping])
    newest = checkpoint.newest_valid(output_dir)
    if newest is not None:
        resume(trainer, *newest)
    return trainer


class Announce(Hook):
    """Tells the parent how far the run is, and gives it time to act."""

    def after_iteration(self, trainer: Trainer) -> None:
        print(trainer.iterations_done, flush=True)
        time.sleep(0.1)


def killable_job(cfg: CfgNode, place: Place) -> None:
    """Trains slowly, on as many threads as the tests have: the last bits of a sum depend on how it is shared out."""
    torch.set_num_threads(1)
    with StopRequest() as request:
        saving_trainer(Path(cfg.OUTPUT_DIR), request=request, extra=[Announce()]).train()


def locked_job(cfg: CfgNode, place: Place) -> None:
    """Holds the folder until it is killed; a loader worker of its own outlives it."""
    with only_run_in(cfg.OUTPUT_DIR):
        if distributed.main_process() and os.fork() == 0:
            for stream in (0, 1, 2):
                os.close(stream)
            time.sleep(20)
            os._exit(0)
        print(f"inside {distributed.rank()}", flush=True)
        time.sleep(20 if distributed.world_size() == 1 else 1)


def shared_job(cfg: CfgNode, place: Place) -> None:
    """Two processes share batches of 8; then they share an evaluation, unevenly."""
    torch.manual_seed(0)
    model = ToyNet(dropout=0.0, norm=False)
    toy_trainer(model, batch_size=8 // distributed.world_size()).train()
    rank, world = distributed.rank(), distributed.world_size()
    videos = range(VIDEOS) if world == 1 else (range(5), range(5, VIDEOS))[rank]
    loader = ToyLoader(batch_size=4, videos=videos, shuffle=False, num_views=2)
    evaluation = VideoEvaluation(loader.dataset, method="sum", multi_label=False)
    metrics = evaluate(model=model, step=eval_step(), loader=loader, device=place.device, evaluation=evaluation)
    if metrics is not None:
        scores = evaluation.scores()
        result = {"scores": torch.from_numpy(scores.scores), "view_counts": torch.from_numpy(scores.view_counts)}
        checkpoint.save(Path(cfg.OUTPUT_DIR) / f"world{world}.pyth", {"model_state": model.state_dict(), **result})


def partial_gradients_job(cfg: CfgNode, place: Place) -> None:
    """Each rank uses another layer of three; the third is used by none."""
    layers = nn.ModuleList(nn.Linear(2, 1, bias=False) for _ in range(3))
    for layer in layers:
        nn.init.ones_(layer.weight)
    optimizer = torch.optim.SGD(layers.parameters(), lr=1.0, weight_decay=0.5)
    updater = Updater(parameters=list(layers.parameters()), optimizer=optimizer, device=place.device)
    updater.accumulate(layers[distributed.rank()](torch.ones(1, 2)).sum())
    updater.apply()
    if distributed.main_process():
        checkpoint.save(Path(cfg.OUTPUT_DIR) / "partial.pyth", dict(layers.state_dict()))


def waiting_job(cfg: CfgNode, place: Place) -> None:
    group, wanted = distributed.another_group(), cfg.DIST_TIMEOUT_SECONDS + distributed.LATER_SECONDS
    for found in (group, torch.distributed.group.WORLD):
        assert found._get_backend(place.device).options._timeout.total_seconds() == wanted


def user_error_job(cfg: CfgNode, place: Place) -> None:
    """The second process finds a mistake of the user's; the first waits for it in vain."""
    if distributed.rank() == 1:
        raise ConfigError(key="A.B", value=1, why="only process 1 minds")
    distributed.barrier()


def fault_job(cfg: CfgNode, place: Place) -> None:
    if distributed.rank() == 1:
        raise ZeroDivisionError("a bug in process 1")
    distributed.barrier()


def main(jobs: Mapping[str, Any]) -> int:
    """Runs the job that the command line names."""
    job, output_dir, processes = sys.argv[1:]
    cfg = load_config(
        None, ["OUTPUT_DIR", output_dir, "NUM_GPUS", 0, "NUM_PROCS", int(processes), "DATA_LOADER.NUM_WORKERS", 0]
    )
    return exit_code_of(lambda: launch(cfg, jobs[job]))


if __name__ == "__main__":
    sys.exit(main(globals()))
