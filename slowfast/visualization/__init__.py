"""Pictures and tables of what a run did: plain data in, PNG or text out. No model, no config, no screen needed."""

from slowfast.visualization.boxes import BoxedPerson, Scene, draw_scene
from slowfast.visualization.canvas import DrawingError
from slowfast.visualization.contact_sheet import ContactRow, draw_contact_sheet
from slowfast.visualization.curves import draw_curves, read_stats
from slowfast.visualization.results_table import format_table
from slowfast.visualization.timeline import Timeline, draw_timeline

__all__ = [
    "BoxedPerson",
    "ContactRow",
    "DrawingError",
    "Scene",
    "Timeline",
    "draw_contact_sheet",
    "draw_curves",
    "draw_scene",
    "draw_timeline",
    "format_table",
    "read_stats",
]
