"""Whole trainings of the command run_net in processes of their own: a tiny network, tiny videos, one loading process."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from slowfast.engine import checkpoint
from tests.conftest import ROOT
from tests.datasets.videos import write_video

VIDEOS = 8


def write_data(folder: Path, *, videos: int = VIDEOS, rows: int = 0) -> Path:
    """A folder of videos in two classes, with lists of them: for training all, `rows` lines (0: one for each video), for
    validation and test the first two, which are copies of their own."""
    folder.mkdir(parents=True)
    whole = [write_video(folder / f"whole{number}.mp4", 24 + 3 * number) for number in range(2)]
    for number in range(videos):
        shutil.copy(whole[number % 2], folder / f"{number:03d}.mp4")
    lines = [f"{number % videos:03d}.mp4 {number % 2}" for number in range(rows or videos)]
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    for split in ("val", "test"):
        (folder / f"{split}.csv").write_text("whole0.mp4 0\nwhole1.mp4 1\n")
    return folder


def write_config(data: Path, out: Path, **changes: object) -> Path:
    """changes: SECTION__KEY=value."""
    options: dict[str, object] = {
        "NUM_GPUS": 0, "OUTPUT_DIR": str(out), "LOG_PERIOD": 1, "RNG_SEED": 3,
        "TRAIN__DATASET": "kinetics", "TRAIN__BATCH_SIZE": 2, "TRAIN__EVAL_PERIOD": 3, "TRAIN__CHECKPOINT_PERIOD": 100,
        "TRAIN__CHECKPOINT_MINUTES": 0.001, "TEST__DATASET": "kinetics", "TEST__BATCH_SIZE": 2, "TEST__ENABLE": False,
        "TEST__NUM_ENSEMBLE_VIEWS": 1, "TEST__NUM_SPATIAL_CROPS": 1, "DATA__PATH_TO_DATA_DIR": str(data),
        "DATA__PATH_PREFIX": str(data), "DATA__NUM_FRAMES": 4, "DATA__SAMPLING_RATE": 2, "DATA__TRAIN_JITTER_SCALES": [36, 40],
        "DATA__TRAIN_CROP_SIZE": 32, "DATA__TEST_CROP_SIZE": 32, "DATA__INPUT_CHANNEL_NUM": [3],
        "DATA__INDEX_CACHE_DIR": str(data / "indexes"), "MODEL__NUM_CLASSES": 2, "MODEL__ARCH": "slow",
        "MODEL__MODEL_NAME": "ResNet", "RESNET__DEPTH": 18, "RESNET__WIDTH_PER_GROUP": 2,
        "RESNET__NUM_BLOCK_TEMP_KERNEL": [[2], [2], [2], [2]], "SOLVER__MAX_EPOCH": 12, "SOLVER__WARMUP_EPOCHS": 0.0,
        "SOLVER__BASE_LR": 0.01, "DATA_LOADER__NUM_WORKERS": 1, "REPORT__ENABLE": False, **changes,
    }  # fmt: skip
    tree: dict[str, object] = {}
    for name, value in options.items():
        section, _, key = name.rpartition("__")
        (tree.setdefault(section, {}) if section else tree)[key] = value  # type: ignore[index]
    path = data.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def start(config: Path, *, before: str = "") -> "subprocess.Popen[str]":
    """The command in a group of processes of its own. before: Python that runs first."""
    script = f"import sys\n{before}\nfrom slowfast_tools.run_net import main\nsys.exit(main(['--cfg', {str(config)!r}]))"
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(config: Path, *, before: str = "", seconds: float = 300) -> str:
    """What a run says that ends well."""
    process = start(config, before=before)
    try:
        said, _ = process.communicate(timeout=seconds)
    finally:
        kill_all(process)
    assert process.returncode == 0, said[-3000:]
    return said


def kill_all(process: "subprocess.Popen[str]") -> None:
    """All processes of its group, at once; they leave nothing behind that they could tidy up."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(60)


def last_state(out: Path) -> dict[str, object]:
    """Weights, state of the optimizer and place in the training."""
    state = checkpoint.load(checkpoint.last_path(out))
    return {key: state[key] for key in ("epoch", "iteration", "model_state", "optimizer_state")}
