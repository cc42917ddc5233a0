import sys
from pathlib import Path

import cv2
import pytest

from slowfast.visualization.canvas import DOTS_PER_INCH, figure


def test_figure_is_a_png_of_the_stated_size_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figure.png"
    with figure(path, width=2, height=1):
        pass
    assert cv2.imread(str(path)).shape == (DOTS_PER_INCH, 2 * DOTS_PER_INCH, 3)
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]


def test_failed_drawing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"earlier")
    with pytest.raises(RuntimeError), figure(path, width=1, height=1):
        raise RuntimeError
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_drawing_needs_no_window_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import of it would fail now
    with figure(tmp_path / "figure.png", width=1, height=1) as canvas:
        canvas.add_subplot().plot([0, 1])
    assert (tmp_path / "figure.png").exists()
