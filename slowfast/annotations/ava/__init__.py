"""The files of AVA (Gu et al., arXiv:1705.08421): rows of boxes, seconds, and the label map."""

from slowfast.annotations.ava.csv_rows import Rows, VideoNumbers, most_rows, read_rows
from slowfast.annotations.ava.csv_rules import (
    CORNERS,
    DETECTIONS,
    EXCLUDED,
    LARGEST_FRACTION,
    PROPOSALS,
    TRAINED_TRUTHS,
    TRUTHS,
    UNCHECKED,
    RowKind,
)
from slowfast.annotations.ava.errors import AvaFileError
from slowfast.annotations.ava.label_map import NUM_ACTIONS, ActionClass, read_label_map
from slowfast.annotations.ava.seconds import FIRST_SECOND, LAST_SECOND, START_SECOND

__all__ = [
    "CORNERS",
    "DETECTIONS",
    "EXCLUDED",
    "FIRST_SECOND",
    "LARGEST_FRACTION",
    "LAST_SECOND",
    "NUM_ACTIONS",
    "PROPOSALS",
    "START_SECOND",
    "TRAINED_TRUTHS",
    "TRUTHS",
    "UNCHECKED",
    "ActionClass",
    "AvaFileError",
    "RowKind",
    "Rows",
    "VideoNumbers",
    "most_rows",
    "read_label_map",
    "read_rows",
]
