"""Whole trainings that are killed, fed with damaged videos, told wrong times, or last long."""

import random
import subprocess
import time
from pathlib import Path

import pytest
import torch

from slowfast.engine import checkpoint
from tests.faults.tallies import tell
from tests.faults.trainings import finish, kill_all, last_state, start, write_config, write_data

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("trainings") / "data")


def undisturbed(data: Path, epochs: int, **changes: object) -> dict[str, object]:
    """The end of a training that nothing happens to."""
    out = data.parent / f"undisturbed{epochs}"
    finish(write_config(data, out, SOLVER__MAX_EPOCH=epochs, **changes))
    return last_state(out)


def assert_same(found: object, wanted: object, where: str = "") -> None:
    """To the last bit."""
    if isinstance(wanted, torch.Tensor):
        assert isinstance(found, torch.Tensor)
        assert torch.equal(found, wanted), where
    elif isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert found.keys() == wanted.keys(), where
        for key, value in wanted.items():
            assert_same(found[key], value, f"{where}.{key}")
    else:
        assert found == wanted, where


def test_a_training_killed_twenty_times_ends_with_the_weights_of_one_that_never_was(tmp_path: Path) -> None:
    """One kill in five comes within the start-up, the others after some iterations; an epoch has 50."""
    data, rng = write_data(tmp_path / "data", rows=100), random.Random("kills")
    out, places = tmp_path / "killed", []
    config = write_config(data, out, SOLVER__MAX_EPOCH=20, TRAIN__EVAL_PERIOD=7)
    for kill in range(20):
        process = start(config)
        if kill % 5:
            wait_for_iterations(process, out, rng.randint(1, 60))
            time.sleep(rng.uniform(0, 0.1))
        else:
            time.sleep(rng.uniform(0, 2.5))
        assert process.poll() is None, f"it ended before kill {kill + 1}"
        kill_all(process)
        places.append(resume_point(out))
    finish(config)
    assert_same(last_state(out), undisturbed(data, 20, TRAIN__EVAL_PERIOD=7))
    assert not [path.name for path in (out / "checkpoints").iterdir() if ".part" in path.name]
    within = [place for place in places if not place.endswith((".0", "-"))]
    tell("kills of a training", len(places), len(places), f"goes on from epoch.iteration {' '.join(places)}")
    assert len(within) >= len(places) / 2


def wait_for_iterations(process: "subprocess.Popen[str]", out: Path, count: int) -> None:
    """Until `count` iterations more are in its log."""
    log = out / "stdout.log"

    def logged() -> int:
        return log.read_text(errors="replace").count('"train_iter"') if log.exists() else 0

    before = logged()
    while logged() < before + count and process.poll() is None:
        time.sleep(0.01)


def resume_point(out: Path) -> str:
    """Epochs and iterations done where the next run goes on; "-": it begins anew."""
    if not checkpoint.last_path(out).exists():
        return "-"
    state = checkpoint.load(checkpoint.last_path(out))
    return f"{state['epoch']}.{state['iteration']}"


JUMPS = {
    "back by an hour": "-3600", "forward by a year": "365 * 86400", "to 1970": "-real() + 1",
    "to and fro": "(-7200 if calls % 2 else 7200)", "stands still": "began - real()",
}  # fmt: skip


def clock(jump: str) -> str:
    """time.time() as it is for 40 calls, and then as it was set."""
    return f"""
import time
real, calls, began = time.time, 0, time.time()
def wrong():
    global calls
    calls += 1
    return real() + ({jump} if calls > 40 else 0)
time.time = wrong
"""


def test_clocks_that_jump_change_nothing(data: Path) -> None:
    wanted = undisturbed(data, 4)
    for number, (what, jump) in enumerate(JUMPS.items()):
        out = data.parent / f"clock{number}"
        said = finish(write_config(data, out, SOLVER__MAX_EPOCH=4), before=clock(jump))
        assert "Traceback" not in said, what
        assert_same(last_state(out), wanted, what)
        assert not (out / ".run.lock").exists()
    tell("clock jumps within Python", len(JUMPS), len(JUMPS))


DAMAGE = {
    "cut in half": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "text": lambda content: b"not found\n",
    "zeros": lambda content: bytes(len(content)),
    "header lost": lambda content: content[64:],
    "without its end": lambda content: content[:-100],
    "a page of the web": lambda content: b"<html><body>404</body></html>",
    "a pointer of git-lfs": lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a playlist": lambda content: b"#EXTM3U\n#EXTINF:10,\n000.mp4\n#EXT-X-ENDLIST\n",
    "another codec": lambda content: content.replace(b"avc1", b"zzz1"),
}


def test_a_training_goes_on_where_a_tenth_of_the_videos_is_corrupt_and_names_each(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data", videos=100), tmp_path / "out"
    bad = [data / f"{number:03d}.mp4" for number in range(5, 100, 10)]
    for path, damage in zip(bad, DAMAGE.values(), strict=True):
        path.write_bytes(damage(path.read_bytes()))
    said = finish(write_config(data, out, TRAIN__MAX_BAD_SHARE=0.1, SOLVER__MAX_EPOCH=2))
    named = [path for path in bad if f"{path}: " in said]
    assert named == bad
    assert (out / "checkpoints" / "last.pyth").exists()
    tell("a tenth of the videos corrupt", len(bad), len(named), "each named in the log; the training went on to its end")


def test_a_training_with_more_corrupt_videos_than_allowed_ends_in_one_sentence(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data", videos=100), tmp_path / "out"
    for number in range(5, 100, 10):
        (data / f"{number:03d}.mp4").write_bytes(b"")
    process = start(write_config(data, out, SOLVER__MAX_EPOCH=2))
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "10 of 100 videos cannot be read" in errors[0]
    assert "TRAIN.MAX_BAD_SHARE" in errors[0]
    assert "Traceback" not in said
    tell("more corrupt videos than allowed", 1, 1, errors[0])
