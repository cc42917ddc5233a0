"""Live streams side by side: each is what it would be alone, whatever becomes of the others."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from torch import Tensor, nn

from pgt import FrameError, MemoryMismatchError, ProgressiveModel, StreamBatch, StreamError, progressive, stream
from slowfast.models import build_model
from slowfast.models.normalize import Normalizer
from tests.pgt.operator_kinds import CHANNELS, KINDS, STEP, make_model

NORMALIZE = Normalizer(mean=[0.45] * 3, std=[0.225] * 3)
SIDES = (6, 8)
"""Streams of two sizes."""


class TwoPathways(nn.Module):
    """A slow and a fast pathway, each with a convolution over time and a pooling over all of time."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(2):
            self.add_module(f"pathway{number}_conv", nn.Conv3d(3, 4, 3, padding=1))
            self.add_module(f"pathway{number}_pool", nn.AdaptiveAvgPool3d(1))
        self.head = nn.Linear(8, 2)

    def forward(self, pathways: Sequence[Tensor]) -> Tensor:
        features = [
            self.get_submodule(f"pathway{number}_pool")(self.get_submodule(f"pathway{number}_conv")(frames).relu()).flatten(1)
            for number, frames in enumerate(pathways)
        ]
        return self.head(torch.cat(features, 1))  # type: ignore[no-any-return]


def one_pathway() -> nn.Module:
    layers = (nn.Conv3d(3, 4, 3, padding=1), nn.ReLU(), nn.Dropout(), nn.Conv3d(4, 4, (5, 1, 1), padding=(2, 0, 0)))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))


def unremembering() -> nn.Module:
    """A network whose only operator over time sees its own step alone, where heads remember nothing."""
    return nn.Sequential(nn.Conv3d(3, 4, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())


MODELS: dict[str, Callable[[], ProgressiveModel]] = {
    "last": lambda: progressive(one_pathway(), step_len=4, overlap=1, memory="last", momentum=0.0),
    "max": lambda: progressive(one_pathway(), step_len=4, overlap=1, memory="max", momentum=0.0),
    "avg": lambda: progressive(one_pathway(), step_len=4, overlap=2, memory="avg", momentum=0.0),
    "momentum": lambda: progressive(one_pathway(), step_len=4, overlap=0, memory="last", momentum=0.4),
    "causal": lambda: progressive(one_pathway(), step_len=4, overlap=1, operator="causal"),
    "two pathways": lambda: progressive(TwoPathways(), step_len=(2, 4), overlap=(1, 2), memory="max", momentum=0.25),
    "two causal pathways": lambda: progressive(TwoPathways(), step_len=(2, 4), overlap=(1, 2), operator="causal"),
    "alone": lambda: progressive(unremembering(), step_len=4, overlap=1, head=False),
}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}


@functools.cache
def model_of(kind: str, dtype: torch.dtype) -> ProgressiveModel:
    torch.manual_seed(0)
    return MODELS[kind]().to(dtype)


def frames_of(seed: int, count: int, side: int, dtype: torch.dtype) -> Tensor:
    """(C, T, H, W)"""
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.uint8:
        return torch.randint(0, 256, (3, count, side, 5), generator=generator, dtype=torch.uint8)
    return torch.randn((3, count, side, 5), generator=generator).to(dtype)


def copied(memory: dict[str, Tensor]) -> dict[str, Tensor]:
    """Through a file, as another process would get it."""
    file = io.BytesIO()
    torch.save(memory, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


class LiveStreams(RuleBasedStateMachine):
    """Streams come, go, pause, move between two batches and go back to what was saved; each is compared with its own frames run
    alone from the first on."""

    saved: Bundle[tuple[dict[str, Tensor], tuple[Tensor, ...]]] = Bundle("saved")

    @initialize(kind=st.sampled_from(sorted(MODELS)), dtype=st.sampled_from(sorted(TOLERANCE, key=str)))
    def begin(self, kind: str, dtype: torch.dtype) -> None:
        self.model, self.dtype = model_of(kind, dtype), dtype
        self.model.reset()
        self.batches: list[StreamBatch[int]] = [StreamBatch(self.model), StreamBatch(self.model)]
        self.seen: list[dict[int, tuple[Tensor, ...]]] = [{}, {}]
        self.number = 0

    def pick(self, data: st.DataObject) -> tuple[int, int]:
        return data.draw(st.sampled_from([(which, name) for which, seen in enumerate(self.seen) for name in seen]))

    @rule(which=st.integers(0, 1), name=st.integers(0, 5))
    def add(self, which: int, name: int) -> None:
        if name in self.seen[which]:
            with pytest.raises(StreamError, match="already"):
                self.batches[which].add(name)
        else:
            self.batches[which].add(name)
            self.seen[which][name] = ()

    @precondition(lambda self: any(self.seen))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        which, name = self.pick(data)
        self.batches[which].drop(name)
        del self.seen[which][name]
        with pytest.raises(StreamError, match="is not in this batch"):
            self.batches[which].save(name)

    @precondition(lambda self: any(self.seen))
    @rule(target=saved, data=st.data())
    def save(self, data: st.DataObject) -> Any:
        which, name = self.pick(data)
        return copied(self.batches[which].save(name)), self.seen[which][name]

    @precondition(lambda self: any(self.seen))
    @rule(data=st.data(), what=saved)
    def restore(self, data: st.DataObject, what: tuple[dict[str, Tensor], tuple[Tensor, ...]]) -> None:
        which, name = self.pick(data)
        memory, seen = what
        self.batches[which].restore(name, memory)
        # Without any memory nobody can tell a stream that begins.
        self.seen[which][name] = seen if memory or not seen else ()

    @precondition(lambda self: any(self.seen))
    @rule(data=st.data(), fails=st.booleans())
    def step(self, data: st.DataObject, fails: bool) -> None:
        which = data.draw(st.sampled_from([which for which, seen in enumerate(self.seen) if seen]))
        batch, seen = self.batches[which], self.seen[which]
        names = data.draw(st.lists(st.sampled_from(sorted(seen)), unique=True))
        clips = {}
        for name in names:
            self.number += 1
            side = seen[name][0].shape[2] if seen[name] else data.draw(st.sampled_from(SIDES))
            clips[name] = frames_of(self.number, batch.frames_wanted(name), side, self.dtype)
        before = {name: batch.save(name) for name in seen}
        if fails and names:
            # Of the streams that run after the others, so that some have run already.
            spoiled = clips | {names[-1]: clips[names[-1]][:2].unbind(1)}
            with pytest.raises((RuntimeError, FrameError)):
                batch.step(spoiled)
            names = []
        else:
            outputs = batch.step(clips)
            assert list(outputs) == names
            for name in names:
                seen[name] += (clips[name],)
                *_, wanted = stream(self.model, torch.cat(seen[name], 1))
                tolerance = TOLERANCE[self.dtype]
                torch.testing.assert_close(outputs[name], wanted.scores, rtol=tolerance, atol=tolerance)
                assert_close_memories(batch.save(name), self.model.memory(), tolerance)
            self.model.reset()
        for name in seen.keys() - set(names):
            assert_equal_memories(batch.save(name), before[name])

    @invariant()
    def the_streams_are_those_that_were_added(self) -> None:
        if hasattr(self, "batches"):
            for batch, seen in zip(self.batches, self.seen, strict=True):
                assert batch.names == tuple(seen) and len(batch) == len(seen)
            assert self.model.memory() == {}


def assert_equal_memories(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys() and all(torch.equal(found[site], frames) for site, frames in wanted.items())


def assert_close_memories(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float) -> None:
    assert found.keys() == wanted.keys()
    for site, frames in wanted.items():
        torch.testing.assert_close(found[site], frames, rtol=tolerance, atol=tolerance)


TestLiveStreams = LiveStreams.TestCase
TestLiveStreams.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize(("kind", "operator", "memory"), KINDS)
def test_every_kind_of_operator_tells_streams_apart(kind: str, operator: str, memory: str) -> None:
    model = make_model(kind, operator, memory, overlap=0 if operator == "attends" else 2)
    batch: StreamBatch[str] = StreamBatch(model)
    seen: dict[str, list[Tensor]] = {"old": [], "young": [], "late": []}
    for number, names in enumerate([["old"], ["old", "young"], ["young"], ["old", "young", "late"], ["late", "old"]]):
        for name in names:
            if name not in batch:
                batch.add(name)
            seen[name] += frames(number, batch.frames_wanted(name), name)
        outputs = batch.step({name: seen[name][-batch.frames_wanted(name) :] for name in names})
        for name in names:
            *_, wanted = stream(model, seen[name])
            torch.testing.assert_close(outputs[name], wanted.scores, rtol=0, atol=1e-12)


def frames(number: int, count: int, name: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(number + len(name))
    return [torch.randn((CHANNELS, 4, 4), generator=generator, dtype=torch.double) for _ in range(count)]


@pytest.mark.parametrize("slowfast", [False, True])
def test_networks_of_the_library_read_pixels(slowfast: bool, tiny_cfg: Callable[..., Any]) -> None:
    cfg = tiny_cfg(slowfast=slowfast)
    model = build_model(cfg)
    batch: StreamBatch[int] = StreamBatch(model, normalize=NORMALIZE)
    videos = [torch.randint(0, 256, (40, 32, 32, 3), dtype=torch.uint8).numpy() for _ in range(3)]
    done = [0, 0, 0]
    for names in ([0], [0, 1], [0, 1, 2]):
        for name in names:
            if name not in batch:
                batch.add(name)
        clips = {name: videos[name][done[name] : done[name] + batch.frames_wanted(name)] for name in names}
        outputs = batch.step(clips)
        for name, clip in clips.items():
            done[name] += len(clip)
            *_, wanted = stream(model, videos[name][: done[name]], normalize=NORMALIZE)
            torch.testing.assert_close(outputs[name], wanted.scores)


def test_a_stream_may_begin_with_as_few_frames_as_a_later_step_has() -> None:
    model = model_of("max", torch.float64)
    batch: StreamBatch[str] = StreamBatch(model)
    batch.add("new")
    clip = frames_of(0, 3, 6, torch.float64)
    with torch.no_grad():
        wanted, _ = model.eval().functional_step(clip[None], {})
    assert batch.frames_wanted("new") == 4
    torch.testing.assert_close(batch.step({"new": clip})["new"], wanted[0])
    assert batch.frames_wanted("new") == 3


def test_streams_of_one_age_run_as_one_batch_of_the_network() -> None:
    model = model_of("last", torch.float32)
    batch: StreamBatch[int] = StreamBatch(model)
    sizes = []
    handle = model.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    try:
        for name in range(4):
            batch.add(name)
        for chosen in (range(3), range(3), range(4), range(4)):
            batch.step({name: frames_of(name, batch.frames_wanted(name), 6, torch.float32) for name in chosen})
    finally:
        handle.remove()
    assert sizes == [3, 3, 3, 1, 4]


def started(kind: str = "last", *names: str) -> StreamBatch[str]:
    batch: StreamBatch[str] = StreamBatch(model_of(kind, torch.float32))
    for name in names or ("a", "b"):
        batch.add(name)
        batch.step({name: frames_of(0, 4, 6, torch.float32)})
    return batch


@pytest.mark.parametrize("act", ["drop", "save", "frames_wanted", "restore", "step"])
def test_a_stream_that_is_not_there_is_named(act: str) -> None:
    batch = started()
    calls: dict[str, Callable[[], Any]] = {
        "restore": lambda: batch.restore("c", {}),
        "step": lambda: batch.step({"a": frames_of(0, 3, 6, torch.float32), "c": frames_of(0, 4, 6, torch.float32)}),
    }
    with pytest.raises(StreamError, match=r"stream 'c' is not in this batch, which has 'a', 'b'; right would be: add\('c'\)"):
        calls.get(act, lambda: getattr(batch, act)("c"))()
    assert batch.names == ("a", "b")


@pytest.mark.parametrize(
    ("clip", "text"),
    [
        (frames_of(0, 4, 6, torch.float32), r"stream 'b': a step of 4 frames; right would be: 3$"),
        (frames_of(0, 0, 6, torch.float32), r"stream 'b': a step of 0 frames; right would be: 3$"),
        (frames_of(0, 3, 8, torch.float32), r"stream 'b': frames of shape \(3, 8, 5\) behind frames of \(3, 6, 5\)"),
        (frames_of(0, 3, 6, torch.float32)[0], r"stream 'b': a clip is float32 of shape \(3, 6, 5\); right would be"),
        ([torch.rand(3, 6, 5), torch.rand(3, 5, 5)], r"stream 'b': frame 1 is float32 of shape \(3, 5, 5\)"),
        (frames_of(0, 3, 6, torch.uint8), r"the frames are uint8; right would be: .*normalize="),
        ([torch.zeros(3, 6, 5, dtype=torch.int64)] * 3, r"stream 'b': frame 0 is int64"),
    ],
)
def test_frames_that_are_no_step_are_refused_and_nothing_is_remembered(clip: Any, text: str) -> None:
    batch = started()
    before = {name: batch.save(name) for name in batch.names}
    with pytest.raises(FrameError, match=text):
        batch.step({"a": frames_of(1, 3, 6, torch.float32), "b": clip})
    for name, memory in before.items():
        assert_equal_memories(batch.save(name), memory)


def test_a_stream_that_begins_is_told_both_lengths() -> None:
    batch = started()
    batch.add("c")
    with pytest.raises(FrameError, match=r"stream 'c': a step of 2 frames; right would be: 4, or 3 as in a later step"):
        batch.step({"c": frames_of(1, 2, 6, torch.float32)})


def of_two_rows(memory: dict[str, Tensor]) -> dict[str, Tensor]:
    return {site: value.repeat(2, 1, 1, 1, 1) for site, value in memory.items()}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda _: started("two pathways").save("a"),
            r"pathway0_conv: this network has no operator of that name; it has 0, 3, 4",
        ),
        (
            lambda memory: memory | {"3": memory["3"][:, :2]},
            r"3: a tensor of shape \(1, 2, 2, 6, 5\); right would be: .* C 4, F 2",
        ),
        (lambda memory: {site: value for site, value in memory.items() if site != "3"}, "3: missing from the memory"),
        (of_two_rows, "stream 'a': a memory of 2 rows; right would be: that of one stream"),
        (lambda memory: memory | {"3": 1}, "3: a int; right would be: a tensor"),
    ],
)
def test_the_memory_of_another_network_is_refused_and_the_stream_goes_on(change: Callable[[Any], Any], text: str) -> None:
    batch = started()
    before = batch.save("a")
    with pytest.raises(MemoryMismatchError, match=text):
        batch.restore("a", change(before))
    assert_equal_memories(batch.save("a"), before)
    assert batch.frames_wanted("a") == 3


def test_a_memory_of_frames_of_another_size_is_named_by_stream_and_operator() -> None:
    large: StreamBatch[str] = StreamBatch(model_of("last", torch.float32))
    large.add("x")
    large.step({"x": frames_of(0, 4, 8, torch.float32)})
    batch = started()
    before = batch.save("b")
    batch.restore("a", large.save("x"))
    text = r"stream 'a': 0 remembers frames of shape \(1, 3, 1, 8, 5\) but now sees \(1, 3, 3, 6, 5\); right would be"
    with pytest.raises(MemoryMismatchError, match=text):
        batch.step({"b": frames_of(1, 3, 6, torch.float32), "a": frames_of(1, 3, 6, torch.float32)})
    assert_equal_memories(batch.save("b"), before)
    assert_equal_memories(batch.save("a"), large.save("x"))


def test_a_network_that_remembers_nothing_has_no_memory_to_restore() -> None:
    batch: StreamBatch[str] = StreamBatch(progressive(unremembering(), step_len=4, overlap=1, head=False))
    batch.add("a")
    with pytest.raises(MemoryMismatchError, match="0: this network has no operator of that name; it has none"):
        batch.restore("a", {"0": torch.zeros(1, 3, 1, 6, 5)})


def test_a_network_that_folds_frames_into_rows_takes_one_stream_a_step() -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x.flatten(0, 1)[:, None]).unflatten(0, x.shape[:2])  # type: ignore[no-any-return]

    batch: StreamBatch[str] = StreamBatch(progressive(Folded(), step_len=STEP, overlap=1))
    batch.add("a"), batch.add("b")
    clip = frames_of(0, STEP, 6, torch.float32)
    with pytest.raises(MemoryMismatchError, match=r"stream 'a', 'b': conv remembers 6 rows of 2 streams.*one stream a step"):
        batch.step({"a": clip, "b": clip})
    batch.step({"a": clip})


def test_an_operator_that_does_not_run_is_not_missing_from_the_memory() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Conv3d(3, 4, 3, padding=1), nn.Conv3d(3, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)  # type: ignore[no-any-return]

    batch: StreamBatch[str] = StreamBatch(progressive(Unused(), step_len=4, overlap=1))
    batch.add("a")
    for count in (4, 3, 3):
        batch.step({"a": frames_of(0, count, 6, torch.float32)})
    assert batch.save("a").keys() == {"used"}


def test_saved_memories_are_copies_and_those_of_the_model() -> None:
    batch = started()
    memory = batch.save("a")
    model = batch.model
    model.load_memory(memory)
    clip = frames_of(1, 3, 6, torch.float32)
    with torch.no_grad():
        wanted = model.eval().step(clip[None])
    left = model.memory()
    model.reset()
    for value in memory.values():
        assert value.device.type == "cpu" and not value.is_inference()
        value.fill_(7.0)
    torch.testing.assert_close(batch.step({"a": clip})["a"], wanted[0])
    batch.restore("b", left)
    left["0"].fill_(7.0)
    assert_close_memories(batch.save("b"), batch.save("a"), 1e-6)


def test_a_model_in_training_is_put_in_eval_mode() -> None:
    model = model_of("last", torch.float32)
    batch = started("last", "a")
    clip = frames_of(1, 3, 6, torch.float32)
    before = batch.save("a")
    wanted = batch.step({"a": clip})["a"]
    model.train()
    batch.restore("a", before)
    assert torch.equal(batch.step({"a": clip})["a"], wanted) and not model.training


GO_ON = """
import sys, torch
from pgt import StreamBatch
from tests.pgt.test_stream_batch import frames_of, model_of

batch = StreamBatch(model_of("causal", torch.float64))
batch.add("somebody"), batch.add("moved")
batch.step({"somebody": frames_of(5, 4, 6, torch.float64)})
batch.restore("moved", torch.load(sys.argv[1], weights_only=True))
clips = {"somebody": frames_of(6, 3, 6, torch.float64), "moved": frames_of(1, 3, 6, torch.float64)}
torch.save(batch.step(clips)["moved"].clone(), sys.argv[2])
"""


def test_a_stream_moves_to_another_process(tmp_path: Path) -> None:
    batch: StreamBatch[str] = StreamBatch(model_of("causal", torch.float64))
    batch.add("here")
    batch.step({"here": frames_of(0, 4, 6, torch.float64)})
    torch.save(batch.save("here"), tmp_path / "memory.pt")
    files = [str(tmp_path / name) for name in ("memory.pt", "scores.pt")]
    subprocess.run([sys.executable, "-c", GO_ON, *files], check=True, cwd=Path(__file__).parents[2], timeout=120)
    wanted = batch.step({"here": frames_of(1, 3, 6, torch.float64)})["here"]
    torch.testing.assert_close(torch.load(files[1], weights_only=True), wanted)
