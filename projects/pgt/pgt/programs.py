"""What a network with a memory is exported as: one step of a video, with the memory as input and output."""

from __future__ import annotations

from types import MappingProxyType

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from pgt.fit import NO_MEMORY, schedule_of
from pgt.schedule import StepSchedule
from pgt.state import PHASE, State
from pgt.wrapper import ProgressiveModel
from slowfast.models.programs import ExportError, PixelReader, Shapes
from slowfast.registry import PROGRAMS


class _Steps(nn.Module):
    """num_frames: T, the new frames of a later step, in the fastest pathway."""

    memory_shapes: Shapes = MappingProxyType({})

    def __init__(self, model: ProgressiveModel, *, reader: PixelReader, schedule: StepSchedule) -> None:
        super().__init__()
        self.network, self.reader, self._schedule = model, reader, schedule
        self.num_frames = schedule.new_frames(schedule.num_pathways - 1)

    def inputs(self, frames: Tensor) -> list[Tensor]:
        """One float tensor a pathway."""
        numbers, schedule = self.reader(frames), self._schedule
        return [numbers[:, :, :: schedule.frame_ratio(pathway)] for pathway in range(schedule.num_pathways)]


class LoneStepProgram(_Steps):
    """A step that remembers nothing: frames uint8 (B, T, H, W, C) -> scores float32 (B, K)."""

    def forward(self, frames: Tensor) -> Tensor:
        scores: Tensor = self.network.functional_step(self.inputs(frames), {})[0]
        return scores


class StepProgram(_Steps):
    """(frames uint8 (B, T, H, W, C), begins bool (B,), memory) -> (scores float32 (B, K), the new memory).

    All steps have T frames: where a video begins, the frames that its memory would stand for are absent, as in training on
    whole videos. begins: the rows of which memory is not read, whatever it holds. memory: float32 tensors
    (B, *memory_shapes[name]) by operator.
    """

    def __init__(self, model: ProgressiveModel, *, reader: PixelReader, schedule: StepSchedule, memory_shapes: Shapes) -> None:
        super().__init__(model, reader=reader, schedule=schedule)
        self.memory_shapes = memory_shapes

    def forward(self, frames: Tensor, begins: Tensor, memory: State) -> tuple[Tensor, State]:
        scores, state = self.network.functional_step(self.inputs(frames), memory, begins=begins, alike=True)
        return scores, {name: state[name] for name in self.memory_shapes}


@PROGRAMS.register("pgt")
class ProgressivePrograms:
    """Of networks with a memory."""

    @staticmethod
    def enabled(cfg: CfgNode) -> bool:
        return bool(cfg.PGT.ENABLE)

    @staticmethod
    def build(cfg: CfgNode, network: ProgressiveModel) -> StepProgram | LoneStepProgram:
        """Raises ExportError for options whose steps are not all alike."""
        if cfg.PGT.SEMANTICS != "corrected":
            raise ExportError(
                "PGT.SEMANTICS released: first steps of the original code are not like later ones, and a program has one kind "
                "of step; right would be weights that were trained with corrected semantics"
            )
        reader, schedule = PixelReader.from_cfg(cfg), schedule_of(cfg)
        lone = LoneStepProgram(network, reader=reader, schedule=schedule)
        shapes = {} if cfg.PGT.CACHE == NO_MEMORY else memory_shapes(lone, side=cfg.DATA.TEST_CROP_SIZE)
        return StepProgram(network, reader=reader, schedule=schedule, memory_shapes=shapes) if shapes else lone


def memory_shapes(steps: LoneStepProgram, *, side: int) -> dict[str, tuple[int, ...]]:
    """Of what a step of pictures of this side leaves, by operator, without the axis of the batch. Raises ExportError for a
    memory that has no row for each row of the batch, and for operators that count frames across steps."""
    rows = 2
    frames = torch.zeros(rows, steps.num_frames, side, side, steps.reader.num_colours, dtype=torch.uint8)
    with torch.no_grad():
        _, state = steps.network.functional_step(steps.inputs(frames), {})
    for name, tensor in state.items():
        if name.endswith(PHASE):
            if int(tensor):
                raise ExportError(
                    f"{name.removesuffix(PHASE)}: its temporal stride does not divide a step of {steps.num_frames} frames, so "
                    "steps are not all alike; right would be weights of steps (PGT.STEP_LEN less PGT.OVERLAP) that it divides"
                )
        elif len(tensor) != rows:
            raise ExportError(
                f"{name}: remembers {len(tensor)} rows of a batch of {rows}, so no row can begin by itself; right would be "
                "weights of a network that keeps the rows of a batch apart"
            )
    return {name: tuple(tensor.shape[1:]) for name, tensor in state.items() if not name.endswith(PHASE)}
