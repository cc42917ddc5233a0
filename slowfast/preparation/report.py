"""What a preparation found: as plain data for a file, and as rows for tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from slowfast.preparation.exports.gathering import UNDERSTOOD
from slowfast.preparation.lists import ListedVideo
from slowfast.preparation.preparing import Prepared
from slowfast.preparation.probing import Probe

MOST_CLASSES_SHOWN = 30
MOST_BROKEN_SHOWN = 20

Row = tuple[str | int | float | None, ...]


def as_json(prepared: Prepared) -> dict[str, object]:
    """All there is to know, for report.json."""
    return {
        "multi_label": prepared.manifest.multi_label,
        "videos_folder": prepared.manifest.videos,
        "num_videos": {split: len(listed) for split, listed in prepared.splits.items()},
        "classes": [
            {"class": name, **{split: count[name] for split, count in _counts(prepared).items()}}
            for name in prepared.manifest.classes
        ],
        "classes_without_readable_video": prepared.unknown_classes,
        "ignored_files": prepared.ignored,
        "notes": prepared.notes,
        "understood": [dict(zip(UNDERSTOOD, row, strict=True)) for row in prepared.understood],
        **{name: _spread(values) for name, values in _measures(_every_video(prepared)).items()},
        "frame_rates": _tally(_every_video(prepared), "fps"),
        "sizes": _tally(_every_video(prepared), "size"),
        "codecs": _tally(_every_video(prepared), "codec"),
        "broken": [{"path": entry.probe.path, "problem": entry.probe.problem} for entry in prepared.broken],
    }


def class_rows(prepared: Prepared) -> list[Row]:
    """Class, videos in train, val, test; the largest first, with the middle left out where there are many."""
    counts = _counts(prepared)
    rows: list[Row] = [(name, *(counts[split][name] for split in counts)) for name in prepared.manifest.classes]
    rows.sort(key=lambda row: -sum(cell for cell in row[1:] if isinstance(cell, int)))
    total: Row = ("all videos", *(len(listed) for listed in prepared.splits.values()))
    if len(rows) > MOST_CLASSES_SHOWN:
        half = MOST_CLASSES_SHOWN // 2
        left_out: Row = (f"({len(rows) - 2 * half} more classes)", *(None for _ in counts))
        rows = [*rows[:half], left_out, *rows[-half:]]
    return [*rows, total]


def measure_rows(prepared: Prepared) -> list[Row]:
    """Measure, smallest, median, largest."""
    measures = _measures(_every_video(prepared))
    return [(name.replace("_", " "), *_spread(values).values()) for name, values in measures.items()]


def kind_lines(prepared: Prepared) -> list[str]:
    """Frame rates, sizes and codecs, the most frequent ones, in a line each."""
    videos = _every_video(prepared)
    lines = []
    for title, kind in (("frame rates", "fps"), ("sizes", "size"), ("codecs", "codec")):
        tally = _tally(videos, kind)
        shown = [f"{name} ({count})" for name, count in list(tally.items())[:5]]
        rest = f", and {len(tally) - 5} more" if len(tally) > 5 else ""
        lines.append(f"{title}: {', '.join(shown)}{rest}")
    return lines


def broken_rows(prepared: Prepared) -> list[Row]:
    """Path below the folder of the videos, and problem, with the row of a file that names the video."""
    rows: list[Row] = []
    for entry in prepared.broken[:MOST_BROKEN_SHOWN]:
        file, named, row = entry.video.source.rpartition(", row ")
        where = f" ({os.path.basename(file)}{named}{row})" if named else ""  # noqa: PTH119 - a text in a message
        rows.append((os.path.relpath(entry.probe.path, prepared.manifest.videos), f"{entry.probe.problem}{where}"))
    left_out = len(prepared.broken) - len(rows)
    return [*rows, (f"({left_out} more)", "see report.json")] if left_out else rows


def _every_video(prepared: Prepared) -> list[ListedVideo]:
    """Each video once, though a test list may be a copy."""
    return list({entry.video.path: entry for listed in prepared.splits.values() for entry in listed}.values())


def _counts(prepared: Prepared) -> dict[str, Counter[str]]:
    return {
        split: Counter(name for entry in listed for name in entry.video.class_names)
        for split, listed in prepared.splits.items()
    }


def _measures(videos: Sequence[ListedVideo]) -> dict[str, list[float]]:
    return {
        "seconds": [entry.probe.duration_sec for entry in videos],
        "frames": [float(entry.probe.num_frames) for entry in videos],
        "frames_a_second": [entry.probe.fps for entry in videos],
        "megabytes": [entry.probe.size / 1e6 for entry in videos],
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"smallest": round(min(values), 3), "median": round(float(np.median(values)), 3), "largest": round(max(values), 3)}


def _tally(videos: Sequence[ListedVideo], kind: str) -> dict[str, int]:
    """Number of videos of each frame rate ("fps"), "size" or "codec", most frequent first."""
    return dict(Counter(_kind(entry.probe, kind) for entry in videos).most_common())


def _kind(probe: Probe, kind: str) -> str:
    if kind == "fps":
        return f"{probe.fps:.2f}".rstrip("0").rstrip(".")
    return f"{probe.width}x{probe.height}" if kind == "size" else probe.codec
