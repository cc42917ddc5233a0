"""Small folders of videos, in each of the ways that people keep them."""

from pathlib import Path

import pytest

from tests.datasets.videos import write_video


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten videos in two class folders, and one that is broken."""
    root = tmp_path_factory.mktemp("videos")
    for name in ("jump rope", "läuft"):
        (root / name).mkdir()
        for number in range(5):
            write_video(root / name / f"{number}.{'mkv' if number == 4 else 'mp4'}", 12 + number, fps=24)
    (root / "läuft" / "broken.mp4").write_bytes(b"<html>not found</html>")
    return root


@pytest.fixture(scope="session")
def interval_file(class_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes at times, in the same videos; one has none."""
    rows = ["path,label,start,end"]
    for number in range(4):
        rows += [f"jump rope/{number}.mp4,hop,0,0.25", f"jump rope/{number}.mp4,turn,0.2,9", f"läuft/{number}.mp4,go on,0,0.1"]
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_text("\n".join([*rows, "läuft/4.mkv,,,"]) + "\n", encoding="utf-8")
    return path
