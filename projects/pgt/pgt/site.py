"""A place in a network, and what may become of the module there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeVar, get_args

from torch import nn

from pgt.cell import Cell, Mode
from pgt.operators import MarkovOperator
from pgt.operators.nonlocal_block import Context, NonLocalNorm
from pgt.schedule import ScheduleError, Semantics, StepSchedule, of_pathway
from slowfast.errors import UserError
from slowfast.models.transformers.grid import TokenGrid

Operator = Literal["local", "causal"]
AttentionMemory = Literal["tokens", "compressed"]
V = TypeVar("V")


class UnsupportedOperatorError(UserError, TypeError):
    """An operator that looks across time but cannot be given a memory. The text names its path in the network."""


class OptionError(UserError, ValueError):
    """An option of `progressive` that does not fit. The text says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """How the operators of a network remember. Raises OptionError for values that do not fit each other.

    step_len: frames of a step, for each pathway. overlap: the frames that the pooling of the head remembers (and, under
    "released", every operator). head: whether the pooling of the head remembers at all. tpool_size: temporal positions that it
    leaves for each pathway when an evaluation runs a whole clip in one pass. operator: "local" windows lie around their frame
    and see no future at borders, "causal" ones end on it. nonlocal_context: what non-local blocks attend to; None: to their own
    step. nonlocal_norm: the norm they have then.

    Of attention over tokens: attention: what it remembers, tokens as they are, or "compressed" ones, a queue (mode "last",
    local operators). attention_slices: time slices of those, and as many as causal attention looks back. attention_every: of
    how many blocks one has an attention that remembers, the first of them. age_offsets: whether it learns an offset for each
    remembered slice, zero at first, to tell it from those of the step (local operators).

    tokens: how tokens of other people's attention lie; None: as the network tells. leave: paths of modules that stay as they
    are, with all they hold.
    """

    mode: Mode
    momentum: float
    step_len: tuple[int, ...]
    overlap: tuple[int, ...]
    head: bool = True
    tpool_size: tuple[int, ...] = (1,)
    semantics: Semantics = "corrected"
    operator: Operator = "local"
    nonlocal_context: Context | None = None
    nonlocal_norm: NonLocalNorm = "batchnorm"
    attention: AttentionMemory = "tokens"
    attention_slices: int = 1
    attention_every: int = 1
    age_offsets: bool = False
    tokens: TokenGrid | None = None
    leave: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_choice("memory", self.mode, get_args(Mode))
        self._check_choice("semantics", self.semantics, get_args(Semantics))
        self._check_choice("operator", self.operator, get_args(Operator))
        self._check_choice("nonlocal_context", self.nonlocal_context, (None, *get_args(Context)))
        self._check_choice("nonlocal_norm", self.nonlocal_norm, get_args(NonLocalNorm))
        self._check_choice("head", self.head, (True, False))
        self._check_choice("age_offsets", self.age_offsets, (True, False))
        self._check_choice("attention", self.attention, get_args(AttentionMemory))
        self._check_attention()
        self._check_tokens()
        momentum = self.momentum
        if isinstance(momentum, bool) or not isinstance(momentum, int | float) or not 0 <= momentum < 1:
            raise OptionError(f"momentum={momentum!r}: the share of the old memory; right would be: from 0 to below 1")
        for name in ("step_len", "overlap", "tpool_size"):
            numbers = getattr(self, name)
            if not numbers or any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
                raise OptionError(f"{name}={numbers!r}: right would be: a whole number of frames, or one for each pathway")
        try:
            StepSchedule(self.step_len, self.overlap, 1, semantics=self.semantics)
        except ScheduleError as error:
            raise OptionError(f"step_len={list(self.step_len)}, overlap={list(self.overlap)}: {error}") from None
        if len(self.tpool_size) not in (1, len(self.step_len)) or min(self.tpool_size) < 1:
            raise OptionError(f"tpool_size={list(self.tpool_size)}: right would be: 1 or more, one number or one a pathway")
        if any(not isinstance(path, str) for path in self.leave):
            raise OptionError(f"leave={self.leave!r}: right would be: paths of modules, as named_modules() has them")
        if self.operator == "causal":
            self._check_causal()

    def _check_choice(self, name: str, value: Any, choices: tuple[Any, ...]) -> None:
        if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
            raise OptionError(f"{name}={value!r}: right would be: {' or '.join(map(repr, choices))}")

    def _check_attention(self) -> None:
        for name in ("attention_slices", "attention_every"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise OptionError(f"{name}={number!r}: right would be: a whole number, 1 or more")
        if self.attention == "compressed" and (self.mode, self.momentum, self.operator) != ("last", 0, "local"):
            raise OptionError(
                f"attention='compressed' with memory={self.mode!r}, momentum={self.momentum!r} and operator={self.operator!r}: "
                "compressed slices stand in a queue, and each holds several moments of its step; right would be: "
                "memory='last', momentum=0 and operator='local'"
            )

    def _check_tokens(self) -> None:
        tokens = self.tokens
        if tokens is None:
            return
        right = "right would be: TokenLayout(time, height, width, extra) of whole numbers, at least 1, 1, 1 and 0"
        if not isinstance(tokens, TokenGrid):
            raise OptionError(f"tokens={tokens!r}: a {type(tokens).__name__}; {right}")
        if any(type(size) is not int or size < least for size, least in zip(tokens, (1, 1, 1, 0), strict=True)):
            raise OptionError(f"tokens={tokens!r}: {right}")

    def _check_causal(self) -> None:
        """Causal operators remember the true past and nothing else."""
        for name, value, right in (
            ("memory", self.mode, "last"),
            ("momentum", self.momentum, 0),
            ("semantics", self.semantics, "corrected"),
            ("nonlocal_context", self.nonlocal_context, None),
            ("age_offsets", self.age_offsets, False),
            ("attention_every", self.attention_every, 1),
        ):
            if value != right:
                raise OptionError(
                    f"{name}={value!r}: causal operators remember the true past, nothing else; right would be: {right!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A module on the walk: what a rule is told. path: its path in the network. network: the whole of it."""

    path: str
    network: nn.Module
    options: MemoryOptions

    @property
    def causal(self) -> bool:
        return self.options.operator == "causal"

    def cell(self, *, needed: int, channels: int | None = None) -> Cell:
        """The memory of a window that needs `needed` frames of the past."""
        options = self.options
        if self.causal:
            return Cell(self.path, needed, "last", channels=channels)
        num_frames = self.of_pathway(options.overlap) if options.semantics == "released" else needed
        return Cell(self.path, num_frames, options.mode, options.momentum, channels)

    def head_cell(self, pathway: int | None = None, *, pooling: str, mean_in_released: bool = False) -> Cell | None:
        """The memory of a pooling ("avg" or "max") over all of time; None where it sees its own step alone.

        mean_in_released: whether the original code pools the memory by average where it is asked for the maximum.
        """
        options = self.options
        if not options.head:
            return None
        if self.causal:  # for a mean sum and number of frames, for a maximum the maximum so far
            return Cell(self.path, 2, "sum") if pooling == "avg" else Cell(self.path, 1, "max")
        num_frames = self.of_pathway(options.overlap, pathway)
        if num_frames == 0:
            return None
        mean = mean_in_released and options.semantics == "released" and options.mode == "max"
        return Cell(self.path, num_frames, "avg" if mean else options.mode, options.momentum)

    def of_pathway(self, values: Sequence[V], pathway: int | None = None) -> V:
        """The entry of the operator's pathway; a single one holds for all."""
        return of_pathway(values, pathway_of(self.path) if pathway is None else pathway)

    def refuse(self, module: nn.Module, reason: str) -> NoReturn:
        raise UnsupportedOperatorError(f"{self.path}: {reason} ({type(module).__name__})")


@dataclass(frozen=True, slots=True)
class Remember:
    """What becomes of a module: the class that is mixed into its own, its memory, and what else the operator reads.

    cell: None for an operator that remembers nothing but must know of steps; why then says why, for the summary. cells: all
    that the operator may use, where that is not `cell` alone. prepare: called with the module before the change.
    """

    operator: type[MarkovOperator]
    cell: Cell | None
    attributes: dict[str, Any] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    prepare: Callable[[Any], None] | None = None
    why: str = ""

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        return self.cells or ((self.cell,) if self.cell is not None else ())


@dataclass(frozen=True, slots=True)
class Alone:
    """A module that looks across time but sees its own step alone, and stays as it is. why: in words, for the summary."""

    why: str


Rule = Callable[[Any, Site], Remember | Alone | None]
"""What to do with a module: a memory for it, none although it looks across time, or nothing to do (None). Raises
UnsupportedOperatorError (`Site.refuse`) where it cannot be run step by step."""

ROOT = "network"
"""The path of an operator that is the network itself."""


def pathway_of(name: str) -> int:
    """The pathway that a path speaks of, in our names (pathway1_res0) or pytorchvideo's (multipathway_blocks.1, pool.1)."""
    found = re.search(r"pathway(\d+)|multipathway_\w+\.(\d+)|pool\.(\d+)$", name)
    return int(next(group for group in found.groups() if group is not None)) if found else 0
