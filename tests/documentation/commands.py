"""Command blocks of documents, and a place in which they run as they stand: tiny videos, a tiny network."""

import csv
import io
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.datasets.videos import write_video

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL
)
NOT_RUN = "Not run by a test: "
SECONDS_APART = 5
"""From one picture of the tiny videos to the next: minutes of a table are some dozens of pictures."""

TINY = """
    NUM_GPUS 0 DATA_LOADER.NUM_WORKERS 0 SOLVER.MAX_EPOCH 1 SOLVER.WARMUP_EPOCHS 0 LOG_PERIOD 1
    RESNET.DEPTH 18 RESNET.TRANS_FUNC basic_transform RESNET.WIDTH_PER_GROUP 2 RESNET.NUM_BLOCK_TEMP_KERNEL [[2],[2],[2],[2]]
    DATA.TRAIN_CROP_SIZE 32 DATA.TEST_CROP_SIZE 32 DATA.TRAIN_JITTER_SCALES [32,40] DATA.SAMPLING_RATE 150 DATA.NUM_FRAMES 0
    PGT.STEP_LEN [4] TEST.NUM_SPATIAL_CROPS 1 TRAIN.BATCH_SIZE 2 TEST.BATCH_SIZE 2
    LONGCOOK.NUM_TRAIN 4 LONGCOOK.NUM_VAL 2 LONGCOOK.NUM_TEST 2
"""
"""Behind every training: what makes it one of seconds. Every 150th of 30 frames a second is one in SECONDS_APART."""


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    text: str

    @property
    def runs(self) -> bool:
        return self.language in ("sh", "python") and not self.title.startswith(NOT_RUN)


def blocks_of(path: Path) -> list[Block]:
    found = BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [Block(match["language"], match["title"] or "", match["text"]) for match in found]


def indented_commands(path: Path) -> Iterator[str]:
    """Commands of ours in blocks of any kind, one a logical line."""
    text = path.read_text(encoding="utf-8")
    code = [match["text"] for match in BLOCK.finditer(text)] + re.findall(r"(?:^    .*\n)+", text, flags=re.MULTILINE)
    code += re.findall(r"^```\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    for block in code:
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"\s*python tools/\w+\.py ", line):
                yield line.strip().partition("  #")[0]


def words_of(command: str) -> list[str]:
    """The words behind `python`."""
    return shlex.split(command)[1:]


def make_place(folder: Path, blocks: list[Block]) -> None:
    """The source folder's tools and configs, files that the page shows by title, and a video for each that its tables name."""
    for name in ("tools", "configs"):
        (folder / name).symlink_to(ROOT / name)
    for block in blocks:
        if block.language in ("csv", "yaml", "text") and block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")
    commands = " ".join(block.text for block in blocks if block.runs)
    videos = re.search(r"prepare_data\.py (?:folder|reencode) (\w+)", commands)
    for block in blocks:
        if videos and block.language == "csv" and block.title:
            rows = list(csv.reader(io.StringIO(block.text), delimiter=";" if ";" in block.text else ","))
            for name in sorted({row[0] for row in rows[1:]}):
                write_slow_video(folder / videos[1] / name)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    real, tiny = shlex.quote(sys.executable), shlex.join(TINY.split())
    python.write_text(
        '#!/bin/sh\ncase "$1 $2" in\n  "tools/run_net.py "*|"tools/inspect_data.py "*|"tools/submit.py --cfg")\n'
        f'    exec {real} "$@" {tiny} ;;\n'
        f'  *) exec {real} "$@" ;;\nesac\n'
    )
    torchrun = python.with_name("torchrun")
    torchrun.write_text(f'#!/bin/sh\nexec {real} -m torch.distributed.run "$@" {tiny}\n')
    for program in (python, torchrun):
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


def write_slow_video(path: Path, minutes: float = 4.5) -> None:
    count = int(minutes * 60 / SECONDS_APART)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, count, height=32, pts=[1000 * SECONDS_APART * number for number in range(count)])


def run_in(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(place) for place in (ROOT, ROOT / "projects" / "pgt", ROOT / "projects" / "longcook"))
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
    }
    command = ["bash", "-e", "-u", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
