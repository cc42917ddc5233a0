"""Disks that are full or may only be read: one sentence with the path, and nothing half-written."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands.test_full_disk import WRITERS
from tests.datasets.videos import write_video
from tests.faults.fuzzing import Case, survive
from tests.faults.tallies import tell
from tests.faults.trainings import start, write_config, write_data

pytestmark = pytest.mark.faults


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """mount(name, options) -> a disk of its own. Skips where the tests may not mount any."""
    mounted: list[Path] = []

    def make(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount disks")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    for name in ("jump", "run"):
        (tmp_path / "videos" / name).mkdir(parents=True)
        write_video(tmp_path / "videos" / name / f"{name}.mp4", 20, height=64)
    return tmp_path / "videos" / "run" / "run.mp4"


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 12)):
                pass
        except OSError:
            return


def cases(disk: Path, video: Path) -> Iterator[Case]:
    for number, write in enumerate(WRITERS):
        yield Case(number, write.__name__, lambda write=write: write(disk, video))


def test_every_writer_names_a_full_disk(mount: Callable[..., Path], video: Path) -> None:
    disk = mount("full", "size=1m")
    fill(disk)
    tally = survive("writers on a full disk", cases(disk, video), names=lambda _: str(disk))
    assert tally.worked == 0
    assert {path.name for path in disk.rglob("*") if path.is_file()} <= {"filling", "probes.jsonl"}


def test_every_writer_names_a_disk_that_may_only_be_read(mount: Callable[..., Path], video: Path) -> None:
    disk = mount("read_only", "size=1m,ro")
    tally = survive("writers on a read-only disk", cases(disk, video), names=lambda _: str(disk))
    assert tally.worked == 0
    assert not list(disk.iterdir())


@pytest.mark.parametrize("options", ["size=1m,ro", "size=64k"], ids=["read only", "too small"])
def test_a_training_that_cannot_write_ends_in_one_sentence(mount: Callable[..., Path], tmp_path: Path, options: str) -> None:
    disk = mount("disk", options)
    process = start(write_config(write_data(tmp_path / "data"), disk / "out", SOLVER__MAX_EPOCH=2))
    said, _ = process.communicate(timeout=300)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert process.returncode == 2, said
    assert len(errors) == 1
    assert str(disk) in errors[0]
    assert "Traceback" not in said
    tell(f"training on a disk with {options}", 1, 1, errors[0])
