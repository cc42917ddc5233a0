"""Which errors are the user's to mend: one clear line tells them all there is to know, a traceback would only hide it."""

from slowfast.annotations.ava import AvaFileError
from slowfast.config import ConfigError, ProjectError
from slowfast.datasets.errors import DatasetError, DecodeError, TooManyBadVideosError
from slowfast.evaluation import ScoreError
from slowfast.models.losses import LabelError
from slowfast.models.weights import WeightsError
from slowfast.registry import UnknownNameError
from slowfast.runtime.errors import EngineError

USER_ERRORS: tuple[type[Exception], ...] = (
    AvaFileError,
    ConfigError,
    DatasetError,
    DecodeError,
    EngineError,
    LabelError,
    ProjectError,
    ScoreError,
    TooManyBadVideosError,
    UnknownNameError,
    WeightsError,
)
