"""A network that reads videos step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pgt.cell import Mode
from pgt.compiling import compiles, let_compiled_models_step
from pgt.hugging_face_rules import reads_frames_first
from pgt.memory import Memory
from pgt.operators.nonlocal_block import Context, NonLocalNorm
from pgt.schedule import Semantics, as_tuple
from pgt.site import AttentionMemory, MemoryOptions, Operator, OptionError
from pgt.state import State
from pgt.swap import make_markov
from pgt.verification import verify
from slowfast.models.transformers.grid import TokenGrid

_OF_THE_NETWORK = frozenset({"training", "_modules", "_parameters", "_buffers", "_non_persistent_buffers_set"})


class ProgressiveModel(nn.Module):
    """A network whose temporal operators remember; see `progressive`.

    `forward` runs the network over all it is given in one pass, without memory; `step` runs it over the next step of a video.
    Parameters, buffers and modules are those of the network, under the names that they have there: this object has none of its
    own, and hands on whatever it is asked for besides.

    frames_first: whether the network reads (B, T, C, H, W). operators: paths of what remembers. alone: paths of what deals with
    time but remembers nothing, with the reason.
    """

    step_len: tuple[int, ...]
    overlap: tuple[int, ...]
    options: MemoryOptions
    frames_first: bool
    operators: tuple[str, ...]
    alone: dict[str, str]
    _memory: Memory
    _network: nn.Module
    _run: nn.Module

    def __init__(self, network: nn.Module, options: MemoryOptions, *, frames_first: bool = False, sample: Any = None) -> None:
        # What nn.Module.__init__ makes, hooks of its own above all, but for the tables, which are the network's.
        own = {name: value for name, value in nn.Module().__dict__.items() if name not in _OF_THE_NETWORK}
        self.__dict__.update(own, _network=network, _run=network)
        memory = Memory(options.step_len)
        swapped = make_markov(network, memory, options)
        self.__dict__.update(
            step_len=options.step_len,
            overlap=options.overlap,
            options=options,
            frames_first=frames_first,
            operators=swapped.remembering,
            alone=swapped.alone,
            _memory=memory,
        )
        if sample is not None:
            try:
                verify(self, sample)
            except BaseException:
                swapped.undo()
                raise

    @property
    def network(self) -> nn.Module:
        """The network itself. It may be set to what `torch.compile` makes of it."""
        return self.__dict__["_run"]  # type: ignore[no-any-return]

    def forward(self, inputs: Any, *args: Any, **options: Any) -> Any:
        """One pass over a whole clip, without memory."""
        if not torch.compiler.is_compiling():
            self._memory.rows_of_pass = next((rows for rows, _ in self._shapes_of(inputs)), None)
        return self._run(inputs, *args, **options)

    def reset(self) -> None:
        """Forgets the video: the next step is the first of another one."""
        self._memory.reset()

    def step(
        self,
        inputs: Any,
        *args: Any,
        begins: Tensor | None = None,
        num_steps: int = 1,
        run: nn.Module | None = None,
        **options: Any,
    ) -> Any:
        """The next step of a video: what the network returns for these frames, given what it remembers.

        begins: bool (B,), rows of the batch whose video begins with this step while others go on; None: no row begins, unless
        nothing is remembered. run: what is called in place of this model (what `torch.compile` made of it). Everything else is
        handed to the network. A step that ends with an error leaves the memory as it was.

        num_steps: so many steps of equal lengths at once, none of which is a video's first. The inputs have the rows of one
        step after those of the other, and so has what is returned: what steps one by one would return, at the speed and with
        the activations of a larger batch. This holds for networks that look at every row by itself, as in evaluation; not for
        norms that take their statistics from the batch.

        Raises MemoryMismatchError for a batch that is not the one remembered, StepLengthError for frames that a temporal stride
        does not divide.
        """
        memory = self._memory
        with memory.step(begins=begins, count=num_steps, input_shapes=self._shapes_of(inputs)):
            outputs = (self if run is None else run)(inputs, *args, **options)
        memory.keep_with(outputs)
        return outputs

    def functional_step(
        self,
        inputs: Any,
        state: Mapping[str, Tensor],
        *args: Any,
        begins: Tensor | None = None,
        alike: bool = False,
        num_steps: int = 1,
        run: nn.Module | None = None,
        **options: Any,
    ) -> tuple[Any, State]:
        """A step as a function: (outputs, new state) of the inputs and a state; what this model remembers is left alone.

        state: tensors (B, C, F, H, W) by operator, as a step returned them; empty for the first step of a video. alike: whether
        `begins` counts row by row also where all rows begin, or none, so that all steps with a state are one computation, to
        be compiled once. The rest as in `step`.
        """
        memory = self._memory
        memory.check(state)
        with memory.run(state, begins=begins, alike=alike, count=num_steps, input_shapes=self._shapes_of(inputs)) as step:
            outputs = (self if run is None else run)(inputs, *args, **options)
        memory.keep_with(outputs)
        return outputs, step.state()

    def detach_memory(self) -> None:
        """Keeps the memory, but cuts it off from the steps that made it."""
        self._memory.detach()

    def truncate_memory(self, truncate: bool) -> None:
        """Whether gradients stop at the border of every step (as they do at first) or only where `detach_memory` is called."""
        self._memory.truncate = truncate

    def memory(self) -> State:
        """What the network remembers now, by operator: a copy that can be saved and handed to `load_memory`."""
        return self._memory.state_dict()

    def load_memory(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from a memory that `memory` returned, on the network's device. Raises MemoryMismatchError where names, shapes
        or types are not those of this network."""
        self._memory.load_state_dict(state)
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        self._memory.move(device)

    @property
    def memory_bytes(self) -> int:
        """Bytes that are carried to the next step."""
        return self._memory.num_bytes

    def _shapes_of(self, inputs: Any) -> tuple[tuple[int, int], ...]:
        """Rows and frames that each pathway reads in a step: inputs are (B, C, T, H, W) or (B, T, C, H, W), one a pathway."""
        clips = [leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor) and leaf.dim() == 5]
        return tuple(
            (clip.shape[0], clip.shape[1] if self.frames_first else _num_frames(clip, length, overlap))
            for clip, length, overlap in zip(clips, self.step_len, self.overlap, strict=False)
        )

    # The tables that nn.Module keeps are the network's, whatever becomes of it; the network is no child, because a child would
    # put its name in front of every parameter's.

    @property
    def _modules(self) -> dict[str, nn.Module | None]:  # type: ignore[override]
        return self.__dict__["_network"]._modules  # type: ignore[no-any-return]

    @property
    def _parameters(self) -> dict[str, nn.Parameter | None]:  # type: ignore[override]
        return self.__dict__["_network"]._parameters  # type: ignore[no-any-return]

    @property
    def _buffers(self) -> dict[str, Tensor | None]:  # type: ignore[override]
        return self.__dict__["_network"]._buffers  # type: ignore[no-any-return]

    @property
    def _non_persistent_buffers_set(self) -> set[str]:  # type: ignore[override]
        return self.__dict__["_network"]._non_persistent_buffers_set  # type: ignore[no-any-return]

    @property
    def training(self) -> bool:  # type: ignore[override]
        return self.__dict__["_network"].training  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> Self:
        self._network.train(mode)
        return self

    def state_dict(self, *args: Any, **options: Any) -> Any:
        return self._network.state_dict(*args, **options)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        return self._network.load_state_dict(*args, **options)

    def _load_from_state_dict(self, *args: Any) -> None:
        self._network._load_from_state_dict(*args)  # when this model is a part of another one

    def register_buffer(self, *args: Any, **options: Any) -> None:
        self._network.register_buffer(*args, **options)

    def register_parameter(self, *args: Any) -> None:
        self._network.register_parameter(*args)

    def add_module(self, *args: Any) -> None:
        self._network.add_module(*args)

    def register_module(self, *args: Any) -> None:
        self._network.add_module(*args)

    def _replicate_for_data_parallel(self) -> Self:
        replica = self.__new__(type(self))
        network = self._network._replicate_for_data_parallel()
        replica.__dict__.update(self.__dict__, _network=network, _run=network)
        return replica

    def _apply(self, *args: Any, **options: Any) -> Self:
        self._network._apply(*args, **options)
        return self

    def apply(self, fn: Any) -> Self:
        self._network.apply(fn)
        return self

    def __getattr__(self, name: str) -> Any:
        network = self.__dict__.get("_network")
        if network is None or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(network, name)

    def __setattr__(self, name: str, value: Any) -> None:
        network = self.__dict__["_network"]
        if name in self.__dict__ or (hasattr(nn.Module, name) and name not in _OF_THE_NETWORK):
            object.__setattr__(self, name, value)
        elif name == "network":
            if value is not network and compiles(value) is not network:
                raise ValueError(
                    "network: another module, whose operators would not remember; right would be: what torch.compile makes of "
                    "the network, or progressive(...) of the other one"
                )
            self.__dict__["_run"] = value
        elif name in _OF_THE_NETWORK or isinstance(value, nn.Module | nn.Parameter) or hasattr(network, name):
            setattr(network, name, value)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__:
            object.__delattr__(self, name)
        else:
            delattr(self._network, name)


let_compiled_models_step(ProgressiveModel)


def progressive(
    module: nn.Module,
    *,
    step_len: int | Sequence[int],
    overlap: int | Sequence[int],
    memory: Mode | None = None,
    momentum: float | None = None,
    head: bool = True,
    tpool_size: int | Sequence[int] = 1,
    semantics: Semantics = "corrected",
    operator: Operator = "local",
    nonlocal_context: Context | None = None,
    nonlocal_norm: NonLocalNorm = "batchnorm",
    attention: AttentionMemory = "tokens",
    attention_slices: int = 1,
    attention_every: int = 1,
    age_offsets: bool = False,
    tokens: TokenGrid | None = None,
    leave: Sequence[str] = (),
    frames_first: bool | None = None,
    sample: Any = None,
) -> ProgressiveModel:
    """Makes a network read videos step by step (arXiv:2103.11313, section 3).

    Its temporal operators get a memory in place; the network stays the module that it was, and parameters keep their names and
    identity, so weights of the plain network load as before. step_len, overlap: as in `StepSchedule`. memory, momentum: how
    operators remember (`pgt.cell.Cell`), "max" and 0.25 unless said otherwise. head: whether the pooling over time at the end
    remembers too. operator: "causal" operators look only back, so that any cut into steps gives the same outputs; their memory
    is always the true past ("last", without momentum). tokens: how tokens lie in a video transformer that does
    not tell; time slices are counted anew at every call. frames_first: whether it reads (B, T, C, H, W); None: as video
    transformers of Hugging Face do, others not. sample: what the network reads, a clip or one a pathway; with it `pgt.verify`
    looks at once at what this walk through the network's modules cannot see. The rest as in `MemoryOptions`.

    Raises UnsupportedOperatorError, naming the module's path, for a network with an operator that cannot be made Markov, and
    OptionError for an option that does not fit; the network is unchanged then.
    """
    if not isinstance(module, nn.Module):
        raise OptionError(f"module: a {type(module).__name__}; right would be: a torch.nn.Module")
    causal = operator == "causal"
    options = MemoryOptions(
        mode=("last" if causal else "max") if memory is None else memory,
        momentum=(0.0 if causal else 0.25) if momentum is None else momentum,
        step_len=as_tuple(step_len),
        overlap=as_tuple(overlap),
        head=head,
        tpool_size=as_tuple(tpool_size),
        semantics=semantics,
        operator=operator,
        nonlocal_context=nonlocal_context,
        nonlocal_norm=nonlocal_norm,
        attention=attention,
        attention_slices=attention_slices,
        attention_every=attention_every,
        age_offsets=age_offsets,
        tokens=tokens,
        leave=as_tuple(leave),
    )
    frames_first = reads_frames_first(module) if frames_first is None else frames_first
    return ProgressiveModel(module, options, frames_first=frames_first, sample=sample)


def _num_frames(clip: Tensor, length: int, overlap: int) -> int:
    """The size of the axis of time: the second of two candidates, unless only the first has a number of frames of a step."""
    usual = (length, length - overlap)
    return clip.shape[1] if clip.shape[1] in usual and clip.shape[2] not in usual else clip.shape[2]
