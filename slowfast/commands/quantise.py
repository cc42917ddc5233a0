"""An exported program in whole numbers of eight bits, for CPUs: onnxruntime's static form, calibrated on somebody's own videos.

K classes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.commands.convert_checkpoint import contract_of
from slowfast.commands.export import check_packages, export, names_of
from slowfast.engine.contract import Contract
from slowfast.models.programs import ExportError
from slowfast.prediction.inputs import Input, find_inputs
from slowfast.prediction.windows import windows
from slowfast.runtime.atomic_files import atomic_write, make_folder

MOST_STEPS = 128
"""Steps that are looked at, over all videos: the first ones of each."""

QUANTISED = ("Conv", "MatMul", "Relu", "MaxPool", "Add", "Concat")
"""Operators that compute in eight bits."""

Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What was written. measured: steps that were compared with the program in single precision, none of which was calibrated
    on unless a video has one alone. mean, largest: absolute difference of scores there; agreeing: share with the same best
    class."""

    path: Path
    num_bytes: int
    single_bytes: int
    calibrated: int
    measured: int
    mean: float
    largest: float
    agreeing: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.num_bytes / 1e6:.1f} MB instead of {self.single_bytes / 1e6:.1f} in single precision, "
            f"calibrated on {self.calibrated} steps. On {self.measured} others scores differ from those in single precision by "
            f"{self.mean:.3f} in the mean and {self.largest:.3f} at most, and {self.agreeing:.0%} have the same best class"
        )


def export_int8(weights: Path, videos: Sequence[str], out: Path | None = None, *, config: str | None = None) -> Quantised:
    """Writes the network of a file of weights as an ONNX program that computes in eight bits. videos: as `tools/predict.py`
    takes them, of the kind that the program is for. out: unless beside the weights.

    The file appears once its scores were compared with those in single precision, steps after steps with the memory of each.
    Raises what `export` raises, ExportError for weights that do not say how they read videos, PredictionError, DecodeError.
    """
    check_packages()
    path = out or weights.with_suffix(".int8.onnx")
    if path.suffix != ".onnx":
        raise ExportError(f"{path}: programs of --to onnx end in .onnx")
    contract = contract_of(weights)
    if contract is None or contract.frames.seconds_apart is None or not contract.frames.crop:
        raise ExportError(
            f"{weights}: says nothing of how it reads videos along their time, so that it cannot be calibrated on any; right "
            "would be model.safetensors of a test of this version, of a network that classifies videos"
        )
    inputs = find_inputs(videos)
    make_folder(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as name:
        single = export(weights, "onnx", Path(name) / "single.onnx", config=config)
        clips = _Clips(contract, inputs, single.description)
        made = Path(name) / "int8.onnx"
        _quantise(single.path, made, clips)
        _take_over_texts(single.path, made)
        difference = _differences(single.path, made, clips)
        with atomic_write(path) as beside:
            beside.write_bytes(made.read_bytes())
        return Quantised(
            path=path, num_bytes=path.stat().st_size, single_bytes=single.num_bytes, calibrated=clips.calibrated, **difference
        )


class _Clips:
    """The first steps of videos, one after the other. calibrated: how many were handed out for that."""

    def __init__(self, contract: Contract, inputs: Sequence[Input], program: Mapping[str, Any]) -> None:
        self._contract, self._inputs, self.program = contract, inputs, program
        self.length = int(program["frames"]["shape"][1])
        self.hop = self.length if program["memory"] else max(1, self.length // 2)
        self._steps = max(2, MOST_STEPS // len(inputs))
        self.calibrated = 0

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], bool, bool, bool]]:
        """(frames (1, T, H, W, 3), whether a video begins, whether to calibrate on it, whether to measure there)."""
        for given in self._inputs:
            reading = given.read(self._contract.frames)
            for window in windows(reading, length=self.length, hop=self.hop):
                if window.number == self._steps:
                    break
                alone = window.number == 0 and window.last
                yield window.frames[None], window.number == 0, window.number % 2 == 0, window.number % 2 == 1 or alone


class _Program:
    """A file at work on one video after the other. Names are those that the file gives."""

    def __init__(self, path: Path, program: Mapping[str, Any]) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._program, (self._inputs, self._outputs) = program, names_of(program)
        self._memory: list[NDArray[Any]] = []

    def feed(self, frames: NDArray[np.uint8], begins: bool) -> Feed:
        """What the program reads at its next step."""
        memory = self._program["memory"]
        if begins or len(self._memory) != len(memory):
            self._memory = [np.zeros((1, *entry["shape"][1:]), np.float32) for entry in memory]
        given = [frames, *([np.array([begins])] if memory else []), *self._memory]
        return dict(zip(self._inputs, given, strict=True))

    def __call__(self, feed: Feed) -> NDArray[np.float32]:
        """Scores (K,)."""
        scores, *self._memory = self._session.run(self._outputs, feed)
        found: NDArray[np.float32] = scores[0]
        return found


def _quantise(single: Path, out: Path, clips: _Clips) -> None:
    """Weights by channel; what activations span is seen with the memory that the program has in single precision."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = self._walk()

        def get_next(self) -> Feed | None:
            return next(self._feeds, None)

        def _walk(self) -> Iterator[Feed]:
            program = _Program(single, clips.program)
            for frames, begins, calibrates, _ in clips:
                feed = program.feed(frames, begins)
                if calibrates:
                    clips.calibrated += 1
                    yield feed
                program(feed)

    ready = single.with_name("ready.onnx")
    quant_pre_process(single, ready, skip_symbolic_shape=True)
    quantize_static(
        ready, out, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, op_types_to_quantize=list(QUANTISED),
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def _take_over_texts(single: Path, made: Path) -> None:
    """What the file says of itself, which onnxruntime does not hand on."""
    import onnx

    texts = {entry.key: entry.value for entry in onnx.load(single).metadata_props}
    program = {**json.loads(texts["program"]), "precision": "int8"}
    model = onnx.load(made)
    onnx.helper.set_model_props(model, {**texts, "program": json.dumps(program, ensure_ascii=False)})
    onnx.save(model, made)


def _differences(single: Path, made: Path, clips: _Clips) -> dict[str, Any]:
    own, other = _Program(single, clips.program), _Program(made, clips.program)
    gaps, same = [], []
    for frames, begins, _, measures in clips:
        wanted, found = own(own.feed(frames, begins)), other(other.feed(frames, begins))
        if measures:
            gaps.append(np.abs(found - wanted))
            same.append(found.argmax() == wanted.argmax())
    if not np.isfinite(gaps).all():
        raise ExportError("the quantised program's scores are not numbers; right would be other videos, or no --int8")
    return {
        "measured": len(gaps),
        "mean": float(np.mean(gaps)),
        "largest": float(np.max(gaps)),
        "agreeing": float(np.mean(same)),
    }
