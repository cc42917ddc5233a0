"""What a run will need, looked at before its first iteration: a fault that shows after hours costs the hours as well.

The network is run on shapes alone, the lists that only the test reads are read, files that evaluations cannot do without are
looked for, and memory, room on the disk and permission to write are compared with what the run will take.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.config import ConfigError
from slowfast.config.sections.events import events_in_time, have_events
from slowfast.datasets import ClipDataset, VideoDataset, build_dataset
from slowfast.datasets.build import check_clip_length
from slowfast.datasets.same_file import spelling_key
from slowfast.engine import checkpoint
from slowfast.engine.clip_shapes import shape_of_batch
from slowfast.engine.hooks.best import check_metric
from slowfast.engine.layers import rate_factors
from slowfast.engine.steps import with_short_clips
from slowfast.engine.tasks import build_eval_step, build_evaluation, build_train_step
from slowfast.engine.testing import checkpoint_path, load_for_test
from slowfast.engine.timed_evaluation import EventSettings
from slowfast.models import build_model
from slowfast.runtime import distributed
from slowfast.runtime.atomic_files import WriteError, make_folder, room_on_disk, writing
from slowfast.runtime.device import Place
from slowfast.runtime.precision import tell_precision

logger = logging.getLogger(__name__)

_TENSOR_ERRORS = (RuntimeError, ValueError, IndexError, ZeroDivisionError, TypeError)
"""What PyTorch raises for shapes that an operator does not take."""


def check_run(cfg: CfgNode, place: Place) -> None:
    """Looks at everything that the config's training and test will need. Runs on every process, but only the main one works.

    Raises the user errors that the run would have ended with, and ConfigError for what this machine has no memory or disk for.
    """
    if not cfg.TRAIN.ENABLE and not cfg.TEST.ENABLE:
        raise ConfigError(key="TRAIN.ENABLE", value=False, why="TEST.ENABLE is False too: nothing to do", right="True for one")
    if not distributed.main_process():
        return
    check_clip_length(cfg)
    parameters = check_network(cfg)
    _check_memory(cfg, parameters)
    _check_writing(cfg)
    _tell_of_uneven_batches(cfg, place)
    tell_precision(cfg, place.device)
    if cfg.TRAIN.ENABLE:
        _check_room(cfg, parameters)
        for split in evaluated_splits(cfg):
            check_evaluation(cfg, split)
        if cfg.TEST.ENABLE and cfg.TEST.CHECKPOINT_FILE_PATH:
            load_for_test(cfg, checkpoint_path(cfg))


def evaluated_splits(cfg: CfgNode) -> list[str]:
    """What a run evaluates besides training: val, test, both or neither. Events are tuned on validation videos, too."""
    tests = cfg.TEST.ENABLE
    tunes = tests and events_in_time(cfg) and EventSettings.from_cfg(cfg).tunes
    validates = (cfg.TRAIN.ENABLE and cfg.TRAIN.EVAL_PERIOD) or tunes
    return [split for split, wanted in (("val", validates), ("test", tests)) if wanted]


def check_evaluation(cfg: CfgNode, split: str) -> None:
    """Reads the lists of a split that is evaluated and what it is scored against, and looks for its videos.

    An evaluation ends where a video cannot be read, unless TEST.SKIP_UNREADABLE: then missing ones are only counted there.
    """
    dataset = build_dataset(cfg, split)
    evaluation = build_evaluation(cfg, dataset=dataset, split=split)
    if split == "val" and cfg.TRAIN.ENABLE and cfg.TRAIN.EVAL_PERIOD and cfg.TRAIN.CHECKPOINT_BEST_METRIC:
        check_metric(cfg.TRAIN.CHECKPOINT_BEST_METRIC, evaluation.names())
    if split == "test" and have_events(cfg):
        EventSettings.from_cfg(cfg).given(dataset.class_names)  # a rule that does not fit is no use after hours either
    if isinstance(dataset, VideoDataset) and not cfg.TEST.SKIP_UNREADABLE:
        dataset.check_files(first_alone=True)


def check_network(cfg: CfgNode) -> int:
    """Builds the network and runs it as training and tests will, on shapes alone; returns its number of parameters. Clips may
    have any length: where it is read in parts, as many are run as show all their shapes.

    Raises ConfigError where the config names no network, clips of its sizes do not pass through it, or it does not know its
    layers though their learning rates are to differ.
    """
    with torch.device("meta"):
        model = build_model(cfg)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    if cfg.TRAIN.ENABLE:
        rate_factors(model, cfg.SOLVER.LAYER_DECAY)
    clips = min(2, max(1, cfg.TRAIN.BATCH_SIZE // distributed.world_size()) * cfg.AUG.NUM_SAMPLE)

    def train(side: int) -> None:
        step, short = with_short_clips(build_train_step, cfg)
        step.forward_only(model.train(), shape_of_batch(short, side=side, size=clips))

    def test(side: int) -> None:
        step, short = with_short_clips(build_eval_step, cfg)
        step(model.eval(), shape_of_batch(short, side=side))

    for key, wanted, run in (
        ("DATA.TRAIN_CROP_SIZE", cfg.TRAIN.ENABLE, train),
        ("DATA.TEST_CROP_SIZE", cfg.TEST.ENABLE, test),
    ):
        side = cfg.DATA[key.removeprefix("DATA.")]
        if wanted:
            try:
                with torch.no_grad():
                    run(side)
            except NotImplementedError as error:  # an operator of somebody's network that PyTorch cannot run on shapes
                logger.info("the network was not tried on shapes: %s", str(error).split("\n")[0])
            except _TENSOR_ERRORS as error:
                frames = cfg.DATA.NUM_FRAMES
                raise ConfigError(
                    key=key, value=side, right="other sizes of clips, or of the network's kernels, pools, groups and strides",
                    why=f"clips of {frames} x {side} x {side} (DATA.NUM_FRAMES) do not pass through the network: {error}",
                ) from error  # fmt: skip
    return parameters


def _check_memory(cfg: CfgNode, parameters: int) -> None:
    memory = _memory_bytes()
    saved = 4 * parameters * _copies_in_checkpoint(cfg)
    state = 4 * parameters + (saved if cfg.TRAIN.ENABLE else 0)
    if state > memory:
        why = f"its {parameters:.3g} parameters take {_size(state)}, and this machine has {_size(memory)} of memory"
        raise ConfigError(key="MODEL.MODEL_NAME", value=cfg.MODEL.MODEL_NAME, why=why, right="a smaller network")
    if cfg.TRAIN.ENABLE and cfg.TRAIN.CHECKPOINT_ASYNC and state + saved > memory:
        why = f"with a copy to write, its state takes {_size(state + saved)}, and this machine has {_size(memory)} of memory"
        raise ConfigError(key="TRAIN.CHECKPOINT_ASYNC", value=True, why=why, right="False, to write checkpoints without a copy")
    for section, crop, wanted in (("TRAIN", "TRAIN_CROP_SIZE", cfg.TRAIN.ENABLE), ("TEST", "TEST_CROP_SIZE", cfg.TEST.ENABLE)):
        clip = 3 * cfg.DATA.NUM_FRAMES * cfg.DATA[crop] ** 2
        clips = cfg[section].BATCH_SIZE / cfg.NUM_SHARDS * (cfg.AUG.NUM_SAMPLE if section == "TRAIN" else 1)
        if wanted and clips * clip > memory:
            raise ConfigError(
                key=f"{section}.BATCH_SIZE", value=cfg[section].BATCH_SIZE,
                why=f"the frames of one batch take {_size(clips * clip)}, and this machine has {_size(memory)} of memory",
                right=f"fewer clips, or smaller ones (DATA.NUM_FRAMES, DATA.{crop})",
            )  # fmt: skip


def _check_writing(cfg: CfgNode) -> None:
    """Raises WriteError where the run could not write what it will have to."""
    folder = Path(cfg.OUTPUT_DIR)
    folders = [folder, checkpoint.folder(folder)] if cfg.TRAIN.ENABLE else [folder]
    if cfg.TEST.ENABLE and cfg.TEST.SAVE_RESULTS_PATH:
        scores = folder / cfg.TEST.SAVE_RESULTS_PATH
        if scores.is_dir():
            raise ConfigError(
                key="TEST.SAVE_RESULTS_PATH", value=str(scores), why="there is a folder of that name", right="a file's name"
            )
        folders.append(scores.parent)
    for place in folders:
        make_folder(place)
        with writing(place), tempfile.TemporaryFile(dir=place):
            pass


def _check_room(cfg: CfgNode, parameters: int) -> None:
    """The last checkpoint and the one that takes its place must fit beside each other; those that are kept should."""
    folder = checkpoint.folder(cfg.OUTPUT_DIR)
    one = 4 * parameters * _copies_in_checkpoint(cfg)
    there = os.statvfs(folder)
    free = there.f_bavail * there.f_frsize
    if free < 2 * one:
        raise WriteError(
            f"{folder}: checkpoints have {_size(one)}, and two must fit beside each other ({room_on_disk(folder)})"
        )
    kept = cfg.SOLVER.MAX_EPOCH // cfg.TRAIN.CHECKPOINT_PERIOD
    if cfg.TRAIN.CHECKPOINT_KEEP:
        kept = min(kept, cfg.TRAIN.CHECKPOINT_KEEP + 1)  # the oldest goes when the newest is there
    if free < kept * one:
        logger.warning(
            "%d checkpoints will be kept (TRAIN.CHECKPOINT_PERIOD, CHECKPOINT_KEEP), about %s in all: %s",
            kept,
            _size(kept * one),
            room_on_disk(folder),
        )


def _tell_of_uneven_batches(cfg: CfgNode, place: Place) -> None:
    world = distributed.world_size()
    if cfg.TEST.ENABLE and cfg.TEST.BATCH_SIZE % world:
        size = max(1, cfg.TEST.BATCH_SIZE // world)
        logger.warning("TEST.BATCH_SIZE %d: each of %d processes takes %d clips", cfg.TEST.BATCH_SIZE, world, size)
    if place.device.type != "cpu" and cfg.NUM_PROCS > 1:
        logger.warning("NUM_PROCS %d has no effect on GPUs: each has one process (NUM_GPUS)", cfg.NUM_PROCS)


def _copies_in_checkpoint(cfg: CfgNode) -> int:
    """Numbers that a checkpoint holds for each parameter: itself, the optimizer's moments, and its average."""
    moments = 2 if cfg.SOLVER.OPTIMIZING_METHOD != "sgd" else int(cfg.SOLVER.MOMENTUM > 0)
    return 1 + moments + int(cfg.TRAIN.EMA_DECAY > 0)


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _size(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:.3g} GB"


def doubts_about(training: ClipDataset, validation: ClipDataset) -> Iterator[str]:
    """A sentence for each reason why figures of the validation would say little: it shares videos with the training, or has
    only one. The disk is not asked: `tools/prepare_data.py check` finds links to one file as well."""
    trained = {spelling_key(record.path) for record in training.records}
    shared = [record for record in validation.records if spelling_key(record.path) in trained]
    if shared:
        yield (
            f"{len(shared)} of {len(validation.records)} validation videos are trained on too: their figures are too "
            f"good (the first is {shared[0].video_id!r}, {shared[0].source})"
        )
    if len(validation.records) == 1:
        yield f"there is one validation video, {validation.records[0].video_id!r}: its figures say hardly anything"
