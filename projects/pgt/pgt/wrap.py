"""How the library makes a configured network progressive."""

from __future__ import annotations

from fvcore.common.config import CfgNode
from torch import nn

from pgt.wrapper import ProgressiveModel, progressive
from slowfast.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register("pgt")
class ProgressiveWrapper:
    """Wraps the network when PGT.ENABLE asks for it."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE)

    @staticmethod
    def wrap(cfg: CfgNode, model: nn.Module) -> ProgressiveModel:
        return progressive(
            model,
            step_len=cfg.PGT.STEP_LEN,
            overlap=cfg.PGT.OVERLAP,
            memory=cfg.PGT.CACHE,
            momentum=cfg.PGT.CACHE_MOMENTUM,
            head=cfg.PGT.HEAD,
            tpool_size=[1] if cfg.PGT.PG_EVAL else cfg.PGT.TPOOL_SIZE,
            semantics=cfg.PGT.SEMANTICS,
            operator=cfg.PGT.OPERATOR,
            nonlocal_context=cfg.PGT.NL_CONTEXT if cfg.NONLOCAL.PROGRESS else None,
            nonlocal_norm=cfg.PGT.NL_NORM,
        )
