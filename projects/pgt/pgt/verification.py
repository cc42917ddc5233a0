"""Does a progressive network do across steps what it should? Found out by running it.

The walk that gives operators a memory sees modules. What a network does in its own forward (functional operators, means over
time, attention, flips, shifts, interpolation) it cannot see; running the network can. B batch, C channels, T frames, H height,
W width.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pgt.memory import PHASE, StepLengthError
from pgt.operators import MarkovHeadPool, MarkovOperator
from pgt.schedule import of_pathway
from pgt.site import ROOT, UnsupportedOperatorError

if TYPE_CHECKING:
    from pgt.wrapper import ProgressiveModel

STEPS = 3
"""Steps that the network is run over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. path: of the module or the output. text: what, and what would be right."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class VerificationError(UnsupportedOperatorError):
    """A network that does not do across steps what it should. findings: everything that was found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verified network does. remembering: operators that left a memory. notes: what is right but worth knowing."""

    remembering: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{len(self.remembering)} operators remember: {', '.join(self.remembering)}", *self.notes])


def verify(model: ProgressiveModel, clip: Any, *args: Any, time_axis: int = 2) -> Verification:
    """Runs the network over a few steps of a clip and checks what the walk through its modules cannot see.

    1. No module but those that remember, or that were left alone knowingly, lets frames of one part of a clip reach those of
       another: neither itself, nor in its forward between its children.
    2. Something is remembered, and not every output ignores the past.
    3. Steps together give as many frames as one pass.
    4. With causal operators, any cut into steps gives what one pass gives.

    clip: what the network reads, one (B, C, T, H, W) or one a pathway; shorter ones than three steps are continued, longer ones
    cut. args: what else it is called with. time_axis: where T stands in the clip, if elsewhere. Memory, modes and random state
    are as before afterwards. Raises VerificationError with everything that was found, by path.
    """
    run = _Run(model, _whole_steps(model, clip, time_axis), args, time_axis)
    with _undisturbed(model):
        try:
            findings, notes, remembering = run.check()
        except StepLengthError as error:
            path, _, text = str(error).partition(": ")
            raise VerificationError([Finding(path, text)]) from error
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, VerificationError):
                raise
            raise VerificationError([Finding(ROOT, f"steps of {list(model.step_len)} frames fail: {error}")]) from error
    if findings:
        raise VerificationError(findings)
    return Verification(remembering, tuple(notes))


class _Run:
    """A model with the clip that it is run over. lengths: frames of each step, for each pathway."""

    def __init__(self, model: ProgressiveModel, clip: Any, args: tuple[Any, ...], time_axis: int) -> None:
        self.model, self.clip, self.args, self.axis = model, clip, args, time_axis
        tensors = [leaf for leaf in pytree.tree_leaves(clip) if isinstance(leaf, Tensor)]
        self.count = len(tensors)
        self.generator = torch.Generator().manual_seed(0)

    def check(self) -> tuple[list[Finding], list[str], tuple[str, ...]]:
        model = self.model
        model.reset()
        outputs = [self.step(number) for number in range(STEPS)]
        remembering = tuple(name for name, frames in model.memory().items() if not name.endswith(PHASE) and frames.numel())
        model.reset()
        if not _same(outputs[0], self.step(0)):
            why = "two runs of the same frames in evaluation mode differ, so nothing else can be said of it"
            return [Finding(ROOT, why)], [], remembering
        findings = list(mixing_modules(self))
        if not remembering:
            why = "nothing in this network remembers; what looks across time must be a module that `progressive` knows"
            findings.insert(0, Finding(ROOT, why))
            return findings, [], remembering
        ignoring, notes = self.outputs_that_ignore_the_past()
        findings += ignoring
        whole = self.one_pass()
        if whole is not None:
            findings += self.wrong_lengths()
            if model.options.operator == "causal" and not findings:
                findings += self.cuts_that_differ(whole)
        return findings, notes, remembering

    def frames(self, start: float, stop: float) -> Any:
        """A part of the clip, from one share of its steps to another: 0.5 is the middle of the first one."""
        number = itertools.count()

        def cut(clip: Any) -> Any:
            if not isinstance(clip, Tensor):
                return clip
            pathway = next(number)
            first, last = (self._frame(pathway, place) for place in (start, stop))
            return clip.narrow(self.axis, first, last - first)

        return pytree.tree_map(cut, self.clip)

    def _frame(self, pathway: int, place: float) -> int:
        length, overlap = of_pathway(self.model.step_len, pathway), of_pathway(self.model.overlap, pathway)
        if place <= 1:
            return round(place * length)
        return length + round((place - 1) * (length - overlap))

    def step(self, number: int, *, clip: Any = None) -> Any:
        clip = self.frames(number, number + 1) if clip is None else clip
        own = pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, clip)
        return self.model.step(own, *self.args)  # a copy: some networks write into what they are given

    def one_pass(self) -> Any:
        """What the network makes of the whole clip at once; None where its head or its pathways have no answer to that.

        Causal operators see it as one long step, so that windows over whole steps are told from others."""
        self.model.reset()
        try:
            if self.model.options.operator == "causal":
                return self.step(0, clip=self.frames(0, STEPS))
            return self.model(pytree.tree_map(lambda leaf: leaf, self.frames(0, STEPS)), *self.args)
        except (RuntimeError, ValueError):
            return None

    def disturbed(self, clip: Any, part: Callable[[Tensor], slice]) -> Any:
        """The clip with other frames in a part of it."""

        def disturb(tensor: Any) -> Any:
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
                return tensor
            noise = torch.randn(tensor.shape, generator=self.generator).to(tensor)
            changed = tensor.clone()
            places = [slice(None)] * tensor.dim()
            places[self.axis] = part(tensor)
            changed[tuple(places)] += (noise * (3 * tensor.std() + 1))[tuple(places)]
            return changed

        return pytree.tree_map(disturb, clip)

    def border(self, tensor: Tensor) -> int:
        """The first frame of the later half."""
        return half(tensor.shape[self.axis])

    def outputs_that_ignore_the_past(self) -> tuple[list[Finding], list[str]]:
        model, first, second = self.model, self.frames(0, 1), self.frames(1, 2)
        other_past = self.disturbed(first, lambda tensor: slice(None))
        other_present = self.disturbed(second, lambda tensor: slice(None))
        results = []
        for past, present in ((first, second), (other_past, second), (first, other_present)):
            model.reset()
            self.step(0, clip=past)
            results.append(_named_tensors(self.step(1, clip=present)))
        before, past, present = results
        ignoring = [name for name in before if _same(before[name], past.get(name))]
        idle = [name for name in ignoring if _same(before[name], present.get(name))]
        notes = [f"{name}: depends neither on the past nor on the step at hand (zero weights?)" for name in idle]
        ignoring = [name for name in ignoring if name not in idle]
        if len(before) > len(ignoring) + len(idle) or not ignoring:
            return [], notes + [f"{name}: ignores the past" for name in ignoring]
        return [Finding(name, "ignores the past: no memory reaches it") for name in ignoring], notes

    def wrong_lengths(self) -> Iterator[Finding]:
        """Operators that see, step by step, another number of frames than in one pass over the same clip."""
        stepwise, at_once = self.frames_seen(stepwise=True), self.frames_seen(stepwise=False)
        for path, seen in stepwise.items():
            together = sum(at_once.get(path, seen))
            if seen[0] > 1 and sum(seen) != together:
                read = [
                    self._frame(self.count - 1, number + 1) - self._frame(self.count - 1, number) for number in range(STEPS)
                ]
                yield Finding(
                    path or ROOT,
                    f"sees {', '.join(map(str, seen))} frames in steps of {', '.join(map(str, read))}, but {together} in one "
                    "pass; right would be: steps that hold whole strides of what drops frames before it",
                )

    def frames_seen(self, *, stepwise: bool) -> dict[str, list[int]]:
        """Frames that each operator reads, step by step or in one pass, by path."""
        seen: dict[str, list[int]] = {}
        known = _places(self.model, *self.model.operators, *self.model.alone)

        def count(path: str, call: int, tensors: list[Tensor]) -> None:
            if path in known and tensors and tensors[0].dim() == 5:
                seen.setdefault(path, []).append(tensors[0].shape[2])

        self.model.reset()
        with _watched(self.model, before=count):
            if stepwise:
                for number in range(STEPS):
                    self.step(number)
            else:
                self.one_pass()
        return seen

    def cuts_that_differ(self, whole: Any) -> Iterator[Finding]:
        """Causal operators: cuts into steps that do not give what one pass gives."""
        model = self.model
        finest = [place / 4 for place in range(4 * STEPS + 1)]
        for places in (list(range(STEPS + 1)), [0, STEPS], [0, 0.5, 2, STEPS], finest):
            model.reset()
            try:
                parts = [self.step(0, clip=self.frames(*part)) for part in itertools.pairwise(places) if self._holds(*part)]
            except StepLengthError:
                continue  # not a cut that its strides allow, and it said so
            for name, together in _named_tensors(whole).items():
                pieces = [_named_tensors(part)[name] for part in parts]
                axis = time_axis_of(pieces[0], together)
                stepwise = pieces[-1] if axis is None else torch.cat(pieces, axis)
                if not _same(stepwise, together, tolerance=1e-3):
                    yield Finding(
                        name, f"not causal: steps give something else than one pass over the clip{self.who_looks_ahead()}"
                    )
                    return

    def _holds(self, start: float, stop: float) -> bool:
        """Whether there are frames of every pathway in a part of the clip."""
        return all(self._frame(pathway, stop) > self._frame(pathway, start) for pathway in range(self.count))

    def who_looks_ahead(self) -> str:
        """The first module that changes earlier frames when later ones change."""
        clip = self.frames(0, STEPS)
        later = self.disturbed(clip, lambda tensor: slice(self.border(tensor), None))
        before: dict[tuple[str, int], Tensor] = {}
        found: list[str] = []

        def keep(path: str, call: int, output: Any) -> None:
            if isinstance(output, Tensor) and output.dim() == 5 and output.shape[2] > 1:
                early = output[:, :, : half(output.shape[2])].clone()
                if before.setdefault((path, call), early) is not early and not _same(before[path, call], early):
                    found.append(path)

        for frames in (clip, later):
            self.model.reset()
            with _watched(self.model, after=keep):
                self.step(0, clip=frames)
        if not found:
            return ""
        inner = self.model.network.get_submodule("" if found[0] == ROOT else found[0])
        pools = [module.name for module in inner.modules() if isinstance(module, MarkovHeadPool)]
        text = f"; {found[0]} lets later frames change earlier ones"
        return text + (f", through {', '.join(pools)}, which pools all of a step but is no head" if pools else "")


def mixing_modules(run: _Run) -> Iterator[Finding]:
    """Modules that let one half of a step's frames reach the other without remembering.

    The first step is run three times: as it is, and with other frames in its later and in its earlier half. Operators that
    remember are kept from carrying a change over the border: their output has the frames of the first run in the half that was
    not changed. What then depends on both halves, or on the wrong one, was mixed by somebody else: by a module, if that is what
    it gives, by the forward of the module that calls it, if that is what it is given.
    """
    model, first = run.model, run.frames(0, 1)
    known = _places(model, *model.operators, *model.alone)
    halves: dict[str, Callable[[Tensor], slice]] = {
        "later": lambda tensor: slice(run.border(tensor), None),
        "earlier": lambda tensor: slice(0, run.border(tensor)),
    }
    seen: dict[tuple[str, int, str], list[Tensor]] = {}
    changed_by_later: dict[tuple[str, int, str], list[Tensor]] = {}
    culprits: list[str] = []

    def is_mixed(place: tuple[str, int, str], tensors: list[Tensor], which: str) -> bool:
        old = seen.get(place, [])
        if len(tensors) != len(old) or any(a.shape != b.shape for a, b in zip(tensors, old, strict=True)):
            return False
        changes = [_changed(tensor, before) for tensor, before in zip(tensors, old, strict=True)]
        if which == "later":
            changed_by_later[place] = changes
            return False
        return any(
            bool((later & earlier).any()) or _out_of_order(later, earlier)
            for later, earlier in zip(changed_by_later.get(place, []), changes, strict=False)
        )

    def blame(path: str) -> None:
        within = f"{path}." if path else ""
        if not any(culprit == path or culprit.startswith(within) for culprit in culprits):
            culprits.append(path)

    def watch(which: str | None) -> Any:
        running = [("", False)]  # modules that are at work, and whether what they were given is mixed already

        def before(path: str, call: int, tensors: list[Tensor]) -> None:
            place = (path, call, "given")
            if which is None:
                seen[place] = [tensor.clone() for tensor in tensors]
                return
            caller, caller_was_given_it = running[-1]
            mixed = is_mixed(place, tensors, which)
            if mixed and not caller_was_given_it:
                blame(caller)
            running.append((path, mixed))

        def after(path: str, call: int, output: Any) -> Any:
            place = (path, call, "gives")
            if which is None:
                seen[place] = [tensor.clone() for tensor in _tensors(output)]
                return None
            _, was_given_it = running.pop()
            if path in known:
                return _restore(output, seen.get(place, []), which)
            if is_mixed(place, _tensors(output), which) and not was_given_it:
                blame(path)
            return None

        return _watched(model, before=before, after=after)

    for which in (None, *halves):
        model.reset()
        with watch(which):
            run.step(0, clip=first if which is None else run.disturbed(first, halves[which]))
    for path in culprits:
        has_children = any(True for _ in model.network.get_submodule(path).children())
        where = "in its forward, outside of the modules that it holds, " if has_children else ""
        yield Finding(
            path or ROOT,
            f"looks across time {where}without remembering: frames of one half of a step change what it gives for the other; "
            "right would be: modules that `progressive` knows, `pgt.register_operator` for this one, or its path in `leave` "
            "where it is to see its step alone",
        )


def _places(model: ProgressiveModel, *paths: str) -> set[str]:
    """Paths as named_modules() has them; the network itself has none."""
    itself = isinstance(model.network, MarkovOperator)
    return {"" if itself and path == ROOT else path for path in paths}


def half(num_frames: int) -> int:
    """How many of some frames belong to the earlier half."""
    return -(-num_frames // 2)


def time_axis_of(short: Tensor, long: Tensor) -> int | None:
    """The axis along which the output of more frames is longer; None where there is none, or more than one."""
    if short.dim() != long.dim():
        return None
    axes = [axis for axis in range(short.dim()) if short.shape[axis] != long.shape[axis]]
    return axes[0] if len(axes) == 1 else None


def _out_of_order(by_later: Tensor, by_earlier: Tensor) -> bool:
    """Whether frames of a clip (B, C, T, H, W) were moved over the border: flipped, rolled, shifted.

    Where every index of the axis depends on both halves, but no single number does, the axis is not that of time."""
    if by_later.dim() != 5 or by_later.shape[2] < 2:
        return False
    later, earlier = (changes.transpose(0, 2).flatten(1).any(1) for changes in (by_later, by_earlier))
    if bool((later & earlier).all()):
        return False
    border = half(len(later))
    return bool(later[:border].any() or earlier[border:].any())


def _restore(output: Any, before: list[Tensor], which: str) -> Any:
    """The output with the frames of the first run in the half that was not changed; as a whole where it has no frames."""
    old = iter(before)

    def mend(tensor: Any) -> Any:
        base = next(old, None) if isinstance(tensor, Tensor) else None
        if base is None or base.shape != tensor.shape:
            return tensor
        if tensor.dim() != 5 or tensor.shape[2] == 1:
            return base
        border, mended = half(tensor.shape[2]), tensor.clone()
        unchanged = slice(0, border) if which == "later" else slice(border, None)
        mended[:, :, unchanged] = base[:, :, unchanged]
        return mended

    return pytree.tree_map(mend, output)


def _changed(tensor: Tensor, before: Tensor) -> Tensor:
    """Which numbers are others than before."""
    if not tensor.is_floating_point():
        return tensor != before
    scale = before.abs().amax().nan_to_num(posinf=1.0).clamp(min=1e-12) if before.numel() else 0.0
    return ~torch.isclose(tensor, before, rtol=0, atol=float(scale) * _precision(tensor), equal_nan=True)


def _same(a: Any, b: Any, *, tolerance: float = 0.0) -> bool:
    """Whether two outputs are equal but for rounding; with a tolerance, for the rounding of another order of summation."""
    one, other = _tensors(a), _tensors(b)
    return len(one) == len(other) and all(
        x.shape == y.shape
        and (not x.numel() or float((x - y).abs().amax()) <= max(tolerance, _precision(x)) * max(float(y.abs().amax()), 1e-12))
        for x, y in zip(one, other, strict=True)
    )


def _precision(tensor: Tensor) -> float:
    return 100 * torch.finfo(tensor.dtype).eps if tensor.is_floating_point() else 0.0


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def _named_tensors(output: Any) -> dict[str, Tensor]:
    """The tensors of an output by their place in it."""
    leaves = pytree.tree_flatten_with_path(output)[0]
    return {"output" + pytree.keystr(path): leaf for path, leaf in leaves if isinstance(leaf, Tensor)}


def _whole_steps(model: ProgressiveModel, clip: Any, axis: int) -> Any:
    """The clip with exactly the frames of some steps: cut, or continued backwards and forwards in turn."""
    tensors = _tensors(clip)
    if len(tensors) not in (1, len(model.step_len)):
        raise VerificationError(
            [Finding("clip", f"{len(tensors)} tensors; right would be: one a pathway, {len(model.step_len)}")]
        )
    number = itertools.count()

    def fit(tensor: Any) -> Any:
        if not isinstance(tensor, Tensor):
            return tensor
        if tensor.dim() <= axis or tensor.shape[axis] == 0:
            raise VerificationError(
                [Finding("clip", f"a tensor of shape {tuple(tensor.shape)}, with no frames on axis {axis}")]
            )
        pathway = next(number)
        length, overlap = of_pathway(model.step_len, pathway), of_pathway(model.overlap, pathway)
        wanted = length + (STEPS - 1) * (length - overlap)
        parts = [tensor, tensor.flip(axis)] * (wanted // tensor.shape[axis] + 1)
        return torch.cat(parts, axis).narrow(axis, 0, wanted)

    return pytree.tree_map(fit, clip)


@contextmanager
def _undisturbed(model: ProgressiveModel) -> Iterator[None]:
    """Evaluation mode, no gradients; afterwards memory, modes and random state are as before."""
    before, modes = model._memory.frames, {module: module.training for module in model.network.modules()}
    devices = sorted({tensor.device.index or 0 for tensor in model.parameters() if tensor.device.type == "cuda"})
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            model.eval()
            yield
    finally:
        model._memory.frames = before
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _watched(
    model: ProgressiveModel, *, before: Callable[..., None] | None = None, after: Callable[..., Any] | None = None
) -> Iterator[None]:
    """Calls before(path, call, tensors) when a module begins and after(path, call, output) when it is done, the innermost
    first; what `after` returns, if anything, is taken for the output. call: how often the module ran already."""

    def listen(module: nn.Module, path: str) -> Iterator[Any]:
        begun, done = itertools.count(), itertools.count()
        if before is not None:

            def hook_before(module: nn.Module, args: Any, options: Any) -> None:
                before(path, next(begun), _tensors((args, options)))

            yield module.register_forward_pre_hook(hook_before, with_kwargs=True)
        if after is not None:

            def hook_after(module: nn.Module, args: Any, output: Any) -> Any:
                return after(path, next(done), output)

            yield module.register_forward_hook(hook_after)

    handled = _places(model, *model.operators, *model.alone)  # what stands inside of these is their business
    handles = [
        handle
        for path, module in model.network.named_modules()
        if not any(path.startswith(f"{known}." if known else "") and path != known for known in handled)
        for handle in listen(module, path)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
