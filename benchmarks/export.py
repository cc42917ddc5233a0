"""What a step costs as an exported program, beside the same step in this library.

    python benchmarks/export.py [--cfg configs/Charades/SLOWONLY_PGT.yaml] [--crop 224] [--threads 1] [--turns 5]

One row, a later step, random weights, norms folded everywhere. Ways take turns in one process; wall time, medians and range of
turns. int8: onnxruntime's quantised forms of the same file, static (weights by channel; what activations span was seen on four
steps of noise, so that this says something of time alone, nothing of scores) and dynamic.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import slowfast_tools  # noqa: F401  first of all: it says how threads wait
from slowfast.commands.export import export
from slowfast.config import CfgNode, load_config
from slowfast.engine.checkpoint import save
from slowfast.models import build_model
from slowfast.models.folding import norms_folded
from slowfast.runtime.tables import format_table

QUANTISED = ["Conv", "MatMul", "Relu", "MaxPool", "Add", "Concat"]


class Noise(CalibrationDataReader):  # type: ignore[misc]
    """Some steps of noise."""

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self._steps: Iterator[dict[str, Any]] = iter(steps)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._steps, None)


def noise(program: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    frames = rng.integers(0, 256, (1, *program["frames"]["shape"][1:]), dtype=np.uint8)
    memory = {
        entry["input"]: np.abs(rng.standard_normal((1, *entry["shape"][1:]))).astype(np.float32) for entry in program["memory"]
    }
    return {program["frames"]["name"]: frames, program["begins"]: np.array([False]), **memory}


def session_of(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def library_step(cfg: CfgNode, execution: str, program: dict[str, Any], stack: ExitStack) -> Callable[[], Any]:
    """A later step as `tools/run_net.py` computes it, with what it reads normalised before."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.EXECUTION = execution
    model: Any = build_model(cfg).eval()
    stack.enter_context(torch.inference_mode())
    stack.enter_context(norms_folded(model))
    _, frames, *size, _ = program["frames"]["shape"]
    ratio = [cfg.PGT.STEP_LEN[-1] // length for length in cfg.PGT.STEP_LEN]
    inputs = [torch.rand(1, 3, frames // every, *size) for every in ratio]
    if execution == "2d":
        inputs = [clip.contiguous(memory_format=torch.channels_last_3d) for clip in inputs]
    _, state = model.functional_step(inputs, {})
    return lambda: model.functional_step(inputs, state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cfg", default="configs/Charades/SLOWONLY_PGT.yaml")
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cfg = load_config(options.cfg, ["NUM_GPUS", 0, "DATA.TEST_CROP_SIZE", options.crop])
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "net.yaml").write_text(cfg.dump(), encoding="utf-8")
        save(folder / "w.pyth", {"model_state": build_model(cfg).state_dict()})
        path = export(folder / "w.pyth", "onnx", config=str(folder / "net.yaml")).path
        program = json.loads(session_of(path, 1).get_modelmeta().custom_metadata_map["program"])
        rng = np.random.default_rng(0)
        quant_pre_process(path, folder / "ready.onnx", skip_symbolic_shape=True)
        quantize_static(
            folder / "ready.onnx", folder / "static.onnx", Noise([noise(program, rng) for _ in range(4)]),
            quant_format=QuantFormat.QDQ, per_channel=True, op_types_to_quantize=QUANTISED,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        quantize_dynamic(folder / "ready.onnx", folder / "dynamic.onnx", weight_type=QuantType.QUInt8)
        ways: dict[str, Callable[[], Any]] = {}
        sizes: dict[str, str] = {}
        files = {"ONNX": path, "ONNX, int8 static": folder / "static.onnx", "ONNX, int8 dynamic": folder / "dynamic.onnx"}
        for way, file in files.items():
            session, given = session_of(file, options.threads), noise(program, rng)
            ways[way] = lambda session=session, given=given: session.run(None, given)  # type: ignore[misc]
            sizes[way] = f"{file.stat().st_size / 1e6:.0f}"
        for execution in ("2d", "3d"):
            ways[f"library, {execution}"] = library_step(cfg, execution, program, stack)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(options.turns + 1):
            for way, run in ways.items():
                begin = time.perf_counter()
                run()
                if turn:  # the first is for warmth
                    seconds[way].append(time.perf_counter() - begin)
    median = {way: statistics.median(found) for way, found in seconds.items()}
    rows = [
        (
            way, f"{median[way] * 1e3:.0f}", f"{min(found) * 1e3:.0f}–{max(found) * 1e3:.0f}",
            f"{median['library, 2d'] / median[way]:.2f}", sizes.get(way, ""),
        )
        for way, found in seconds.items()
    ]  # fmt: skip
    print(format_table(("a step", "ms", "range", "times as fast as the library, 2d", "MB"), rows))


if __name__ == "__main__":
    main()
