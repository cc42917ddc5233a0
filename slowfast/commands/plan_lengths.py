"""How much memory other lengths need, of what a network reads at once: steps of a video, or more of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fvcore.common.config import CfgNode

from slowfast.commands import plan_process
from slowfast.commands.plan_fit import RESERVE, largest_batch
from slowfast.commands.plan_memory import Memory
from slowfast.config import ConfigError
from slowfast.engine.steps import HasLengths
from slowfast.engine.tasks import build_train_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """options: as words of a command line; empty: as configured. frames: of a clip. tensors: bytes with the configured batch.
    clips: of a process that fit on a GPU. refused: why the config does not take these options; empty: it does."""

    options: str
    frames: int = 0
    tensors: int = 0
    clips: int = 0
    refused: str = ""


def other_lengths(
    load: Callable[[Sequence[object]], CfgNode],
    cfg: CfgNode,
    size: int,
    *,
    clips: int,
    memory: Memory,
    tell: Callable[[str], None],
) -> tuple[Length, ...]:
    """The configured length and others, where the train step reads in parts of which it knows lengths. memory: of the
    configured one. size: bytes to fill."""
    step = build_train_step(cfg)
    if not isinstance(step, HasLengths):
        return ()
    found = [_length("", cfg, memory, size, clips)]
    for options in step.other_lengths(cfg):
        words = " ".join(f"{key} {value}".replace(", ", ",") for key, value in options.items())
        tell(f"training with {words} ...")
        try:
            other = load([word for pair in options.items() for word in pair])
            few, more = (
                plan_process.measured(other, clips=count, iterations=1, stay=memory.kept.sending > 0) for count in memory.sizes
            )
        except (ConfigError, plan_process.PlanError) as error:
            found.append(Length(options=words, refused=str(error)))
            continue
        found.append(_length(words, other, Memory.between(memory.kept, few, more), size, clips))
    return tuple(found)


def _length(words: str, cfg: CfgNode, memory: Memory, size: int, clips: int) -> Length:
    most = largest_batch(lambda count: memory.tensors(count) + RESERVE, size)
    return Length(options=words, frames=cfg.DATA.NUM_FRAMES, tensors=memory.tensors(clips), clips=most)
