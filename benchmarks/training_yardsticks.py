"""How others train, restated for comparison in our own words: PySlowFast's training on clips, and the way in which PGT's first
release trains in steps.

The layers are this library's, run as those do: every convolution in 3-D, frozen norms as a multiplication and an addition with
numbers made anew at each call, swish as a function that keeps its input. The clip is float32 and lies on the device before the
time is taken, as their loaders deliver it (ours are bytes, which the measured iteration makes float). The optimizer is
PyTorch's own choice of implementation.

The release gives each residual block a memory, and stems and heads that look along time too. A block that remembers is run over
the remembered frames and the step joined together, and the outputs of the former are thrown away. What it remembers is pooled
from all that it read. Gradients of all steps add up to one update.

Left out, in their favour: whatever happens between two iterations (loading, normalising, copying to the device, logging).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from training_ways import MEMORY, MOMENTUM, Way, random_frames, schedule

from slowfast.models import build_model
from slowfast.models.heads import ClassificationHead
from slowfast.models.layers.norm import FrozenBatchNorm3d
from slowfast.models.layers.pathway_chains import PathwayChains
from slowfast.models.normalize import Normalizer
from slowfast.models.pathways import PathwayPicker
from slowfast.models.resnet.block import ResBlock
from slowfast.models.resnet.stem import ResNetStem
from slowfast.models.small_windows import PaddedConvolution
from slowfast.models.x3d_parts import X3DHead, X3DStem

TOP = 5


class Yardstick:
    """One iteration of a training, on random clips that stay on the device."""

    def __init__(self, way: Way, network: str, cfg: CfgNode, device: torch.device, start: dict[str, Tensor]) -> None:
        """start: the weights, by their names in a network that trains on clips."""
        self.model = build_model(cfg)
        as_others_run(self.model)
        self.model.load_state_dict(start)
        if way.progressive:
            remember(self.model, schedule(network, way.steps).overlap, Memory())
        self.model.to(device).train()
        solver = cfg.SOLVER
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=solver.BASE_LR,
            momentum=solver.MOMENTUM,
            weight_decay=solver.WEIGHT_DECAY,
            nesterov=solver.NESTEROV,
        )
        self.half, self.device = way.half, device
        self.scaler = torch.amp.GradScaler(device.type, enabled=way.half)
        size = cfg.TRAIN.BATCH_SIZE
        self.frames = size * cfg.DATA.NUM_FRAMES
        clip = Normalizer.from_cfg(cfg)(random_frames(cfg)).to(device)
        self.labels = torch.zeros(size, dtype=torch.long, device=device)
        if way.progressive:
            cut = schedule(network, way.steps, released=True)
            pathways = range(cut.num_pathways)
            self.clip = clip
            self.steps = [
                [torch.tensor(cut.frames(pathway, step), device=device) for pathway in pathways] for step in range(way.steps)
            ]
        else:
            self.pathways = PathwayPicker.from_cfg(cfg).pick(clip)
        self.run = self.run_steps if way.progressive else self.run_clip

    def run_clip(self) -> None:
        """PySlowFast's iteration: it looks at the loss, the norm of the gradient and the errors each time."""
        logits = self.logits(self.pathways)
        loss = F.cross_entropy(logits, self.labels)
        if math.isnan(loss.item()):
            raise ArithmeticError("the loss of the yardstick is not a number")
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norms = [torch.linalg.vector_norm(p.grad) for p in self.model.parameters() if p.grad is not None]
        torch.linalg.vector_norm(torch.stack(norms))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        best = logits.topk(TOP, dim=1).indices.eq(self.labels[:, None])
        loss.item(), best[:, :1].float().sum().item(), best.float().sum().item()

    def run_steps(self) -> None:
        """The release's iteration: a forward and a backward pass a step, then an update."""
        forget(self.model)
        losses = []
        for step in self.steps:
            loss = F.cross_entropy(self.logits([self.clip.index_select(2, frames) for frames in step]), self.labels)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        torch.stack(losses).mean().item()

    def logits(self, inputs: list[Tensor]) -> Tensor:
        with torch.autocast(self.device.type, torch.float16, enabled=self.half):
            logits: Tensor = self.model(inputs)
        return logits.float()


class UnfoldedNorm(nn.Module):
    """A frozen norm whose scale and shift are computed at each call and applied one after the other."""

    def __init__(self, norm: FrozenBatchNorm3d) -> None:
        super().__init__()
        self.eps = norm.eps
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = (1, -1, 1, 1, 1)
        return x * scale.to(x.dtype).view(shape) + shift.to(x.dtype).view(shape)


class _SwishFunction(torch.autograd.Function):
    """x sigmoid(x), of which only x is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        [x] = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return gradient * (gate * (1 + x * (1 - gate)))


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _SwishFunction.apply(x)
        return y


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of the frames that came by: the last ones, or their maxima or means over as many windows. momentum: weight
    of what was kept before. pools: whether heads pool over the past as well."""

    kind: Literal["last", "max", "avg"] = MEMORY
    momentum: float = MOMENTUM
    pools: bool = True

    def after(self, joined: Tensor, frames: int, past: Tensor | None) -> Tensor:
        if self.kind == "last":
            kept = joined[:, :, -frames:]
        else:
            pool = F.adaptive_max_pool3d if self.kind == "max" else F.adaptive_avg_pool3d
            kept = pool(joined, (frames, *joined.shape[3:]))
        return kept if past is None else (1 - self.momentum) * kept + self.momentum * past

    def of_resnet_heads(self) -> Memory:
        """These take means where others take maxima."""
        return replace(self, kind="avg") if self.kind == "max" else self


class Remembering(nn.Module):
    """Keeps some frames of all that came by, step by step."""

    def __init__(self, inner: nn.Module, *, frames: int, memory: Memory) -> None:
        super().__init__()
        self.inner, self.frames, self.memory = inner, frames, memory
        self.past: Tensor | None = None

    def join(self, x: Tensor) -> Tensor:
        joined = x if self.past is None else torch.cat([self.past, x], dim=2)
        with torch.no_grad():
            self.past = self.memory.after(joined.detach(), self.frames, self.past)
        return joined


class RememberingBlock(Remembering):
    """A module over past and step together; the past's own outputs are thrown away."""

    def forward(self, x: Tensor) -> Tensor:
        is_first = self.past is None
        out: Tensor = self.inner(self.join(x))
        return out if is_first else out[:, :, self.frames :]


class RememberingPool(Remembering):
    """What a head pools: past and step together."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.join(x))
        return out


def as_others_run(model: nn.Module) -> None:
    """Convolutions, norms and activations as they are there."""
    for module in list(model.modules()):
        if isinstance(module.__dict__.get("_conv_forward"), PaddedConvolution):
            del module.__dict__["_conv_forward"]
        for name, child in list(module.named_children()):
            if isinstance(child, FrozenBatchNorm3d):
                setattr(module, name, UnfoldedNorm(child))
            elif isinstance(child, nn.SiLU):
                setattr(module, name, Swish())


def remember(model: nn.Module, overlap: tuple[int, ...], memory: Memory) -> None:
    """Gives blocks, stems that look along time, and heads their memory, of so many frames for each pathway."""
    for chains in [module for module in model.modules() if isinstance(module, PathwayChains)]:
        for name, part in list(chains.named_children()):
            frames = overlap[int(name.removeprefix("pathway").partition("_")[0])]
            looks_along_time = isinstance(part, ResNetStem | X3DStem) and part.conv.kernel_size[0] > 1
            if isinstance(part, ResBlock) or looks_along_time:
                setattr(chains, name, RememberingBlock(part, frames=frames, memory=memory))
    for head in list(model.modules()) if memory.pools else ():
        if isinstance(head, ClassificationHead):
            for number, frames in enumerate(overlap):
                pool = head.spatial_pools[number]
                head.spatial_pools[number] = RememberingPool(pool, frames=frames, memory=memory.of_resnet_heads())
        elif isinstance(head, X3DHead):
            head.spatial_pool = RememberingPool(head.spatial_pool, frames=overlap[0], memory=memory)


def forget(model: nn.Module) -> None:
    """A new video begins."""
    for module in model.modules():
        if isinstance(module, Remembering):
            module.past = None
