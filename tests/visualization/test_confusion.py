from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from slowfast.visualization import DrawingError, draw_confusion


@pytest.mark.parametrize("num_classes", [1, 5, 30])
def test_confusion_is_drawn_darker_where_more_of_a_class_lies(tmp_path: Path, num_classes: int) -> None:
    names = [f"class {number} $with a rather long name^" for number in range(num_classes)]
    draw_confusion(names, np.zeros((num_classes, num_classes), np.int64), tmp_path / "empty.png")
    draw_confusion(names, 3 * np.eye(num_classes, dtype=np.int64), tmp_path / "right.png")
    empty, right = imread(tmp_path / "empty.png"), imread(tmp_path / "right.png")
    assert right[..., :3].mean() < empty[..., :3].mean()


def test_counts_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DrawingError, match="2 classes and counts of the shape"):
        draw_confusion(["a", "b"], np.zeros((3, 3), np.int64), tmp_path / "no.png")
    assert not list(tmp_path.iterdir())
