"""Does a progressive network do across steps what it should? Found out by running it.

The walk that gives operators a memory sees modules. What a network does in its own forward (functional operators, means over
time, attention, flips, shifts, interpolation) it cannot see; running the network can. B batch, C channels, T frames, H height,
W width.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pgt.memory import StepLengthError
from pgt.mixed_frames import mixing_modules
from pgt.operators import MarkovHeadPool
from pgt.operators.foreign_tokens import AttentionCallError, MarkovForeignAttention, TokenLayoutError
from pgt.probing import (
    STEPS,
    ClipError,
    TrialRun,
    half,
    joined,
    named_tensors,
    same,
    undisturbed,
    watched,
    whole_steps,
)
from pgt.site import ROOT, UnsupportedOperatorError
from pgt.state import PHASE

if TYPE_CHECKING:
    from pgt.wrapper import ProgressiveModel

_FAILURES = (RuntimeError, ValueError, TypeError, IndexError)
"""What a network raises that cannot read steps."""


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
        texts: dict[str, list[str]] = {}
        for finding in findings:
            texts.setdefault(finding.text, []).append(finding.path)
        rest = {text: f"; {', '.join(paths[1:])}: the same" if paths[1:] else "" for text, paths in texts.items()}
        super().__init__("; ".join(f"{paths[0]}: {text}{rest[text]}" for text, paths in texts.items()))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verified network does. remembering: operators that left a memory. notes: what is right but worth knowing."""

    remembering: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{len(self.remembering)} operators remember: {', '.join(self.remembering)}", *self.notes])


def verify(model: ProgressiveModel, clip: Any, *args: Any, time_axis: int | None = None) -> Verification:
    """Runs the network over a few steps of a clip and checks what the walk through its modules cannot see.

    1. No module but those that remember, or that were left alone knowingly, lets frames of one part of a clip reach those of
       another: neither itself, nor in its forward between its children.
    2. Something is remembered, and not every output ignores the past.
    3. Steps together give as many frames as one pass.
    4. With causal operators, any cut into steps gives what one pass gives.

    clip: what the network reads, one (B, C, T, H, W) or one a pathway; shorter ones than three steps are continued, longer ones
    cut. args: what else it is called with. time_axis: the axis of T in the clip, if not the model's. Memory, modes and random
    state are as before afterwards. Raises VerificationError with everything that was found, by path.
    """
    if time_axis is None:
        time_axis = 1 if model.frames_first else 2
    try:
        run = TrialRun(model, whole_steps(model, clip, time_axis), args, time_axis)
    except ClipError as error:
        raise VerificationError([Finding("clip", str(error))]) from None
    with undisturbed(model):
        try:
            findings, notes, remembering = _check(run)
        except (StepLengthError, TokenLayoutError, AttentionCallError) as error:
            path, _, text = str(error).partition(": ")
            raise VerificationError([Finding(path, text)]) from error
        except _FAILURES as error:
            if isinstance(error, VerificationError):
                raise
            raise VerificationError(_failures(run, error)) from error
    if findings:
        raise VerificationError(findings)
    return Verification(remembering, tuple(notes))


def _check(run: TrialRun) -> tuple[list[Finding], list[str], tuple[str, ...]]:
    model = run.model
    model.reset()
    outputs = [run.step(number) for number in range(STEPS)]
    remembering = tuple(name for name, frames in model.memory().items() if not name.endswith(PHASE) and frames.numel())
    model.reset()
    if not same(outputs[0], run.step(0)):
        why = "two runs of the same frames in evaluation mode differ, so nothing else can be said of it"
        return [Finding(ROOT, why)], [], remembering
    findings = list(_modules_that_mix(run))
    if not remembering:
        why = "nothing in this network remembers; what looks across time must be a module that `progressive` knows"
        findings.insert(0, Finding(ROOT, why))
        return findings, [], remembering
    findings += _pools_that_forget(run)
    ignoring, notes = _outputs_that_ignore_the_past(run)
    findings += ignoring
    whole = run.one_pass()
    if whole is not None:
        findings += _wrong_lengths(run)
        if model.options.operator == "causal" and not findings:
            findings += _cuts_that_differ(run, whole)
    return findings, notes, remembering


def _modules_that_mix(run: TrialRun) -> Iterator[Finding]:
    for path in mixing_modules(run):
        has_children = any(True for _ in run.model.network.get_submodule(path).children())
        where = "in its forward, outside of the modules that it holds, " if has_children else ""
        yield Finding(
            path or ROOT,
            f"looks across time {where}without remembering: frames of one half of a step change what it gives for the other; "
            "right would be: modules that `progressive` knows, `pgt.register_operator` for this one, or its path in `leave` "
            "where it is to see its step alone",
        )


def _failures(run: TrialRun, error: Exception) -> list[Finding]:
    """Where a step failed, behind what looks across time in the first one: that is often why the length matters."""
    try:
        findings = list(_modules_that_mix(run))
    except _FAILURES:
        findings = []
    running = [ROOT]

    def begin(path: str, call: int, tensors: list[Tensor]) -> None:
        running.append(path or ROOT)

    def end(path: str, call: int, output: Any) -> None:
        running.pop()

    run.model.reset()
    try:
        with watched(run.model, before=begin, after=end):
            for number in range(STEPS):
                run.step(number)
    except _FAILURES as again:
        error = again
    lengths = run.frames_read()
    text = f"fails in steps of {', '.join(map(str, lengths))} frames: {error}"
    if len(set(lengths)) > 1:
        text += "; where it takes one length alone, let all steps have it (overlap 0)"
    return [*findings, Finding(running[-1], text)]


def _pools_that_forget(run: TrialRun) -> Iterator[Finding]:
    """Pools that were taken for such as see what another one has left of a step, but see several frames of a longer one."""
    doubtful = sorted(run.model._memory.behind_pools)
    if not doubtful:
        return
    try:
        seen = run.frames_seen(lambda: run.step(0, clip=run.frames(0, STEPS)))
    except (RuntimeError, ValueError):
        return
    for path in doubtful:
        if max(seen.get(path, [1])) > 1:
            yield Finding(
                path,
                "sees one frame of a step, behind another pooling over time, and so remembers nothing; right would be: "
                "longer steps, of which it sees several",
            )


def _outputs_that_ignore_the_past(run: TrialRun) -> tuple[list[Finding], list[str]]:
    model, first, second = run.model, run.frames(0, 1), run.frames(1, 2)
    other_past = run.disturbed(first, lambda tensor: slice(None))
    other_present = run.disturbed(second, lambda tensor: slice(None))
    results = []
    for past, present in ((first, second), (other_past, second), (first, other_present)):
        model.reset()
        run.step(0, clip=past)
        results.append(named_tensors(run.step(1, clip=present)))
    before, past, present = results
    ignoring = [name for name in before if same(before[name], past.get(name))]
    idle = [name for name in ignoring if same(before[name], present.get(name))]
    notes = [f"{name}: depends neither on the past nor on the step at hand (zero weights?)" for name in idle]
    ignoring = [name for name in ignoring if name not in idle]
    if len(before) > len(ignoring) + len(idle) or not ignoring:
        return [], notes + [f"{name}: ignores the past" for name in ignoring]
    return [Finding(name, "ignores the past: no memory reaches it") for name in ignoring], notes


def _wrong_lengths(run: TrialRun) -> Iterator[Finding]:
    """Operators that see, step by step, another number of frames than in one pass over the same clip."""
    stepwise = run.frames_seen(lambda: [run.step(number) for number in range(STEPS)])
    at_once = run.frames_seen(run.one_pass)
    for path, seen in stepwise.items():
        together = sum(at_once.get(path, seen))
        if seen[0] > 1 and sum(seen) != together:
            read = ", ".join(map(str, run.frames_read()))
            yield Finding(
                path or ROOT,
                f"sees {', '.join(map(str, seen))} frames in steps of {read}, but {together} in one "
                "pass; right would be: steps that hold whole strides of what drops frames before it",
            )


def _cuts_that_differ(run: TrialRun, whole: Any) -> Iterator[Finding]:
    """Causal operators: cuts into steps that do not give what one pass gives."""
    model = run.model
    places = {op.order.layout.num_places for op in model.network.modules() if isinstance(op, MarkovForeignAttention)}
    finest = [place / 4 for place in range(4 * STEPS + 1)]
    for cut in (list(range(STEPS + 1)), [0, STEPS], [0, 0.5, 2, STEPS], finest):
        model.reset()
        try:
            parts = [run.step(0, clip=run.frames(*part)) for part in itertools.pairwise(cut) if run.holds(*part)]
        except StepLengthError:
            continue  # not a cut that its strides allow, and it said so
        for name, together in named_tensors(whole).items():
            pieces = [named_tensors(part)[name] for part in parts]
            if not any(same(stepwise, together, tolerance=1e-3) for stepwise in joined(pieces, together, places)):
                yield Finding(name, f"not causal: steps give something else than one pass over the clip{_who_looks_ahead(run)}")
                return


def _who_looks_ahead(run: TrialRun) -> str:
    """The first module that changes earlier frames when later ones change."""
    clip = run.frames(0, STEPS)
    later = run.disturbed(clip, lambda tensor: slice(run.border(tensor), None))
    before: dict[tuple[str, int], Tensor] = {}
    found: list[str] = []

    def keep(path: str, call: int, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 5 and output.shape[2] > 1:
            early = output[:, :, : half(output.shape[2])].clone()
            if before.setdefault((path, call), early) is not early and not same(before[path, call], early):
                found.append(path)

    for frames in (clip, later):
        run.model.reset()
        with watched(run.model, after=keep):
            run.step(0, clip=frames)
    if not found:
        return ""
    inner = run.model.network.get_submodule("" if found[0] == ROOT else found[0])
    pools = [module.name for module in inner.modules() if isinstance(module, MarkovHeadPool)]
    text = f"; {found[0]} lets later frames change earlier ones"
    return text + (f", through {', '.join(pools)}, which pools all of a step but is no head" if pools else "")
