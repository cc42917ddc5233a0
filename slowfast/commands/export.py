"""From a file of weights to a program that runs without this library: `torch.export`, or ONNX.

B batch, T frames, K classes.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from slowfast.commands.convert_checkpoint import contract_of
from slowfast.config import CfgNode, load_config
from slowfast.engine import checkpoint
from slowfast.engine.contract import KEY, Contract, needed_options
from slowfast.errors import MissingPackageError
from slowfast.models import build_model
from slowfast.models.folding import fold_norms
from slowfast.models.programs import ClipProgram, ExportError
from slowfast.registry import PROGRAMS, Program
from slowfast.runtime.atomic_files import atomic_write, make_folder

Form = Literal["torch", "onnx"]
Memory = dict[str, Tensor]
Run = Callable[[Tensor, Tensor, Memory], tuple[Tensor, Memory]]
"""A step of an exported program: frames, begins and memory -> scores and new memory; the latter two are unused without one."""

SUFFIXES: Mapping[Form, str] = {"torch": ".pt2", "onnx": ".onnx"}

LOWEST_TORCH = (2, 13)
"""The earliest PyTorch that was seen to export a network with a memory."""

PROGRAM = "program"
"""Where a file says how the program in it is to be called, as JSON; beside it, under `contract`, what the weights say of their
use, where they say it."""

FORMAT = 1
OPSET = 18
LARGEST_BATCH = 2**16
DIFFERENCE = 1e-4
"""Most that a program may differ from the network, in a score, or in a memory by its largest number if that is above 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written. difference: the largest, in two steps, from what the network computes."""

    path: Path
    num_bytes: int
    difference: float
    description: Mapping[str, Any]

    def __str__(self) -> str:
        kind = "one step, with its memory as input and output" if self.description["memory"] else "one clip"
        frames = "x".join(map(str, self.description["frames"]["shape"][1:]))
        return (
            f"{self.path}: {kind}, of frames {frames} ({self.num_bytes / 1e6:.1f} MB); differs from the network by at most "
            f"{self.difference:.1e}"
        )


def export(weights: Path, form: Form, out: Path | None = None, *, config: str | None = None) -> Exported:
    """Writes the network of a file of weights as a program. out: unless beside the weights. config: file, for weights that say
    nothing of their use.

    The file appears once the program in it was run and agrees with the network. Raises ExportError, CheckpointError,
    ConfigError, MissingPackageError, WriteError.
    """
    path = out or weights.with_suffix(SUFFIXES[form])
    if path.suffix != SUFFIXES[form]:
        raise ExportError(f"{path}: programs of --to {form} end in {SUFFIXES[form]}")
    check_torch()
    if form == "onnx":
        check_packages()
    make_folder(path.parent)
    contract = contract_of(weights)
    cfg = _config(weights, contract, config)
    network = _network(cfg, weights)
    folded = fold_norms(network)
    logging.getLogger(__name__).debug("%d norms are folded into their convolutions", folded)
    program = program_of(cfg, network)
    exported = _traced(program, cfg)
    description = describe(program, cfg, contract)
    texts = {PROGRAM: json.dumps(description, ensure_ascii=False)} | ({KEY: contract.text()} if contract else {})
    with atomic_write(path) as beside:
        run = (_write_torch if form == "torch" else _write_onnx)(exported, beside, description, texts)
        difference = largest_difference(program, run, cfg)
    return Exported(path=path, num_bytes=path.stat().st_size, difference=difference, description=description)


def check_torch() -> None:
    """Raises ExportError where PyTorch is too old."""
    found = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
    if found < LOWEST_TORCH:
        right = ".".join(map(str, LOWEST_TORCH))
        raise ExportError(f"PyTorch {torch.__version__} cannot export a step with its memory; right would be {right} or later")


def check_packages() -> None:
    """Raises MissingPackageError where what writes and runs ONNX is not installed."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingPackageError(
                f"ONNX is written with onnx, onnxscript and onnxruntime, and {name} cannot be imported ({error}): "
                "pip install 'slowfast-pgt[export]', or --to torch, which needs none of them"
            ) from None


def program_of(cfg: CfgNode, network: nn.Module) -> Program:
    """The network as a module to be exported. Raises ExportError where it has none."""
    if cfg.DETECTION.ENABLE:
        raise ExportError(
            "DETECTION.ENABLE: a network that classifies persons reads boxes, whose number changes from step to step, and is "
            "not exported; right would be weights that classify videos"
        )
    if list(cfg.DATA.INPUT_CHANNEL_NUM) not in ([3], [3, 3]) or len(cfg.DATA.MEAN) != 3:
        raise ExportError(
            f"DATA.INPUT_CHANNEL_NUM {list(cfg.DATA.INPUT_CHANNEL_NUM)}: programs read pictures in red, green and blue; right "
            "would be weights of such a network"
        )
    enabled = [entry for _, entry in PROGRAMS.items() if entry.enabled(cfg)]
    return enabled[0].build(cfg, network) if enabled else ClipProgram.from_cfg(cfg, network)


def describe(program: Program, cfg: CfgNode, contract: Contract | None) -> dict[str, Any]:
    """How the program is called, and what its numbers mean; projects/pgt/README.md explains each entry."""
    side = cfg.DATA.TEST_CROP_SIZE
    apart = contract.frames.seconds_apart if contract else None
    return {
        "format": FORMAT,
        "frames": {"name": "frames", "type": "uint8", "shape": ["batch", program.num_frames, side, side, 3], "colours": "RGB"},
        "begins": "begins" if program.memory_shapes else None,
        "memory": [
            {"name": name, "input": f"memory.{name}", "output": f"new.{name}", "type": "float32", "shape": ["batch", *shape]}
            for name, shape in program.memory_shapes.items()
        ],
        "scores": {"name": "scores", "type": "float32", "shape": ["batch", cfg.MODEL.NUM_CLASSES]},
        "activation": cfg.MODEL.HEAD_ACT,
        "classes": list(contract.classes) if contract else [],
        "seconds_between_frames": apart,
        "seconds_of_a_step": None if apart is None else round(apart * program.num_frames, 9),
        "short_side": contract.frames.short_side if contract else side,
        "mean": list(cfg.DATA.MEAN),
        "std": list(cfg.DATA.STD),
        "event_rule": dict(contract.event_rule) if contract else {},
        "options": dict(contract.options) if contract else needed_options(cfg),
    }


def largest_difference(program: Program, run: Run, cfg: CfgNode) -> float:
    """The largest difference of a program from the network in two steps of noise, in a batch of two rows of which the second
    begins anew at the second step. Raises ExportError where that is more than rounding."""
    generator, side = torch.Generator().manual_seed(0), cfg.DATA.TEST_CROP_SIZE
    memory = empty_memory(program, 2)
    theirs, largest = dict(memory), 0.0
    for step in range(2):
        frames = torch.randint(0, 256, (2, program.num_frames, side, side, 3), generator=generator, dtype=torch.uint8)
        begins = torch.tensor([step == 0, True])
        with torch.no_grad():
            scores, memory = _call(program, frames, begins, memory)
            their_scores, theirs = run(frames, begins, theirs)
        for name, own, other in [("scores", scores, their_scores), *((name, memory[name], theirs[name]) for name in memory)]:
            difference = float((own - other).abs().max()) / max(1.0, float(own.abs().max()))
            if not difference <= DIFFERENCE:
                raise ExportError(
                    f"{name}: the program's differ from the network's by {difference:.1e} at step {step}, more than rounding "
                    f"does ({DIFFERENCE:.0e}); right would be another form (--to), or other versions of PyTorch and onnxruntime"
                )
            largest = max(largest, difference)
    return largest


def empty_memory(program: Program, rows: int) -> Memory:
    """What is handed in where all rows begin."""
    return {name: torch.zeros(rows, *shape) for name, shape in program.memory_shapes.items()}


def _config(weights: Path, contract: Contract | None, config: str | None) -> CfgNode:
    """On the CPU, and with 3-D operators, which other programs know how to run."""
    settings = {"NUM_GPUS": 0, "MODEL.EXECUTION": "3d"}
    if contract and config:
        raise ExportError(f"{weights}: says itself what network it is for; right would be to leave out --cfg {config}")
    if contract:
        return contract.config(settings)
    if not config:
        raise ExportError(
            f"{weights}: says nothing of its network, as files of other makers and of earlier versions do; right would be "
            "--cfg with the config of the network, or a checkpoint or model.safetensors of this version"
        )
    with warnings.catch_warnings(action="ignore"):
        return load_config(config, [word for pair in settings.items() for word in pair])


def _network(cfg: CfgNode, weights: Path) -> nn.Module:
    network = build_model(cfg).eval().requires_grad_(False)
    report = checkpoint.load_pretrained(network, str(weights))
    if not report.complete:
        raise ExportError(f"{weights}: lacks weights of the network ({report}); right would be a file that has all of them")
    return network


def _traced(program: Any, cfg: CfgNode) -> torch.export.ExportedProgram:
    """Raises ExportError, which names the operator or line that cannot be."""
    side = cfg.DATA.TEST_CROP_SIZE
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    memory = empty_memory(program, 2)
    frames = torch.zeros(2, program.num_frames, side, side, 3, dtype=torch.uint8)
    arguments: tuple[Any, ...] = (frames,)
    shapes: dict[str, Any] = {"frames": {0: batch}}
    if memory:
        arguments = (frames, torch.tensor([True, False]), memory)
        shapes |= {"begins": {0: batch}, "memory": {name: {0: batch} for name in memory}}
    try:
        with torch.no_grad(), _quiet():
            return torch.export.export(program, arguments, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # PyTorch has no one type for it
        raise ExportError(f"torch.export cannot follow the network: {_first_line(error)}") from error


def _call(program: Any, frames: Tensor, begins: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
    return program(frames, begins, memory) if memory else (program(frames), {})


def _write_torch(exported: torch.export.ExportedProgram, path: Path, description: Any, texts: Mapping[str, str]) -> Run:
    torch.export.save(exported, path, extra_files={f"{name}.json": text for name, text in texts.items()})
    again = torch.export.load(path).module()
    return lambda frames, begins, memory: _call(again, frames, begins, memory)


def _write_onnx(exported: torch.export.ExportedProgram, path: Path, description: Any, texts: Mapping[str, str]) -> Run:
    import onnxruntime

    inputs, outputs = names_of(description)
    try:
        with _quiet():
            made = torch.onnx.export(exported, dynamo=True, opset_version=OPSET, verbose=False)
        assert made is not None  # it is with dynamo
    except Exception as error:  # likewise
        raise ExportError(f"the network cannot be written as ONNX: {_first_line(_innermost(error))}") from error
    for values, names in ((made.model.graph.inputs, inputs), (made.model.graph.outputs, outputs)):
        for value, name in zip(values, names, strict=True):
            value.name = name
    _name_batch(made.model.graph)
    made.model.metadata_props.update(texts)
    made.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(frames: Tensor, begins: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        given = (frames, begins, *memory.values()) if memory else (frames,)
        found = session.run(outputs, {name: value.numpy() for name, value in zip(inputs, given, strict=True)})
        scores, *new = map(torch.from_numpy, found)
        return scores, dict(zip(memory, new, strict=True))

    return run


def _name_batch(graph: Any) -> None:
    """Calls the number of rows `batch` in all shapes, where PyTorch calls it by a number of its own."""
    from onnxscript import ir

    drawn = str(graph.inputs[0].shape[0])
    for value in (*graph.inputs, *(value for node in graph for value in node.outputs)):
        for axis, size in enumerate(value.shape or ()):
            if isinstance(size, ir.SymbolicDim) and size.value is not None:
                value.shape[axis] = re.sub(rf"\b{drawn}\b", "batch", size.value)


def names_of(description: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Inputs and outputs of a program, in their order."""
    memory: Sequence[Mapping[str, str]] = description["memory"]
    begins = [description["begins"]] if memory else []
    inputs = [description["frames"]["name"], *begins, *(entry["input"] for entry in memory)]
    return inputs, [description["scores"]["name"], *(entry["output"] for entry in memory)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch tells of its own making."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def _innermost(error: BaseException) -> BaseException:
    """The cause of all: it names the operator."""
    return error if error.__cause__ is None else _innermost(error.__cause__)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
