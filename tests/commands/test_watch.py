"""A film of what several networks say of one video."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from slowfast.prediction import PredictionError, predict
from slowfast.prediction.panel import BACKGROUND
from slowfast.prediction.stacked import Stacked, shared_rows
from slowfast_tools.watch import main
from tests.datasets.videos import write_video
from tests.prediction.conftest import CLIPS, STEPS, weights_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: weights_of(tmp_path_factory.mktemp(name), kind) for name, kind in (("short clips", CLIPS), ("memory", STEPS))}


def cut_off(video: Path) -> bytes:
    """With its index, but zeros in place of its second half."""
    content = bytearray(video.read_bytes())
    at = content.index(b"mdat") + 4
    size = int.from_bytes(content[at - 8 : at - 4], "big") - 8
    content[at + size // 2 : at + size] = bytes(size - size // 2)
    return bytes(content)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_video(tmp_path_factory.mktemp("video") / "v.mp4", 90, fps=30))


def test_the_film_has_every_picture_and_a_panel_for_each_network(
    weights: dict[str, Path], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "film.mp4"
    titled = [f"{title}={path}" for title, path in weights.items()]
    assert main([str(video), "--weights", *titled, "--out", str(out)]) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    with av.open(str(out)) as film:
        frames = list(film.decode(video=0))
    predictions = [(title, predict(path, video)[0]) for title, path in weights.items()]
    assert len(frames) == 90
    assert frames[0].width == 640
    height = 640 * 48 // 80 + Stacked(predictions, width=640, chosen=(0, 1, 2)).height
    assert abs(frames[0].height - height) <= 1
    assert [path.name for path in out.parent.iterdir()] == ["film.mp4"]


def test_panels_show_the_same_classes_in_the_same_order(weights: dict[str, Path], video: Path) -> None:
    predictions = [(title, predict(path, video)[0]) for title, path in weights.items()]
    stacked = Stacked(predictions, width=640, chosen=(0, 2))
    one, other = (panel._rows for panel in stacked._panels)
    assert one == other
    assert set(one) == {0, 2}
    picture = np.zeros((100, 640, 3), np.uint8)
    drawn = stacked.draw(picture, 1.0)
    assert drawn.shape == (100 + stacked.height, 640, 3)
    assert (drawn[:100] == picture).all()
    titles = [drawn[100 : 100 + 20]], [drawn[-stacked._panels[1].height - 20 : -stacked._panels[1].height]]
    for (strip,) in titles:
        assert (strip != BACKGROUND).any(), "a title stands there"


def test_what_cannot_stand_side_by_side_is_one_line(
    weights: dict[str, Path], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = weights_of(tmp_path, CLIPS, classes=("a", "b", "c"))
    first = f"x={weights['memory']}"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(cut_off(video))
    for words, right in (
        ([str(broken), "--weights", first], "broken.mp4"),
        ([str(video), "--weights", first, f"y={other}"], "trained on the same data"),
        ([str(video), "--weights", first, "--classes", "meow"], "class 'meow'"),
        ([str(video), "--weights", first, "--out", str(tmp_path / "film.avi")], "ends in .mp4"),
        ([str(tmp_path / "nothing.mp4"), "--weights", first], "there is no such file"),
    ):
        assert main([*words, *([] if "--out" in words else ["--out", str(tmp_path / "film.mp4")])]) == 2
        error = capsys.readouterr().err
        assert right in error
        assert error.count("\n") == 1
        assert not (tmp_path / "film.mp4").exists()
    for wrong in ("memory", "=w", "title="):
        with pytest.raises(SystemExit):
            main([str(video), "--weights", wrong])
    assert "right would be TITLE=FILE" in capsys.readouterr().err


def test_rows_are_the_leading_ones_of_all_networks(weights: dict[str, Path], video: Path) -> None:
    each = [predict(path, video)[0] for path in weights.values()]
    rows = shared_rows(each, (0, 1, 2))
    assert sorted(rows) == [0, 1, 2]
    assert rows[0] == each[0].leading((0, 1, 2), 6)[0]
    other = predict(weights["memory"], video)[0]
    with pytest.raises(PredictionError, match="different classes"):
        import dataclasses

        shared_rows([other, dataclasses.replace(other, classes=("a", "b", "c"))], (0,))


@pytest.mark.slow
def test_make_watch_writes_the_film_of_a_latte_after_make_demo(tmp_path: Path) -> None:
    for name in ("Makefile", "tools", "configs", "slowfast", "projects"):
        (tmp_path / name).symlink_to(ROOT / name)
    tiny = (
        "NUM_GPUS 0 DATA_LOADER.NUM_WORKERS 0 LONGCOOK.NUM_TRAIN 8 LONGCOOK.NUM_VAL 2 LONGCOOK.NUM_TEST 12 TRAIN.BATCH_SIZE 8 "
        "SOLVER.MAX_EPOCH 1 SOLVER.WARMUP_EPOCHS 0 TEST.NUM_ENSEMBLE_VIEWS 1 RESNET.WIDTH_PER_GROUP 2 REPORT.ENABLE False"
    )
    words = ["make", "-o", ".venv/.ready", f"RUN={sys.executable}", f"ARGS={tiny}"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "env": dict(os.environ)}
    early = subprocess.run([*words, "watch"], check=False, **options)  # type: ignore[call-overload]
    assert early.returncode != 0
    assert "make demo first" in early.stdout
    for target in ("demo", "watch"):
        subprocess.run([*words, target], check=True, **options)  # type: ignore[call-overload]
    with av.open(str(tmp_path / "runs/watch.mp4")) as film:
        assert next(film.decode(video=0)).width == 640
    assert (tmp_path / "runs/longcook_clip/model.safetensors").is_file()
    again = subprocess.run([*words, "watch"], check=True, **options)  # type: ignore[call-overload]
    assert "SLOWONLY_CLIP" not in again.stdout, "what was trained is not trained again"
