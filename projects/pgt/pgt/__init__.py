"""PGT: training on long videos, step by step (Pang et al., CVPR 2021, arXiv:2103.11313)."""

import pgt.library  # noqa: F401 - first of all, to see whose `slowfast` the others will import
from pgt.explain import explain
from pgt.frames import FrameError
from pgt.memory import StepLengthError
from pgt.operators import MarkovOperator
from pgt.operators.foreign_tokens import AttentionCallError, TokenLayoutError
from pgt.rules import register_operator
from pgt.schedule import StepSchedule
from pgt.site import OptionError, Remember, Site, UnsupportedOperatorError
from pgt.state import MemoryMismatchError
from pgt.stream import StepPrediction, stream, streams
from pgt.stream_batch import StreamBatch, StreamError
from pgt.summary import OperatorSummary, Summary, summary
from pgt.verification import Verification, VerificationError, verify
from pgt.wrapper import ProgressiveModel, progressive
from slowfast.models.transformers.grid import TokenGrid as TokenLayout

__all__ = [
    "AttentionCallError",
    "FrameError",
    "MarkovOperator",
    "MemoryMismatchError",
    "OperatorSummary",
    "OptionError",
    "ProgressiveModel",
    "Remember",
    "Site",
    "StepLengthError",
    "StepPrediction",
    "StepSchedule",
    "StreamBatch",
    "StreamError",
    "Summary",
    "TokenLayout",
    "TokenLayoutError",
    "UnsupportedOperatorError",
    "Verification",
    "VerificationError",
    "explain",
    "progressive",
    "register",
    "register_operator",
    "stream",
    "streams",
    "summary",
    "verify",
]


def register() -> None:
    """Fills the registries of the library; called once a process through the entry point `slowfast.projects`."""
    from pgt import eval_step, options, programs, train_step, whole_videos  # noqa: F401  (each files itself when it is imported)
    from slowfast.registry import CONFIG_SECTIONS

    CONFIG_SECTIONS.register(options.SECTION.name)(options.SECTION)
