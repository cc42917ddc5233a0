"""From a config to a training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import ConfigError
from slowfast.datasets import ClipLoader, LaneLoader, build_loader
from slowfast.engine import checkpoint
from slowfast.engine.compiling import compile_for_training
from slowfast.engine.contract import Contract
from slowfast.engine.hooks import (
    BadVideosHook,
    BestHook,
    CheckpointHook,
    EpochLineHook,
    EvaluateHook,
    Hook,
    InterruptionHook,
    LogHook,
    PreciseBNHook,
    ProgressBarHook,
    TensorBoardHook,
)
from slowfast.engine.inference import evaluate
from slowfast.engine.lr_schedule import build_schedule
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.preflight import doubts_about
from slowfast.engine.resume import find_resume_point, resume
from slowfast.engine.tasks import build_eval_step, build_evaluation, build_train_step
from slowfast.engine.trackers import TrackerHook
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.engine.weight_average import WeightAverage
from slowfast.models import build_model
from slowfast.registry import HOOKS
from slowfast.runtime import distributed
from slowfast.runtime.background_writer import BackgroundWriter
from slowfast.runtime.device import Place
from slowfast.runtime.interruption import StopRequest
from slowfast.runtime.logging import log_stats
from slowfast.runtime.main_script import leave_if_imported_again
from slowfast.runtime.precision import precision_of
from slowfast.runtime.random_state import seed_model

Loader = ClipLoader | LaneLoader

logger = logging.getLogger(__name__)

Validation = Callable[[], dict[str, float] | None]


def train(cfg: CfgNode, place: Place) -> None:
    """Trains as the config says, from the beginning or from where OUTPUT_DIR's newest valid checkpoint left off.

    A training that is finished stays as it is. Raises Interrupted when a signal stopped it, with everything saved.
    """
    leave_if_imported_again()
    point = find_resume_point(cfg)
    request = StopRequest()
    with (
        _loader(cfg, place, "train") as loader,
        _loader(cfg, place, "val") if cfg.TRAIN.EVAL_PERIOD else nullcontext() as val_loader,
    ):
        trainer = build_trainer(cfg, place, request, loader=loader, val_loader=val_loader, pretrained=point is None)
        if point is not None:
            resume(trainer, point.path, point.state)
        if trainer.epoch >= trainer.num_epochs and not any(hook.unfinished for hook in trainer.hooks):
            logger.info(
                "this training is finished: %d epochs are done, and SOLVER.MAX_EPOCH is %d", trainer.epoch, trainer.num_epochs
            )
            return
        if distributed.main_process():
            for doubt in () if val_loader is None else doubts_about(loader.dataset, val_loader.dataset):
                logger.warning(doubt)
            log_stats({"_type": "train_start", "resumed": point is not None})
        with request:
            trainer.train()
            distributed.stop_if_asked(request, place.device)
    distributed.barrier()


def build_trainer(
    cfg: CfgNode,
    place: Place,
    request: StopRequest,
    *,
    loader: Loader,
    val_loader: Loader | None,
    pretrained: bool = True,
) -> Trainer:
    """A training at its first iteration. It validates with `val_loader`, if there is one, and stops on request.

    pretrained: whether TRAIN.CHECKPOINT_FILE_PATH is loaded; not where a checkpoint takes its place at once.
    """
    model = _build_model(cfg, place, pretrained=pretrained)
    optimizer = build_optimizer(cfg, model)
    average = WeightAverage(model, decay=cfg.TRAIN.EMA_DECAY) if cfg.TRAIN.EMA_DECAY else None
    return Trainer(
        model=model,
        step=build_train_step(cfg),
        updater=Updater.from_cfg(cfg, model=model, optimizer=optimizer, device=place.device),
        optimizer=optimizer,
        schedule=build_schedule(cfg),
        loader=loader,
        device=place.device,
        num_epochs=cfg.SOLVER.MAX_EPOCH,
        seed=cfg.RNG_SEED,
        accumulate=cfg.TRAIN.ACCUMULATE,
        average=average,
        hooks=_build_hooks(cfg, request, loader, _validation(cfg, place, model, average, val_loader, request)),
    )


def _build_model(cfg: CfgNode, place: Place, *, pretrained: bool) -> nn.Module:
    seed_model(cfg.RNG_SEED)
    model = build_model(cfg)
    if cfg.LOG_MODEL_INFO:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        logger.info("%s with %.2f million parameters on %s", cfg.MODEL.MODEL_NAME, parameters / 1e6, place.device)
    if cfg.TRAIN.CHECKPOINT_FILE_PATH and pretrained:
        path = cfg.TRAIN.CHECKPOINT_FILE_PATH
        report = checkpoint.load_pretrained(
            model, path, inflate=cfg.TRAIN.CHECKPOINT_INFLATE, clear=cfg.TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN
        )
        logger.info("%s: %s", path, report)
    model.to(place.device)
    distributed.broadcast(model)
    if cfg.TRAIN.COMPILE:
        compile_for_training(model, place.device)
    return model


def _build_hooks(cfg: CfgNode, request: StopRequest, loader: Loader, validate: Validation | None) -> list[Hook]:
    """The order matters where a hook's text says so; what comes after the checkpoint is lost when a run dies in it."""
    contract, writer = Contract.of(cfg, loader.dataset), BackgroundWriter(background=cfg.TRAIN.CHECKPOINT_ASYNC)
    saving = CheckpointHook(
        output_dir=cfg.OUTPUT_DIR,
        period=cfg.TRAIN.CHECKPOINT_PERIOD,
        minutes=cfg.TRAIN.CHECKPOINT_MINUTES,
        cfg_text=cfg.dump(),
        contract=contract.text(),
        keep=cfg.TRAIN.CHECKPOINT_KEEP,
        writer=writer,
    )
    hooks: list[Hook] = [
        ProgressBarHook(period=cfg.LOG_PERIOD),
        LogHook(period=cfg.LOG_PERIOD),
        BadVideosHook(reading=loader.reading),
    ]
    if cfg.BN.USE_PRECISE_STATS:
        periods = (cfg.TRAIN.EVAL_PERIOD, cfg.TRAIN.CHECKPOINT_PERIOD)
        hooks.append(PreciseBNHook(num_batches=cfg.BN.NUM_BATCHES_PRECISE, periods=periods, request=request))
    hooks.append(saving)
    if validate is not None:
        hooks.append(EvaluateHook(evaluate=validate, period=cfg.TRAIN.EVAL_PERIOD))
        if metric := cfg.TRAIN.CHECKPOINT_BEST_METRIC:
            hooks.append(BestHook(output_dir=cfg.OUTPUT_DIR, metric=metric, contract=contract, writer=writer))
    hooks.append(EpochLineHook(output_dir=cfg.OUTPUT_DIR))
    if cfg.TENSORBOARD.ENABLE:
        hooks.append(TensorBoardHook(log_dir=Path(cfg.OUTPUT_DIR) / cfg.TENSORBOARD.LOG_DIR, period=cfg.LOG_PERIOD))
    if cfg.TRACKER.NAME:
        hooks.append(TrackerHook.from_cfg(cfg))
    hooks += [builder.from_cfg(cfg) for _, builder in HOOKS.items() if builder.enabled(cfg)]
    hooks.append(InterruptionHook(request=request, checkpoints=saving))
    return hooks


def _validation(
    cfg: CfgNode,
    place: Place,
    model: nn.Module,
    average: WeightAverage | None,
    loader: Loader | None,
    request: StopRequest,
) -> Validation | None:
    """A function that validates the model, or the average of its weights, as it is when called, and stops on request."""
    if loader is None:
        return None
    step = build_eval_step(cfg)
    evaluation = build_evaluation(cfg, dataset=loader.dataset, split="val")
    precision = precision_of(cfg, "TEST", place.device)

    def validate() -> dict[str, float] | None:
        with nullcontext() if average is None else average.applied():
            metrics = evaluate(
                model=model,
                step=step,
                loader=loader,
                device=place.device,
                evaluation=evaluation,
                precision=precision,
                request=request,
            )
        return None if metrics is None else metrics.values

    return validate


def _loader(cfg: CfgNode, place: Place, split: str) -> Loader:
    """This process's part of the training or validation data. Raises ConfigError when a batch cannot be shared out evenly."""
    world, size = distributed.world_size(), cfg.TRAIN.BATCH_SIZE
    if size % world:
        right = f"{max(world, size // world * world)}"
        raise ConfigError(key="TRAIN.BATCH_SIZE", value=size, why=f"not divisible by {world} processes", right=right)
    return build_loader(
        cfg,
        split,
        rank=distributed.rank(),
        world_size=world,
        num_workers=place.loader_workers,
        batch_size=size // world,
    )
