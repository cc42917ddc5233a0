"""A timeline that goes along with a video in a browser: true against predicted, a line where the video stands, a click to seek.

`timeline_chart` makes what plotly draws; a page takes in `script()` and `style()`, and calls `followVideo(video, chart, name)`
once it has drawn the chart into the element `chart` (which stands in one of the class `timeline`).
"""

from pathlib import Path

from slowfast.visualization.player.timeline_chart import Row, timeline_chart

__all__ = ["Row", "script", "style", "timeline_chart"]

_HERE = Path(__file__).parent


def script() -> str:
    """JavaScript that defines `followVideo`."""
    return (_HERE / "player.js").read_text(encoding="utf-8")


def style() -> str:
    """CSS of the line and the place that it moves in."""
    return (_HERE / "player.css").read_text(encoding="utf-8")
