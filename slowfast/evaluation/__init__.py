"""How good scores are: measures of finished scores, and the way from clips to videos. NumPy in, NumPy out."""

from slowfast.evaluation.errors import ScoreError
from slowfast.evaluation.multilabel_map import CharadesScore, charades_official, multilabel_map
from slowfast.evaluation.topk import confusion_matrix, topk_correct
from slowfast.evaluation.views import VideoScores, ViewEnsemble

__all__ = [
    "CharadesScore",
    "ScoreError",
    "VideoScores",
    "ViewEnsemble",
    "charades_official",
    "confusion_matrix",
    "multilabel_map",
    "topk_correct",
]
