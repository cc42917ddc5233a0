"""The benchmark of training: what it compares is what it says, and it runs, on a CPU and on a pretended GPU."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from slowfast.models.layers.norm import FrozenBatchNorm3d

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"
SETTINGS = {"crop": 32, "batch": 2, "tiny": True, "device": "cpu", "threads": 1}
MODULES = {"ways": "training_ways", "yardsticks": "training_yardsticks", "jobs": "training_jobs", "script": "training"}


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The benchmark's modules, which import each other as scripts of one folder do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        found = {name: importlib.import_module(module) for name, module in (MODULES | {"trace": "gpu_trace"}).items()}
        yield SimpleNamespace(**found)


def way_called(bench: Any, name: str) -> dict[str, Any]:
    ways = bench.ways.all_ways(on_gpu=False, overrides=(), also=())
    return asdict(next(way for way in ways if way.name == name))


def contender(bench: Any, name: str, network: str = "slow", norm: str = "frozen_batchnorm") -> Any:
    return bench.jobs.Bench(SETTINGS).build(way_called(bench, name), network, norm)


# What yardsticks compute


@pytest.mark.parametrize("network", ["slow", "slowfast", "x3d", "regnet"])
@pytest.mark.parametrize("norm", ["frozen_batchnorm", "batchnorm"])
def test_pyslowfast_s_clip_has_the_scores_of_our_clip(bench: Any, network: str, norm: str) -> None:
    other = contender(bench, bench.ways.THEIR_CLIP, network, norm)
    own = contender(bench, bench.ways.OUR_CLIP, network, norm)
    own.model.load_state_dict(other.model.state_dict())
    for model in (own.model, other.model):
        model.eval()
    unfolded = [module for module in other.model.modules() if isinstance(module, bench.yardsticks.UnfoldedNorm)]
    assert bool(unfolded) == (norm == "frozen_batchnorm")
    with torch.no_grad():
        torch.testing.assert_close(other.model(other.pathways), own.model(other.pathways))


def test_first_step_of_the_release_is_a_clip(bench: Any) -> None:
    steps, clip = contender(bench, bench.ways.theirs(5)), contender(bench, bench.ways.THEIR_CLIP)
    clip.model.load_state_dict({name.replace(".inner", ""): value for name, value in steps.model.state_dict().items()})
    for model in (clip.model, steps.model):
        model.eval()
    with torch.no_grad():
        torch.testing.assert_close(steps.model(clip.pathways), clip.model(clip.pathways))


@pytest.mark.parametrize("network", ["slow", "slowfast", "x3d"])
def test_blocks_of_the_release_run_over_past_and_step(bench: Any, network: str) -> None:
    steps = contender(bench, bench.ways.theirs(5), network)
    lengths: dict[str, list[int]] = {}

    def note(name: str) -> Any:
        return lambda _, args: lengths.setdefault(name, []).append(args[0].shape[2])

    for name, module in steps.model.named_modules():
        if isinstance(module, bench.yardsticks.RememberingBlock):
            module.inner.register_forward_pre_hook(note(name))
    steps.run()
    cut = bench.ways.schedule(network, 5)
    assert lengths
    for name, seen in lengths.items():
        assert seen == [cut.step_len[int(name.partition("pathway")[2][0])]] * 5, name


def test_what_the_release_remembers_is_the_maximum_of_all_it_saw(bench: Any) -> None:
    block = bench.yardsticks.RememberingBlock(torch.nn.Identity(), frames=1, pool=F.adaptive_max_pool3d)
    first, second = torch.randn(1, 2, 4, 3, 3), torch.randn(1, 2, 3, 3, 3)
    torch.testing.assert_close(block(first), first)
    torch.testing.assert_close(block(second), second)
    torch.testing.assert_close(block.past, torch.cat([first, second], 2).amax(2, keepdim=True))


def test_swish_of_the_yardstick_has_the_gradient_of_silu(bench: Any) -> None:
    x = torch.randn(50, dtype=torch.double, requires_grad=True)
    [wanted] = torch.autograd.grad(F.silu(x).square().sum(), x)
    [found] = torch.autograd.grad(bench.yardsticks.Swish()(x).square().sum(), x)
    torch.testing.assert_close(found, wanted)


def test_unfolded_norm_equals_the_frozen_one(bench: Any) -> None:
    norm = FrozenBatchNorm3d(4)
    for buffer in norm.buffers():
        buffer.copy_(torch.rand(4) + 0.5)
    x = torch.randn(2, 4, 3, 5, 5)
    torch.testing.assert_close(bench.yardsticks.UnfoldedNorm(norm)(x), norm(x))


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
    found = bench.jobs.times("slow", "batchnorm", ways, 2, 0.0, SETTINGS)["ways"]
    assert "PGT.CACHE" in found["PGT, 5 steps"]["problem"]
    assert len(found["clip"]["wall"]) == len(found["clip"]["processor"]) == 2


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


# The script


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=HERE.parents[1])


@pytest.mark.slow
def test_smoke_form_prints_every_way_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    done = run_script(str(BENCHMARKS / "training.py"), "--quick", "--only", "regnet", "x3d", "--picture", str(picture))
    assert done.returncode == 0, done.stderr
    for words in ("PGT, 10 steps", "the release's way", "exact gradient", "checkpointed", "PySlowFast's way", "load "):
        assert words in done.stdout
    assert picture.stat().st_size > 1000


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
        *("--only", "slowfast", "--also", "TRAIN.PRECISION", "bf16", "MODEL.EXECUTION", "2d"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for words in ("frames a second", "of bf16 peak", "GPU busy", "fp16", "[TRAIN.PRECISION bf16 MODEL.EXECUTION 2d]"):
        assert words in done.stdout
    assert " – " not in done.stdout.partition("longest gaps")[0]  # every way was run
    asked = set(done.stdout.rpartition("asked:")[2].split())
    assert {"torch.cuda.synchronize", "torch.cuda.set_device", "torch.cuda.max_memory_allocated"} <= asked
    written = list(traces.iterdir())
    assert len(written) == 2 * 4  # norms; our clip and our 5 steps, each with both sets of options
    assert all("traceEvents" in json.loads(path.read_text()) for path in written)
