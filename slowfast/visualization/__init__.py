"""Pictures of what a run did: plain data in, PNG out. No model, no config, no screen needed.

Importing this package without matplotlib raises MissingPackageError.
"""

import importlib.util

from slowfast.errors import MissingPackageError

if importlib.util.find_spec("matplotlib") is None:
    raise MissingPackageError("matplotlib draws the pictures, and it is not installed: pip install 'slowfast-pgt[report]'")

from slowfast.visualization.boxes import BoxedPerson, Scene, draw_scene
from slowfast.visualization.canvas import DrawingError
from slowfast.visualization.confusion import draw_confusion
from slowfast.visualization.contact_sheet import ContactRow, draw_contact_sheet
from slowfast.visualization.curves import draw_curves
from slowfast.visualization.timeline import Timeline, draw_timeline

__all__ = [
    "BoxedPerson",
    "ContactRow",
    "DrawingError",
    "Scene",
    "Timeline",
    "draw_confusion",
    "draw_contact_sheet",
    "draw_curves",
    "draw_scene",
    "draw_timeline",
]
