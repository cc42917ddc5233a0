"""What goes along with a video in a browser: a timeline, true against predicted, with a line where the video stands and a click
to seek, and boxes of persons over the pictures.

`timeline_chart` makes what plotly draws; a page takes in `script()` and `style()`, and calls `followVideo(video, chart, name)`
once it has drawn the chart into the element `chart` (which stands in one of the class `timeline`), and `boxesOver(...)` for
boxes, as boxes.js says.
"""

from pathlib import Path

from slowfast.visualization.player.timeline_chart import FOUND, TRUE, Kind, Row, timeline_chart

__all__ = ["FOUND", "TRUE", "Kind", "Row", "script", "style", "timeline_chart"]

_HERE = Path(__file__).parent


def script() -> str:
    """JavaScript that defines `followVideo` and `boxesOver`."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("player.js", "boxes.js"))


def style() -> str:
    """CSS of the line, the boxes, and the places that they are in."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("player.css", "boxes.css"))
