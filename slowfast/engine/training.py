"""From a config to a training."""

from __future__ import annotations

import logging
from pathlib import Path

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config import ConfigError
from slowfast.datasets import build_loader
from slowfast.engine import checkpoint, distributed
from slowfast.engine.device import Place
from slowfast.engine.errors import CheckpointError
from slowfast.engine.hooks import (
    BadVideosHook,
    CheckpointHook,
    EvaluateHook,
    Hook,
    InterruptionHook,
    LogHook,
    PreciseBNHook,
    ProgressBarHook,
    TensorBoardHook,
)
from slowfast.engine.inference import measure, score_videos
from slowfast.engine.interruption import StopRequest
from slowfast.engine.logging import log_stats
from slowfast.engine.lr_schedule import build_schedule
from slowfast.engine.optimizer import build_optimizer
from slowfast.engine.random_state import seed_model
from slowfast.engine.steps import build_eval_step, build_train_step
from slowfast.engine.trainer import Trainer
from slowfast.engine.updater import Updater
from slowfast.models import build_model
from slowfast.models.weights import load_weights

logger = logging.getLogger(__name__)


def train(cfg: CfgNode, place: Place) -> None:
    """Trains as the config says, from the beginning or from where OUTPUT_DIR's newest checkpoint left off.

    Raises Interrupted when a signal stopped it, with everything saved.
    """
    with StopRequest() as request:
        trainer = build_trainer(cfg, place, request)
        resumed = _resume(cfg, trainer)
        if distributed.main_process():
            log_stats({"_type": "train_start", "resumed": resumed})
        trainer.train()
    distributed.barrier()


def build_trainer(cfg: CfgNode, place: Place, request: StopRequest) -> Trainer:
    """Everything a training needs, at its first iteration."""
    loader = build_loader(
        cfg,
        "train",
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        num_workers=place.loader_workers,
        batch_size=_share("TRAIN.BATCH_SIZE", cfg.TRAIN.BATCH_SIZE),
    )
    if not len(loader):
        raise ConfigError(
            key="TRAIN.BATCH_SIZE", value=cfg.TRAIN.BATCH_SIZE, why="more than there are training videos: no batch gets full",
            right=f"at most {len(loader.dataset)}",
        )  # fmt: skip
    model = _build_model(cfg, place)
    optimizer = build_optimizer(cfg, model)
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
        hooks=_build_hooks(cfg, place, model, request),
    )


def _build_model(cfg: CfgNode, place: Place) -> nn.Module:
    seed_model(cfg.RNG_SEED)
    model = build_model(cfg)
    if cfg.LOG_MODEL_INFO:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        logger.info("%s with %.2f million parameters on %s", cfg.MODEL.MODEL_NAME, parameters / 1e6, place.device)
    if cfg.TRAIN.CHECKPOINT_FILE_PATH and not _resume_path(cfg):
        path = Path(cfg.TRAIN.CHECKPOINT_FILE_PATH)
        report = load_weights(model, checkpoint.weights_of(checkpoint.load(path)))
        logger.info("%s: %s", path, report)
    model.to(place.device)
    distributed.broadcast(model)
    return model


def _build_hooks(cfg: CfgNode, place: Place, model: nn.Module, request: StopRequest) -> list[Hook]:
    """The order matters where a hook's text says so; what stands behind the checkpoint is lost when a run dies in it."""
    saving = CheckpointHook(
        output_dir=cfg.OUTPUT_DIR,
        period=cfg.TRAIN.CHECKPOINT_PERIOD,
        minutes=cfg.TRAIN.CHECKPOINT_MINUTES,
        cfg_text=cfg.dump(),
    )
    hooks: list[Hook] = [ProgressBarHook(), LogHook(period=cfg.LOG_PERIOD), BadVideosHook()]
    if cfg.BN.USE_PRECISE_STATS:
        periods = (cfg.TRAIN.EVAL_PERIOD, cfg.TRAIN.CHECKPOINT_PERIOD)
        hooks.append(PreciseBNHook(num_batches=cfg.BN.NUM_BATCHES_PRECISE, periods=periods))
    hooks.append(saving)
    if cfg.TRAIN.EVAL_PERIOD:
        hooks.append(_evaluate_hook(cfg, place, model))
    if cfg.TENSORBOARD.ENABLE:
        hooks.append(TensorBoardHook(log_dir=Path(cfg.OUTPUT_DIR) / cfg.TENSORBOARD.LOG_DIR, period=cfg.LOG_PERIOD))
    hooks.append(InterruptionHook(request=request, checkpoints=saving))
    return hooks


def _evaluate_hook(cfg: CfgNode, place: Place, model: nn.Module) -> EvaluateHook:
    step = build_eval_step(cfg)
    loader = build_loader(
        cfg,
        "val",
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        num_workers=place.loader_workers,
        batch_size=_share("TRAIN.BATCH_SIZE", cfg.TRAIN.BATCH_SIZE),
    )

    def evaluate() -> dict[str, float] | None:
        scores = score_videos(model=model, step=step, loader=loader, device=place.device, method=cfg.DATA.ENSEMBLE_METHOD)
        return None if scores is None else measure(scores, multi_label=cfg.DATA.MULTI_LABEL).values

    return EvaluateHook(evaluate=evaluate, period=cfg.TRAIN.EVAL_PERIOD)


def _share(key: str, size: int) -> int:
    """One process's part of a batch. Raises ConfigError when the processes cannot share it evenly."""
    world = distributed.world_size()
    if size % world:
        right = f"{max(world, size // world * world)}"
        raise ConfigError(key=key, value=size, why=f"not divisible by {world} processes", right=right)
    return size // world


def _resume_path(cfg: CfgNode) -> Path | None:
    return checkpoint.newest(cfg.OUTPUT_DIR) if cfg.TRAIN.AUTO_RESUME else None


def _resume(cfg: CfgNode, trainer: Trainer) -> bool:
    """Takes up what the newest checkpoint holds, if there is one. Raises CheckpointError when it does not fit."""
    path = _resume_path(cfg)
    if path is None:
        return False
    state = checkpoint.load_resume_point(path)
    checkpoint.restore_model(trainer.model, state["model_state"], path)
    try:
        trainer.load_state_dict(state)
    except ValueError as error:
        raise CheckpointError(f"{path}: its optimizer does not fit this config ({error}); choose another OUTPUT_DIR") from None
    _check_position(path, trainer)
    logger.info("going on from %s: epoch %d, iteration %d", path, trainer.epoch + 1, trainer.iteration + 1)
    return True


def _check_position(path: Path, trainer: Trainer) -> None:
    if trainer.iteration > len(trainer.loader):
        raise CheckpointError(
            f"{path}: stopped after iteration {trainer.iteration} of an epoch, but an epoch has {len(trainer.loader)} now; the "
            "data or TRAIN.BATCH_SIZE have changed: choose another OUTPUT_DIR"
        )
