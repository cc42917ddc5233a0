"""Exported steps: what they compute along a video is what the library computes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgt.fit import schedule_of
from pgt.preprocess import StepCutter
from pgt.programs import LoneStepProgram, memory_shapes
from pgt.schedule import StepSchedule
from pgt.wrapper import progressive
from slowfast.commands.export import LOWEST_TORCH, export
from slowfast.models import build_model
from slowfast.models.programs import ExportError, PixelReader
from tests.commands.exported import SIDE, description_of, step_of, weights_of
from tests.models.tiny_networks import RESNETS
from tests.pgt.test_model_matrix import progressive_config

FOUND = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
pytestmark = pytest.mark.skipif(FOUND < LOWEST_TORCH, reason="this PyTorch cannot export a step with its memory")

CASES = [
    ("slow", "local", "onnx"),
    ("slowfast", "local", "torch"),
    ("vit", "local", "onnx"),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (
            ("slow", "local", "torch"),
            ("slow", "causal", "onnx"),
            ("slow", "progressive", "onnx"),
            ("slowfast", "local", "onnx"),
            ("slowfast", "causal", "onnx"),
            ("i3d", "nonlocal", "onnx"),
            ("c2d", "local", "onnx"),
            ("x3d", "local", "onnx"),
            ("x3d", "causal", "torch"),
            ("regnetx", "local", "onnx"),
            ("regnety", "causal", "onnx"),
            ("vit", "causal", "onnx"),
            ("vit", "compressed", "torch"),
            ("timesformer", "local", "onnx"),
            ("timesformer", "causal", "torch"),
            ("mvit", "local", "onnx"),
            ("mvit", "causal", "torch"),
            ("mvit", "compressed", "onnx"),
        )
    ),
]


def config(variant: str, kind: str, **changes: Any) -> Any:
    return progressive_config(variant, kind, DATA__TEST_CROP_SIZE=SIDE, **changes)


def needs(form: str) -> None:
    if form == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(("variant", "kind", "form"), CASES)
def test_twenty_steps_agree_with_the_network_whatever_rows_begin(variant: str, kind: str, form: Any, tmp_path: Path) -> None:
    needs(form)
    cfg = config(variant, kind, PGT__STEPS="all", PGT__HEAD=True)
    gain = 1.0 if variant in RESNETS else 2e4 if variant == "vit" else 50.0  # whose classifier begins next to zero
    # In double precision: single precision strays further from it, on some processors, than the two programs from each other.
    network: Any = weights_of(cfg, tmp_path / "w.safetensors", gain=gain).double()
    path = export(tmp_path / "w.safetensors", form).path
    told, step = description_of(path), step_of(path)
    cutter, length = StepCutter.from_cfg(cfg), told["frames"]["shape"][1]
    assert told["memory"]
    rows = 3  # another number than the one it was exported with
    memory = {entry["name"]: torch.full((rows, *entry["shape"][1:]), 7.0) for entry in told["memory"]}  # is not to be read
    state: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(1)
    seen = []
    for number in range(20):
        frames = torch.randint(0, 256, (rows, length, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
        begins = torch.rand(rows, generator=generator) < (2 if number == 0 else 0.15)
        scores, memory = step(frames, begins, memory)
        numbers = cutter.normalizer(frames.permute(0, 4, 1, 2, 3)).double()
        inputs = [numbers[:, :, :: cutter.schedule.frame_ratio(pathway)] for pathway in range(cutter.schedule.num_pathways)]
        with torch.no_grad():
            own, state = network.functional_step(inputs, state, begins=begins)
        torch.testing.assert_close(scores.double(), own, atol=1e-4, rtol=0)
        seen.append(scores)
    assert torch.stack(seen).std(0).max() > 1e-2  # else agreement would say nothing
    for name, tensor in memory.items():
        torch.testing.assert_close(
            tensor.double(), state[name].double(), atol=1e-4 * max(1.0, float(state[name].abs().max())), rtol=0
        )


@pytest.mark.parametrize("form", ["torch", "onnx"])
def test_steps_without_memory_have_frames_alone_as_input(form: Any, tmp_path: Path) -> None:
    needs(form)
    cfg = config("slow", "local", PGT__STEPS="all", PGT__CACHE="none")
    network: Any = weights_of(cfg, tmp_path / "w.pyth")
    path = export(tmp_path / "w.pyth", form).path
    told = description_of(path)
    assert (told["memory"], told["begins"]) == ([], None)
    frames = torch.randint(0, 256, (1, 2, SIDE, SIDE, 3), dtype=torch.uint8)
    scores, _ = step_of(path)(frames, torch.tensor([False]), {})
    with torch.no_grad():
        own, _ = network.functional_step([StepCutter.from_cfg(cfg).normalizer(frames.permute(0, 4, 1, 2, 3))], {})
    torch.testing.assert_close(scores, own, atol=1e-4, rtol=0)


def test_steps_of_the_original_code_are_refused(tmp_path: Path) -> None:
    weights_of(config("slow", "local", PGT__SEMANTICS="released"), tmp_path / "w.pyth")
    with pytest.raises(ExportError, match=r"PGT\.SEMANTICS released: .*right would be"):
        export(tmp_path / "w.pyth", "torch")


def test_steps_that_a_stride_does_not_divide_are_refused() -> None:
    cfg = config("slowfast", "causal")
    program = LoneStepProgram(build_model(cfg).eval(), reader=PixelReader.from_cfg(cfg), schedule=schedule_of(cfg))  # type: ignore[arg-type]
    program.num_frames = 6  # lateral connections have a stride of 4
    with pytest.raises(ExportError, match=r"s1_fuse\.conv_f2s: its temporal stride does not divide a step of 6 frames"):
        memory_shapes(program, side=SIDE)


def test_networks_that_remember_other_rows_than_those_of_the_batch_are_refused() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(3, 2, (3, 1, 1), padding=(1, 0, 0))

        def forward(self, inputs: list[Tensor]) -> Tensor:
            y: Tensor = self.conv(torch.cat(inputs[0].chunk(2, dim=3)))
            return y

    model = progressive(Halves(), step_len=4, overlap=2)
    reader = PixelReader(mean=[0.5] * 3, std=[0.2] * 3)
    with pytest.raises(ExportError, match="conv: remembers 4 rows of a batch of 2"):
        memory_shapes(LoneStepProgram(model, reader=reader, schedule=StepSchedule(4, 2, 3)), side=SIDE)
