"""What happens around the iterations of a training: one idea a file."""

from slowfast.engine.hooks.bad_videos import BadVideosHook
from slowfast.engine.hooks.base import Hook
from slowfast.engine.hooks.best import BestHook
from slowfast.engine.hooks.checkpoint import CheckpointHook
from slowfast.engine.hooks.epoch_line import EpochLineHook
from slowfast.engine.hooks.evaluate import EvaluateHook
from slowfast.engine.hooks.interruption import InterruptionHook
from slowfast.engine.hooks.log import LogHook
from slowfast.engine.hooks.precise_bn import PreciseBNHook
from slowfast.engine.hooks.progress_bar import ProgressBarHook
from slowfast.engine.hooks.tensorboard import TensorBoardHook

__all__ = [
    "BadVideosHook",
    "BestHook",
    "CheckpointHook",
    "EpochLineHook",
    "EvaluateHook",
    "Hook",
    "InterruptionHook",
    "LogHook",
    "PreciseBNHook",
    "ProgressBarHook",
    "TensorBoardHook",
]
