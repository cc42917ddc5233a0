"""Labels as the preparation reads them, without a look into the videos."""

from pathlib import Path

from slowfast.preparation.exports.gathering import AS_WRITTEN, Reading, events_of_tracks, gather
from slowfast.preparation.exports.sniffing import read_exports
from slowfast.preparation.probing import Probe
from slowfast.preparation.videos import Inventory

LONG_SEC = 1e6


def read_labels(path: Path, root: Path, *, reading: Reading = AS_WRITTEN, fps: float = 25.0) -> Inventory:
    """The inventory; all videos count as there, very long, and of one rate."""
    exports, strange = read_exports([path])
    gathered = gather([events_of_tracks(export) for export in exports], root, strange)
    known = Probe(path="", size=0, modified_ns=0, num_frames=1, duration_sec=LONG_SEC, fps=fps, width=100, height=50)
    return gathered.inventory(dict.fromkeys(gathered.video_paths(), known), reading)


def spans_of(inventory: Inventory) -> dict[str, list[tuple[str, float | None, float | None]]]:
    """(class, start, end) by video."""
    return {video.path: [(span.name, span.start_sec, span.end_sec) for span in video.spans] for video in inventory.videos}
