"""Submitting trainings: what Slurm is handed, what is left alone, what is told before anything is submitted."""

import json
import os
import shlex
from pathlib import Path

import pytest

from slowfast.commands.submit import minutes_of
from slowfast.commands.submitted_plan import SubmitError, recipe_of
from slowfast.commands.submitted_run import DONE
from slowfast.commands.submitted_table import read_jobs
from slowfast_tools.submit import main

pytest.importorskip("submitit", reason="submitit submits jobs (the extra `cluster`)")

CONFIG = "configs/LongCook/SLOWONLY_PGT.yaml"
BATCH = ["TRAIN.BATCH_SIZE", "16"]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with programs called as Slurm's: sbatch keeps what it is given, squeue says what stands in a file."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "queue").touch()
    count = f"n=$(cat {folder}/count 2>/dev/null || echo 76); n=$((n + 1)); echo $n > {folder}/count"
    for name, text in {
        "sbatch": f"cp $1 {folder}/submitted.sh; {count}; echo Submitted batch job $n",
        "srun": "exit 1",
        "squeue": f"cat {folder}/queue",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def submit(folder: Path, *words: str, seeds: int = 3) -> int:
    size = ["--nodes", "2", "--gpus-per-node", "8", "--partition", "long", "--time", "1d12h", "--seeds", str(seeds)]
    return main(["--cfg", CONFIG, "--output-dir", str(folder), *size, *words, *BATCH])


def test_slurm_is_handed_one_array_of_jobs_that_are_told_of_their_end_and_put_back(tmp_path: Path, slurm: Path) -> None:
    assert submit(tmp_path / "runs", "--slurm", "account=lab") == 0
    text = (slurm / "submitted.sh").read_text()
    flags = dict(
        shlex.split(line.removeprefix("#SBATCH --"))[0].partition("=")[::2] for line in text.splitlines() if "#SB" in line
    )
    expected = {
        "nodes": "2", "gpus-per-node": "8", "ntasks-per-node": "1", "partition": "long", "time": "2160", "array": "0-2%3",
        "signal": "USR2@120", "requeue": "", "account": "lab", "cpus-per-task": "64", "open-mode": "append",
    }  # fmt: skip
    assert flags | expected == flags
    submit(tmp_path / "runs", "--slurm", "cpus-per-task=32", "DATA_LOADER.NUM_WORKERS", "2")
    assert "--cpus-per-task=32" in (slurm / "submitted.sh").read_text()
    assert "srun" in text and "submitit.core._submit" in text


def test_jobs_and_their_commands_are_noted_and_handed_over(tmp_path: Path, slurm: Path) -> None:
    from submitit.core.utils import DelayedSubmission

    runs = tmp_path / "runs"
    assert submit(runs, "RNG_SEED", "5", "SOLVER.BASE_LR", "0.02") == 0
    jobs = list(read_jobs(runs).values())
    assert [(job.job_id, job.run.seed) for job in jobs] == [("77_0", 5), ("77_1", 6), ("77_2", 7)]
    assert [Path(job.run.output_dir).name for job in jobs] == [f"longcook_slowonly_pgt_seed{seed}" for seed in (5, 6, 7)]
    for job in jobs:
        words = shlex.split(job.command)
        assert words[:4] == ["python", "-m", "slowfast_tools.run_net", "--cfg"] and Path(words[4]).is_absolute()
        assert words[-4:] == ["RNG_SEED", str(job.run.seed), "OUTPUT_DIR", job.run.output_dir]
        assert words.count("RNG_SEED") == 1 and "0.02" in words
        handed = DelayedSubmission.load(runs / "jobs" / f"{job.job_id}_submitted.pkl")
        assert handed.function._run == job.run
        assert handed._timeout_countdown == 1000, "a training of weeks is put back as often as it takes"


def test_what_is_finished_or_in_the_queue_is_left_alone(
    tmp_path: Path, slurm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    assert submit(runs) == 0
    first, *_ = read_jobs(runs).values()
    Path(first.run.output_dir).mkdir()
    (Path(first.run.output_dir) / DONE).write_text(json.dumps({"words": first.run.words}))
    (slurm / "queue").write_text("77_1 PENDING\n")
    capsys.readouterr()
    assert submit(runs) == 0
    assert [job.job_id for job in read_jobs(runs).values()] == ["77_0", "77_1", "78"]
    shown = capsys.readouterr().out
    assert shown.startswith("submitted 1 of 3 runs")
    (slurm / "queue").write_text("77_1 RUNNING\n78 COMPLETING\n")
    assert submit(runs) == 0
    assert (slurm / "count").read_text() == "78\n", "there was nothing to submit"
    assert submit(runs, "SOLVER.MAX_EPOCH", "99", seeds=1) == 0
    assert read_jobs(runs)[first.run.output_dir].job_id == "79", "what was finished was another training"


def test_the_table_has_a_row_a_run_and_the_mean_and_range_over_seeds(
    tmp_path: Path, slurm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    assert submit(runs) == 0
    for number, job in enumerate(read_jobs(runs).values()):
        folder = Path(job.run.output_dir)
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps({"metrics": {"mAP": 10.0 * number, "b": None, "c": 1.0, "d": 2.0}}))
        if number < 2:
            (folder / DONE).write_text(json.dumps({"words": job.run.words}))
    (runs / "jobs" / "77_2_0_result.pkl").touch()
    capsys.readouterr()
    assert main(["--show", str(runs)]) == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["recipe", "seed", "state", "mAP", "b", "c"]
    name = "longcook_slowonly_pgt"
    assert rows[2:] == [
        [name, "0", "finished", "0.00", "–", "1.00"],
        [name, "1", "finished", "10.00", "–", "1.00"],
        [name, "2", "failed", "–", "–", "–"],
        [name, "all", "2 of 3 finished", "5.00 (0.00–10.00)", "–", "1.00 (1.00–1.00)"],
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cfg", "nowhere.yaml"], "nowhere.yaml': cannot read this file"),
        (["--cfg", CONFIG, "SOLVER.BASE_LRR", "1"], "SOLVER.BASE_LRR = '1': there is no such option"),
        (["--cfg", CONFIG, "--cfg", CONFIG], f"--cfg {CONFIG} stands here a second time"),
        (["--cfg", CONFIG, "--cfg", "LongCook/SLOWONLY_PGT.yaml"], "longcook_slowonly_pgt_seed0: two runs would write here"),
        (["--cfg", CONFIG, "--time", "24"], "--time 24: not a time; right would be one such as 24h"),
        (["--cfg", CONFIG, "OUTPUT_DIR", "x"], "OUTPUT_DIR: each job is given its own; right would be --output-dir"),
        (["--cfg", CONFIG, "TRAIN.AUTO_RESUME", "False"], "TRAIN.AUTO_RESUME = False: a job that is put back would begin anew"),
        (["--cfg", CONFIG, "--gpus-per-node", "2", "NUM_GPUS", "4"], "--gpus-per-node 2 and NUM_GPUS 4 differ"),
        (["--cfg", CONFIG, "--nodes", "2", "TRAIN.BATCH_SIZE", "3"], "TRAIN.BATCH_SIZE = 3: not divisible by 2 processes"),
        (["--cfg", CONFIG, "--nodes", "2", "--local"], "--nodes 2: this is one machine"),
        (["--cfg", CONFIG], "there is no sbatch here"),
        (["--show", "nowhere"], "nowhere: nothing was submitted to this folder"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_submitted(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    own = [] if "--show" in words else ["--output-dir", str(tmp_path / "runs")]
    assert main([*words, *own]) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert told in line
    assert not (tmp_path / "runs").exists()


def test_a_refusal_of_sbatch_is_told_in_its_words(tmp_path: Path, slurm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (slurm / "sbatch").write_text("#!/bin/sh\necho sbatch: error: invalid partition specified: long >&2\nexit 1\n")
    assert submit(tmp_path / "runs") == 2
    assert "error: sbatch takes no job: " in (shown := capsys.readouterr().err)
    assert "invalid partition specified: long" in shown
    assert read_jobs(tmp_path / "runs") == {}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("24h", 1440), ("90m", 90), ("2d", 2880), ("1d12h", 2160), ("1h30m", 90), ("24:00:00", 1440), ("1-12:30:00", 2190)],
)
def test_times_are_read_as_people_and_slurm_write_them(text: str, minutes: int) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "24:00", "1:99:00", "24 h", "-1h", "1.5h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SubmitError, match="not a time; right would be one such as 24h"):
        minutes_of(text)


def test_recipes_of_the_same_name_for_two_data_sets_have_folders_of_their_own() -> None:
    assert recipe_of("configs/Kinetics/SLOWONLY_PGT.yaml") == "kinetics_slowonly_pgt"
    assert recipe_of("configs/AVA/SLOWONLY_PGT.yaml") == "ava_slowonly_pgt"
    assert recipe_of("mine.yaml") == "mine"
