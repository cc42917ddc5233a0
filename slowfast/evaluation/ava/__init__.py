"""Detection of actions on AVA: frame mAP, the files it is computed from, and the merging of repeated predictions."""

from slowfast.annotations.ava import ActionClass, AvaFileError, read_label_map
from slowfast.evaluation.ava.boxes import Boxes
from slowfast.evaluation.ava.csv_files import read_detections, read_excluded, read_truths
from slowfast.evaluation.ava.frame_map import PROTOCOLS, AvaResult, ava_frame_map
from slowfast.evaluation.ava.merging import MergedPredictions, merge_repeated
from slowfast.evaluation.ava.oddities import Oddities, count_oddities

__all__ = [
    "PROTOCOLS",
    "ActionClass",
    "AvaFileError",
    "AvaResult",
    "Boxes",
    "MergedPredictions",
    "Oddities",
    "ava_frame_map",
    "count_oddities",
    "merge_repeated",
    "read_detections",
    "read_excluded",
    "read_label_map",
    "read_truths",
]
