"""The files of AVA (Gu et al., arXiv:1705.08421): rows of boxes, seconds, and the label map."""

from slowfast.annotations.ava.csv_rows import Faults, RowFault, Rows, VideoNumbers, most_rows, read_rows
from slowfast.annotations.ava.csv_rules import (
    CORNERS,
    DETECTIONS,
    EXCLUDED,
    GIVEN_BOXES,
    LARGEST_FRACTION,
    NUM_ACTIONS,
    PROPOSALS,
    TRAINED_TRUTHS,
    TRUTHS,
    AvaFileError,
    RowKind,
)
from slowfast.annotations.ava.label_map import ActionClass, read_label_map
from slowfast.annotations.ava.timing import AVA_TIMES, NO_END, START_SECOND, AvaTimes

__all__ = [
    "AVA_TIMES",
    "CORNERS",
    "DETECTIONS",
    "EXCLUDED",
    "GIVEN_BOXES",
    "LARGEST_FRACTION",
    "NO_END",
    "NUM_ACTIONS",
    "PROPOSALS",
    "START_SECOND",
    "TRAINED_TRUTHS",
    "TRUTHS",
    "ActionClass",
    "AvaFileError",
    "AvaTimes",
    "Faults",
    "RowFault",
    "RowKind",
    "Rows",
    "VideoNumbers",
    "most_rows",
    "read_label_map",
    "read_rows",
]
