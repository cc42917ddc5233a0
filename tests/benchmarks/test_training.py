"""The benchmark of training: what it compares is what it says, and it runs, on a CPU and on a pretended GPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.conftest import BENCHMARKS, SETTINGS, contender, way_called

HERE = Path(__file__).parent


# What is measured


def test_every_way_trains_the_frames_that_it_says(bench: Any) -> None:
    for way in bench.ways.all_ways(on_gpu=False, overrides=(), also=()):
        if way.steps == 80:
            continue
        built = contender(bench, way.name)
        before = [parameter.detach().clone() for parameter in built.model.parameters()]
        built.run()
        assert built.frames == 2 * (8 + 7 * max(0, way.steps - 1)), way.name
        assert any(not torch.equal(new, old) for new, old in zip(built.model.parameters(), before, strict=True)), way.name


def test_options_reach_our_ways_and_no_yardstick(bench: Any) -> None:
    found = bench.ways.all_ways(on_gpu=True, overrides=("MODEL.EXECUTION", "2d"), also=[("PGT.CACHE_MOMENTUM", "0.5")])
    for way in found:
        assert ("MODEL.EXECUTION" in way.options) == (way.kind == "ours"), way.name
    again = [way for way in found if "PGT.CACHE_MOMENTUM" in way.options]
    assert [way.name for way in again] == ["clip [PGT.CACHE_MOMENTUM 0.5]", "PGT, 5 steps [PGT.CACHE_MOMENTUM 0.5]"]
    cfg = bench.ways.config(again[1], "slow", norm="batchnorm", crop=32, batch=1, tiny=True)
    assert (cfg.MODEL.EXECUTION, cfg.PGT.CACHE_MOMENTUM, cfg.PGT.STEPS) == ("2d", 0.5, 5)


def test_options_that_do_not_go_together_are_told_and_the_rest_is_measured(bench: Any) -> None:
    ways = [way_called(bench, name) for name in (bench.ways.OUR_CLIP, bench.ways.ours(5))]
    ways[1] |= {"options": ("PGT.OPERATOR", "causal")}
    found = bench.jobs.times("slow", "batchnorm", ways, 3, 0.0, 100.0, SETTINGS)["ways"]
    assert "PGT.CACHE" in found["PGT, 5 steps"]["problem"]
    assert len(found["clip"]["wall"]) == len(found["clip"]["processor"]) == 3


def test_ways_that_take_long_have_two_turns(bench: Any) -> None:
    ways = [way_called(bench, name) for name in (bench.ways.OUR_CLIP, bench.ways.ours(5))]
    found = bench.jobs.times("slow", "batchnorm", ways, 4, 0.0, 0.0, SETTINGS)["ways"]
    assert [len(each["wall"]) for each in found.values()] == [2, 2]


def test_activations_of_steps_are_those_of_a_clip(bench: Any) -> None:
    names = (bench.ways.OUR_CLIP, bench.ways.ours(10), f"end to end, {bench.ways.LONG} steps' frames")
    clip, ten, whole = (
        bench.jobs.memory("slow", "frozen_batchnorm", way_called(bench, name), SETTINGS)["activations"] for name in names
    )
    assert ten <= clip < whole / 5


# The traces of a GPU


def event(start: float, stop: float, name: str = "k", cat: str = "kernel") -> dict[str, Any]:
    return {"ph": "X", "cat": cat, "name": name, "ts": start, "dur": stop - start}


def test_gaps_are_the_times_in_which_nothing_ran_on_any_stream(bench: Any) -> None:
    events = [
        event(0, 10, "a"),
        event(5, 8, "b"),
        event(20, 30, "c"),
        event(0, 100, "aten::conv", "cpu_op"),
        event(31, 40, "d"),
    ]
    found = bench.trace.idle_times([*events, {"ph": "i", "cat": "kernel", "ts": 99, "name": "mark"}])
    assert found["span"] == pytest.approx(40e-6)
    assert found["busy"] == pytest.approx(29 / 40)
    assert found["gaps"] == [
        {"microseconds": 10.0, "after": "a", "before": "c"},
        {"microseconds": 1.0, "after": "c", "before": "d"},
    ]


def test_a_trace_without_a_gpu_says_nothing_of_it(bench: Any) -> None:
    assert bench.trace.idle_times([event(0, 9, cat="cpu_op")]) == {"span": 0.0, "busy": None, "gaps": []}


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10)), min_size=1, max_size=12))
def test_busy_share_is_that_of_the_microseconds_with_something_on(bench: Any, spans: list[tuple[int, int]]) -> None:
    found = bench.trace.idle_times([event(start, start + length) for start, length in spans])
    on = {moment for start, length in spans for moment in range(start, start + length)}
    span = max(start + length for start, length in spans) - min(start for start, _ in spans)
    assert found["busy"] == pytest.approx(len(on) / span if span else 1.0)


# What is planned, kept and told


def test_plan_measures_every_way_of_every_network_and_norm(bench: Any) -> None:
    plan = bench.plan.plan()
    lengths = [setting for setting in plan if setting.part == bench.plan.LENGTHS]
    assert {(setting.network, setting.norm) for setting in lengths} == {
        (network, norm) for network in bench.ways.TITLES for norm in bench.ways.NORMS
    }
    every = {way.name for way in bench.ways.all_ways(on_gpu=False, overrides=(), also=())}
    for setting in lengths:
        without = {bench.ways.theirs(5), bench.ways.theirs(10)} if setting.network == "regnet" else set()
        assert {way.name for way in setting.ways} == every - without
    for setting in plan:
        names = [way.name for way in setting.ways]
        assert len(set(names)) == len(names)
        assert {bench.ways.THEIR_CLIP, bench.ways.OUR_CLIP} <= set(names)


def test_levers_that_a_device_lacks_are_left_out(bench: Any) -> None:
    def names(**options: Any) -> str:
        return " ".join(way.name for setting in bench.plan.plan(**options) for way in setting.ways)

    assert "bf16" in names() and "TRAIN.COMPILE" in names()
    assert "bf16" not in names(half_pays=False)
    assert "TRAIN.COMPILE" not in names(compiles=False)
    assert "[TRAIN.PRECISION bf16 TRAIN.COMPILE True]" in names(on_gpu=True)


def test_options_of_every_way_go_together(bench: Any) -> None:
    for on_gpu in (False, True):
        for setting in bench.plan.plan(on_gpu=on_gpu):
            for way in setting.ways:
                cfg = bench.ways.config(
                    way, setting.network, norm=setting.norm, crop=setting.crop, batch=setting.batch, tiny=False
                )
                assert cfg.PGT.ENABLE == (way.progressive and way.kind == "ours")


@pytest.fixture
def job(bench: Any) -> Any:
    return lambda number, **how: bench.results.Job("memory", {"number": number}, 1.0, **how)


def test_results_are_kept_and_not_found_twice(bench: Any, tmp_path: Path, job: Any) -> None:
    path, asked = tmp_path / "new" / "results.jsonl", []

    def run(name: str, options: dict[str, Any]) -> dict[str, Any]:
        if options["number"] == 2 and len(asked) < 3:
            raise KeyboardInterrupt
        asked.append(options["number"])
        return {"of": options["number"]}

    jobs, about = [job(0), job(1), job(2), job(3)], {"where": "here"}
    with pytest.raises(KeyboardInterrupt):
        bench.results.run_all(jobs, bench.results.Results.read(path, about), run, at_once=1)
    assert asked == [0, 1]
    with path.open("a") as file:
        file.write('{"about": {"where": "he')  # killed while it wrote
    asked += ["again"]
    results = bench.results.Results.read(path, about)
    bench.results.run_all(jobs, results, run, at_once=1)
    assert asked == [0, 1, "again", 2, 3]
    for known in (results, bench.results.Results.read(path, about)):
        assert [known.get(each) for each in jobs] == [{"of": number} for number in range(4)]


def test_results_of_another_machine_or_code_are_not_used(bench: Any, tmp_path: Path, job: Any) -> None:
    path = tmp_path / "results.jsonl"
    bench.results.Results.read(path, {"where": "there"}).add(job(0), {"of": 0})
    here = bench.results.Results.read(path, {"where": "here"})
    assert (here.get(job(0)), here.ignored) == (None, 1)


def test_jobs_that_may_run_together_do(bench: Any, job: Any) -> None:
    meeting = threading.Barrier(2, timeout=60)

    def run(name: str, options: dict[str, Any]) -> dict[str, Any]:
        return {"met": meeting.wait() >= 0 if options["number"] else False}

    jobs = [job(0), job(1, together=True), job(2, together=True)]
    results = bench.results.Results(None, {})
    bench.results.run_all(jobs, results, run, at_once=2)
    assert [results.get(each) for each in jobs] == [{"met": False}, {"met": True}, {"met": True}]


def test_what_is_left_follows_from_what_is_done(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 60.0, 120.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    progress = bench.results.Progress([1.0, 1.0, 2.0])
    assert progress.after(1.0) == "1 of 3, 1.0 min gone, about 3.0 min left"
    assert progress.after(1.0) == "2 of 3, 2.0 min gone, about 2.0 min left"


def made_up(bench: Any, network: str = "slow", *, times: dict[str, list[float]], memory: dict[str, int] | None = None) -> Any:
    [setting] = bench.plan.plan(networks=[network], norms=["batchnorm"], parts=["lengths"])
    found = {way: {"frames": 8, "wall": each, "processor": each} for way, each in times.items()}
    return bench.report.Case(
        setting, found, {way: {"activations": size, "process": size} for way, size in (memory or {}).items()}, {}
    )


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_targets_are_judged_by_ratios_of_turns(bench: Any) -> None:
    names = bench.ways
    times = {
        names.THEIR_CLIP: [2.0, 4.0, 3.0],
        names.OUR_CLIP: [1.0, 2.0, 3.0],
        names.theirs(5): [3.0, 3.0],
        names.ours(5): [2.8, 2.5],
    }
    found = rows(bench.report.targets([made_up(bench, times=times)], None))
    judged = {row[1]: (row[2], row[4]) for row in found}
    assert judged["clip: times as fast as clip, PySlowFast's way"] == ("2.00 (1.00–2.00)", "pass")
    assert judged["PGT, 5 steps: times as fast as PGT, 5 steps, the release's way"] == ("1.14 (1.07–1.20)", "MISSED")
    assert judged["PGT, 5 steps: time a frame, of our clip's"] == ("2.02 (1.25–2.80)", "MISSED")


def test_the_faster_execution_is_the_one_that_is_judged(bench: Any) -> None:
    names = bench.ways
    flat = names.with_options_name(names.OUR_CLIP, bench.plan.FLAT)
    times = {names.THEIR_CLIP: [1.1], names.OUR_CLIP: [1.1], flat: [1.0]}
    found = rows(bench.report.targets([made_up(bench, times=times)], None))
    assert [row[4] for row in found if "PySlowFast" in row[1]] == ["", "pass"]


def test_memory_of_steps_is_judged_against_a_clip(bench: Any) -> None:
    names = bench.ways
    memory = {names.OUR_CLIP: 1000 * 2**20, names.ours(80): 1040 * 2**20}
    found = rows(bench.report.targets([made_up(bench, times={names.OUR_CLIP: [1.0]}, memory=memory)], None))
    assert [(row[2], row[4]) for row in found] == [("1.040", "MISSED"), ("1.040", "pass")]


def test_ways_without_figures_are_dashes_and_told(bench: Any) -> None:
    case = made_up(bench, times={bench.ways.OUR_CLIP: [1.0]})
    case.times[bench.ways.ours(5)] = {"problem": "no room"}
    assert rows(bench.report.table(case, None))[1][1:] == ["–"] * 7
    assert bench.report.problems([case]) == ["Slow R50, plain norm, 1 x 64 x 64, PGT, 5 steps: no room"]


# The script


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=HERE.parents[1])


def test_job_in_a_process_of_its_own_finds_figures(bench: Any) -> None:
    way = way_called(bench, bench.ways.OUR_CLIP)
    found = bench.script.in_a_process("memory", {"network": "slow", "norm": "batchnorm", "way": way, "settings": SETTINGS})
    assert found["activations"] < found["process"]
    assert found["frames"] == 16


@pytest.mark.slow
def test_run_that_was_stopped_goes_on_with_the_same_command(tmp_path: Path) -> None:
    picture, results = tmp_path / "picture.png", tmp_path / "results.jsonl"
    command = [str(BENCHMARKS / "training.py"), "--quick", "--only", "regnet", "--part", "lengths"]
    command += ["--picture", str(picture), "--results", str(results)]
    done = run_script(*command)
    assert done.returncode == 0, done.stderr
    for words in ("PGT, 10 steps", "exact gradient", "checkpointed", "PySlowFast's way", "load "):
        assert words in done.stdout
    assert picture.stat().st_size > 1000
    tables = done.stdout.partition("mean nothing")[2]
    lines = results.read_text().splitlines()
    results.write_text("\n".join(lines[:-2]) + "\n")
    again = run_script(*command)
    assert f"{len(lines) - 2} of {len(lines)} jobs are in" in again.stderr
    assert again.stdout.partition("mean nothing")[2].splitlines()[:5] == tables.splitlines()[:5]
    assert results.read_text().count("\n") == len(lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "x"], "--device cuda"),
        (["MODEL.EXECUTION"], "pairs"),
        (["--also", "2d", "MODEL.EXECUTION"], "pairs"),
        (["--only", "slow", "--threads", "many"], "--threads"),
    ],
)
def test_wrong_arguments_are_told(bench: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit):
        bench.script.parse(arguments)
    assert words in capsys.readouterr().err


@pytest.fixture
def pretended_gpu(tmp_path: Path) -> str:
    """The library, compiled; skips where it cannot be."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("a pretended GPU wants a C++ compiler")
    torch_folder, library = Path(torch.__file__).parent, str(tmp_path / "pretended_gpu.so")
    command = [compiler, "-shared", "-fPIC", "-std=c++20", f"-I{torch_folder / 'include'}", str(HERE / "pretended_gpu.cpp")]
    command += ["-o", library, f"-L{torch_folder / 'lib'}", f"-Wl,-rpath,{torch_folder / 'lib'}", "-lc10", "-ltorch_cpu"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.slow
@pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch brings a CUDA device of its own")
def test_run_on_a_gpu_is_rehearsed_with_fake_tensors(tmp_path: Path, pretended_gpu: str) -> None:
    traces = tmp_path / "traces"
    done = run_script(
        *(str(HERE / "rehearsal.py"), pretended_gpu, "--quick", "--device", "cuda", "--profile", str(traces)),
        *("--only", "slow", "--part", "yardsticks", "--also", "PGT.CACHE", "last"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for words in ("frames a second", "of bf16 peak", "GPU busy", "fp16", "[TRAIN.PRECISION bf16 MODEL.EXECUTION 2d]"):
        assert words in done.stdout
    assert " – " not in done.stdout.partition("longest gaps")[0].partition("| figure")[0]  # every way was run
    asked = set(done.stdout.rpartition("asked:")[2].split())
    assert {"torch.cuda.synchronize", "torch.cuda.set_device", "torch.cuda.max_memory_allocated"} <= asked
    written = list(traces.iterdir())
    assert len(written) == 2 * 5  # our clip and our 5 steps, as usual, with three levers and with what was asked for
    assert all("traceEvents" in json.loads(path.read_text()) for path in written)
