"""What `whole_videos.py` measures, each in a process of its own:

    python benchmarks/whole_video_jobs.py JOB '{"KEY": VALUE, ...}'

The last line it prints is a JSON object. One thread a process.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from pgt import StreamBatch
from pgt.whole_videos import LaneCutter, WholeVideoTrainStep
from slowfast.commands.activation_meter import ActivationMeter
from slowfast.config import load_config
from slowfast.datasets import build_loader
from slowfast.engine.inference import evaluate
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.steps import PlainTrainStep
from slowfast.engine.tasks import build_eval_step, build_evaluation, build_train_step
from slowfast.engine.trainer import Trainer
from slowfast.engine.training import build_trainer
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.peak_memory import peak_memory_bytes
from slowfast.structures import LaneBatch, StepOutput

CPU = torch.device("cpu")
UPDATE_EVERY = 5
SMALL = {
    "RESNET.DEPTH": 18, "RESNET.TRANS_FUNC": "basic_transform", "RESNET.WIDTH_PER_GROUP": 4,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]], "DATA.TRAIN_CROP_SIZE": 64,
}  # fmt: skip
"""A Slow R18 of a quarter of the width: quick enough for an hour of video on one core."""

Result = dict[str, Any]


def config(folder: str = ".", **changes: Any) -> CfgNode:
    """Slow R50 in steps of 8 frames, the next video's first frames every `DATA.SAMPLING_RATE`; "__" in a name is a dot."""
    options: dict[str, Any] = {
        "NUM_GPUS": 0, "OUTPUT_DIR": f"{folder}/run", "LOG_PERIOD": 1000, "LOG_MODEL_INFO": False, "REPORT.ENABLE": False,
        "MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "slow", "MODEL.NUM_CLASSES": 10, "MODEL.DROPOUT_RATE": 0.0,
        "BN.NORM_TYPE": "batchnorm",
        "DATA.PATH_TO_DATA_DIR": folder, "DATA.INDEX_CACHE_DIR": f"{folder}/index", "DATA.SAMPLING_RATE": 16,
        "DATA.TRAIN_JITTER_SCALES": [72, 80], "DATA.TEST_CROP_SIZE": 64,
        "TRAIN.DATASET": "kinetics", "TRAIN.BATCH_SIZE": 1, "TRAIN.EVAL_PERIOD": 0, "TRAIN.CHECKPOINT_PERIOD": 1000,
        "TEST.DATASET": "kinetics", "TEST.BATCH_SIZE": 1, "TEST.NUM_ENSEMBLE_VIEWS": 1, "TEST.NUM_SPATIAL_CROPS": 1,
        "SOLVER.BASE_LR": 0.001,
        "PGT.ENABLE": True, "PGT.STEPS": "all", "PGT.STEP_LEN": [8], "PGT.OVERLAP": [1], "PGT.CACHE": "max",
        "PGT.UPDATE_EVERY": UPDATE_EVERY,
    } | {key.replace("__", "."): value for key, value in changes.items()}  # fmt: skip
    return load_config(None, [part for item in options.items() for part in item])


def train(folder: str, epochs: int, workers: int) -> Result:
    """A training on the videos of a folder, with the trainer, the loader and the step that a config gets."""
    trainer, watch = _trainer(folder, workers=workers, SOLVER__MAX_EPOCH=epochs)
    with watch.loader:
        trainer.train()
    return watch.result()


def end_to_end(folder: str, epochs: int) -> Result:
    """The same network over all of a video at once, with the gradient of all frames."""
    with build_loader(config(folder, **SMALL), "train", batch_size=1) as lengths:
        steps = max(lengths.videos.lengths)  # type: ignore[union-attr]
    trainer, watch = _trainer(folder, workers=0, SOLVER__MAX_EPOCH=epochs, PGT__UPDATE_EVERY=steps)
    trainer.step = EndToEnd.from_cfg(config(folder, **SMALL))
    with watch.loader:
        trainer.train()
    return watch.result()


def alternate(folders: list[str], epochs: list[int], updates: int) -> Result:
    """Trainings in turns, `updates` of each at a time: processor seconds a frame of each turn, decoding included."""
    trainings = [_trainer(folder, workers=0, SOLVER__MAX_EPOCH=count) for folder, count in zip(folders, epochs, strict=True)]
    turns = [_turns(trainer, watch, updates) for trainer, watch in trainings]
    return {"turns": [list(pair) for pair in zip(*turns, strict=False)]}  # the longest may have a turn more


def gradient_times(steps: int, repeats: int, crop: int) -> Result:
    """Slow R50: seconds of one update by truncated and by exact gradients, in turns; processor and wall."""
    runs = {kind: _update_of(kind, steps, crop) for kind in ("truncated", "exact")}
    seconds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in runs}
    for run in runs.values():
        run()
    for _ in range(repeats):
        for kind, run in runs.items():
            begun = time.process_time(), time.perf_counter()
            run()
            seconds[kind].append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
    return {"seconds": seconds}


def gradient_memory(kind: str, steps: int, crop: int) -> Result:
    """Slow R50: the peak of the process in one update, and in a second one that of the activations by the meter."""
    run = _update_of(kind, steps, crop)
    run()
    process = peak_memory_bytes(CPU)
    return {"process": process, "activations": run(metered=True)}


def end_to_end_activations(steps: int, crop: int) -> Result:
    """Slow R50 over all frames at once: what autograd would save, by shapes alone, as it would not fit."""
    model = build_model(config(DATA__TRAIN_CROP_SIZE=crop)).train().to("meta")
    frames = torch.empty((1, 3, steps * 7, crop, crop), device="meta")
    with ActivationMeter(exclude=model) as meter:
        model([frames])
    return {"activations": meter.peak_bytes}


def evaluation(folder: str, pieces: int, scores: str) -> Result:
    """The scores of all steps of a folder's video, `pieces` steps a batch, into a file."""
    cfg = config(folder, **SMALL, PGT__UPDATE_EVERY=pieces)
    model, step = _seeded(cfg), build_eval_step(cfg)
    with build_loader(cfg, "test", batch_size=1) as loader:
        found: Any = build_evaluation(cfg, dataset=loader.dataset, split="test")
        evaluate(model=model, step=step, loader=loader, device=CPU, evaluation=found, request=StopRequest())
    np.save(scores, found.pieces().scores)
    return {"process": peak_memory_bytes(CPU), "steps": len(found.pieces().scores)}


def evaluation_of_a_part(folder: str, first: int, stop: int, memory_before: str, memory_after: str, scores: str) -> Result:
    """Scores of steps [first, stop), from what was remembered before; the file is opened anew, and read from there on."""
    cfg = config(folder, **SMALL, PGT__UPDATE_EVERY=1)
    model, cutter = _seeded(cfg), LaneCutter.from_cfg(cfg)
    stream: StreamBatch[str] = StreamBatch(model)
    stream.add("video")
    if memory_before:
        stream.restore("video", torch.load(memory_before))
    found = []
    with build_loader(cfg, "test", batch_size=1) as loader:
        for batch in loader.batches(0, first):
            if len(found) == stop - first:
                break
            found.append(stream.step({"video": cutter.step(batch.frames, 0)[0][0]})["video"])
    torch.save(stream.save("video"), memory_after)
    np.save(scores, torch.stack(found).numpy())
    return {"process": peak_memory_bytes(CPU)}


class Watched:
    """A loader that counts frames and the time that the trainer waits for batches, from the second update on: the first one
    starts the workers."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.frames, self.waited = 0, 0.0
        self._begun: float | None = None
        self._processor = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __len__(self) -> int:
        return len(self.loader)

    def batches(self, *place: Any, **options: Any) -> Iterator[Any]:
        batches = self.loader.batches(*place, **options)
        for _ in range(len(self)):
            asked = time.perf_counter()
            batch = next(batches)
            if self._begun is not None:
                self.waited += time.perf_counter() - asked
                self.frames += int(batch.valid.sum())
            yield batch
            if self._begun is None:
                self._begun, self._processor = time.perf_counter(), time.process_time()

    def result(self) -> Result:
        assert self._begun is not None
        return {
            "process": peak_memory_bytes(CPU),
            "frames": self.frames,
            "seconds": time.perf_counter() - self._begun,
            "processor": time.process_time() - self._processor,
            "waited": self.waited,
        }


class EndToEnd(PlainTrainStep):
    """What happens to a clip, with a whole video in its place."""

    def __call__(self, model: nn.Module, batch: LaneBatch, updater: Updater) -> StepOutput:  # type: ignore[override]
        clip: Any = SimpleNamespace(frames=batch.frames, labels=batch.labels[:, 0])
        return super().__call__(model, clip, updater)


def _trainer(folder: str, *, workers: int, **changes: Any) -> tuple[Trainer, Watched]:
    cfg = config(folder, **SMALL, **changes)
    watch = Watched(build_loader(cfg, "train", batch_size=1, num_workers=workers))
    return build_trainer(cfg, Place(CPU, workers), StopRequest(), loader=watch, val_loader=None), watch  # type: ignore[arg-type]


def _turns(trainer: Trainer, watch: Watched, updates: int) -> Iterator[float]:
    """Trains as `Trainer.train` does, without its hooks; stops after each turn."""
    step: Any = trainer.step
    trainer._plan = step.plan(0, 1)
    trainer.model.train()
    with watch.loader:
        done, begun = 0, (0, time.process_time())
        for epoch in range(trainer.num_epochs):
            trainer.epoch, trainer.iteration = epoch, 0
            for batch in watch.batches(epoch):
                trainer._run_iteration(batch)
                trainer.iteration += 1
                done += 1
                if done % updates == 0:
                    frames, now = watch.frames, time.process_time()
                    yield (now - begun[1]) / max(1, frames - begun[0])
                    begun = frames, time.process_time()


def _update_of(kind: str, steps: int, crop: int) -> Callable[..., int]:
    """Function that makes an update of Slow R50 from `steps` steps of random frames, and tells the peak of activations."""
    cfg = config(DATA__TRAIN_CROP_SIZE=crop, PGT__UPDATE_EVERY=steps, PGT__GRADIENT=kind)
    model = _seeded(cfg).train()
    step: WholeVideoTrainStep = build_train_step(cfg)  # type: ignore[assignment]
    updater = Updater.from_cfg(cfg, model=model, optimizer=build_optimizer(cfg, model), device=CPU)
    batch = _random_lane(steps, crop)

    def run(*, metered: bool = False) -> int:
        meter = ActivationMeter(exclude=model)
        with meter if metered else nullcontext():
            step(model, batch, updater)
        return meter.peak_bytes

    return run


def _random_lane(steps: int, crop: int) -> LaneBatch:
    """One lane in the middle of a video."""
    frames = steps * 7
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, frames, crop, crop)
    return LaneBatch(
        frames=torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
        times=torch.zeros((1, frames)),
        frame_sec=torch.ones((1, steps)),
        video_sec=torch.ones((1, steps), dtype=torch.float64),
        valid=torch.ones((1, frames), dtype=torch.bool),
        begins=torch.zeros((1, steps), dtype=torch.bool),
        labels=torch.zeros((1, steps), dtype=torch.long),
        videos=torch.zeros((1, steps), dtype=torch.long),
        views=torch.zeros((1, steps), dtype=torch.long),
        pieces=torch.arange(1, steps + 1)[None],
        names=("random",),
    )


def _seeded(cfg: CfgNode) -> Any:
    torch.manual_seed(0)
    return build_model(cfg)


JOBS: dict[str, Callable[..., Result]] = {
    job.__name__: job
    for job in (
        train, end_to_end, alternate, gradient_times, gradient_memory, end_to_end_activations, evaluation, evaluation_of_a_part
    )
}  # fmt: skip

if __name__ == "__main__":
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    name, options = sys.argv[1:]
    print(json.dumps(JOBS[name](**json.loads(options))))
