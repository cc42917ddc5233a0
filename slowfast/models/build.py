"""From a config to a network."""

from __future__ import annotations

from torch import nn

from slowfast.config import CfgNode, ConfigError
from slowfast.models.execution import run_in_2d, runs_in_2d
from slowfast.models.small_windows import write_out_padding
from slowfast.models.staged_network import StagedNetwork
from slowfast.models.transformers.network import TokenNetwork
from slowfast.registry import MODEL_WRAPPERS, MODELS, UnknownNameError


def build_model(cfg: CfgNode) -> nn.Module:
    """The network that the config describes, on the CPU, with every enabled wrapper around it (by name order).

    Raises ConfigError when the config names no known model or its options do not fit.
    """
    try:
        model_class = MODELS.get(cfg.MODEL.MODEL_NAME)
    except UnknownNameError as error:
        raise ConfigError(
            key="MODEL.MODEL_NAME", value=cfg.MODEL.MODEL_NAME, why=str(error), right=f"one of {', '.join(MODELS)}"
        ) from None
    model: nn.Module = model_class.from_cfg(cfg)
    if cfg.TRAIN.ACTIVATION_CHECKPOINTING != "none":
        if not isinstance(model, StagedNetwork | TokenNetwork):
            raise ConfigError(
                key="TRAIN.ACTIVATION_CHECKPOINTING", value=cfg.TRAIN.ACTIVATION_CHECKPOINTING,
                why=f"{cfg.MODEL.MODEL_NAME} has no stages that could be run again", right="none",
            )  # fmt: skip
        if isinstance(model, TokenNetwork) and cfg.TRAIN.ACTIVATION_CHECKPOINTING == "stages":
            raise ConfigError(
                key="TRAIN.ACTIVATION_CHECKPOINTING", value="stages",
                why=f"{cfg.MODEL.MODEL_NAME} has blocks, and no stages", right="blocks",
            )  # fmt: skip
        model.checkpointing = cfg.TRAIN.ACTIVATION_CHECKPOINTING
    for _, wrapper in MODEL_WRAPPERS.items():
        if wrapper.enabled(cfg):
            model = wrapper.wrap(cfg, model)
    if runs_in_2d(cfg):
        run_in_2d(model)
    write_out_padding(model)
    return model
