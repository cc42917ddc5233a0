"""Events: stretches of videos in which something of a class happens, annotated or detected; their types and their files."""

from slowfast.annotations.events.activitynet import format_results, format_truths, read_results, read_truths
from slowfast.annotations.events.csv_files import format_csv, read_detected_csv, read_truth_csv
from slowfast.annotations.events.listed import ListedEvents, list_events
from slowfast.annotations.events.table import EventError, Events

__all__ = [
    "EventError",
    "Events",
    "ListedEvents",
    "format_csv",
    "format_results",
    "format_truths",
    "list_events",
    "read_detected_csv",
    "read_results",
    "read_truth_csv",
    "read_truths",
]
