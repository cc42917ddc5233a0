"""Which modules let frames of one part of a step reach those of another, without remembering? For `pgt.verification`.

B batch, C channels, T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pgt.operators import MarkovOperator
from pgt.probing import TrialRun, changed, half, places_of, tensors_of, watched


def mixing_modules(run: TrialRun) -> list[str]:
    """Paths of modules that let one half of a step's frames reach the other without remembering.

    The first step is run three times: as it is, and with other frames in its later and in its earlier half. Operators that
    remember are kept from carrying a change over the border: their output has the frames of the first run in the half that was
    not changed. What then depends on both halves, or on the wrong one, was mixed by somebody else: by a module, if that is what
    it gives, by the forward of the module that calls it, if that is what it is given.
    """
    model, first = run.model, run.frames(0, 1)
    known = places_of(model, *model.operators, *model.alone)
    halves: dict[str, Callable[[Tensor], slice]] = {
        "later": lambda tensor: slice(run.border(tensor), None),
        "earlier": lambda tensor: slice(0, run.border(tensor)),
    }
    seen: dict[tuple[str, int, str], list[Tensor]] = {}
    changed_by_later: dict[tuple[str, int, str], list[Tensor]] = {}
    mixing: list[str] = []

    def is_mixed(place: tuple[str, int, str], tensors: list[Tensor], which: str) -> bool:
        old = seen.get(place, [])
        if len(tensors) != len(old) or any(a.shape != b.shape for a, b in zip(tensors, old, strict=True)):
            return False
        changes = [changed(tensor, before) for tensor, before in zip(tensors, old, strict=True)]
        if which == "later":
            changed_by_later[place] = changes
            return False
        return any(
            bool((later & earlier).any()) or _out_of_order(later, earlier)
            for later, earlier in zip(changed_by_later.get(place, []), changes, strict=False)
        )

    def blame(path: str) -> None:
        within = f"{path}." if path else ""
        if not any(found == path or found.startswith(within) for found in mixing):
            mixing.append(path)

    def watch(which: str | None) -> Any:
        running = [("", False)]  # modules that are at work, and whether what they were given is mixed already

        def before(path: str, call: int, tensors: list[Tensor]) -> None:
            place = (path, call, "given")
            if which is None:
                seen[place] = [tensor.clone() for tensor in tensors]
                return
            caller, caller_was_given_it = running[-1]
            mixed = is_mixed(place, tensors, which)
            if mixed and not caller_was_given_it and caller not in known:
                blame(caller)
            running.append((path, mixed))

        def after(path: str, call: int, output: Any) -> Any:
            place = (path, call, "gives")
            if which is None:
                seen[place] = [tensor.clone() for tensor in tensors_of(output)]
                return None
            _, was_given_it = running.pop()
            if path in known:
                return _restore(output, seen.get(place, []), which, model.network.get_submodule(path))
            if is_mixed(place, tensors_of(output), which) and not was_given_it:
                blame(path)
            return None

        return watched(model, before=before, after=after)

    for which in (None, *halves):
        model.reset()
        with watch(which):
            run.step(0, clip=first if which is None else run.disturbed(first, halves[which]))
    return mixing


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


def _restore(output: Any, before: list[Tensor], which: str, module: nn.Module) -> Any:
    """The output with the frames of the first run in the half that was not changed; as a whole where it has no frames."""
    old = iter(before)

    def frames_of(tensor: Tensor) -> Tensor | None:
        if isinstance(module, MarkovOperator):
            return module.frames_of(tensor)
        return tensor if tensor.dim() == 5 else None

    def restored(tensor: Any) -> Any:
        base = next(old, None) if isinstance(tensor, Tensor) else None
        if base is None or base.shape != tensor.shape:
            return tensor
        combined = base.clone()
        given, into = frames_of(tensor), frames_of(combined)
        if given is None or into is None or given.shape[2] == 1:
            return base
        border = half(given.shape[2])
        changed = slice(border, None) if which == "later" else slice(0, border)
        into[:, :, changed] = given[:, :, changed]
        return combined

    return pytree.tree_map(restored, output)
