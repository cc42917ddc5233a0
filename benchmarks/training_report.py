"""What was measured of training as tables, with the targets that this library has set itself, and as a picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training_plan import COMPILED, FLAT, HALF, LENGTHS, Setting, norm_title
from training_ways import LONG, OUR_CLIP, THEIR_CLIP, TITLES, ours, theirs, with_options_name

from slowfast.runtime.tables import Cell, format_table

Found = dict[str, Any]
MIB = 2**20
TARGETS = ("", "figure", "measured", "target", "", "of which")


@dataclass(frozen=True, slots=True)
class Case:
    """A setting and what was found. times, memory, profiles: by the name of the way, what the jobs of these names found."""

    setting: Setting
    times: Mapping[str, Found]
    memory: Mapping[str, Found]
    profiles: Mapping[str, Found]

    def problem(self, way: str) -> str:
        """Why there are no figures; empty where there are."""
        return next((str(found["problem"]) for found in self._of(way) if "problem" in found), "")

    def _of(self, way: str) -> list[Found]:
        return [kind.get(way, {}) for kind in (self.times, self.memory, self.profiles)]

    def ratio(self, kind: str, each: str, other: str) -> tuple[float, float, float] | None:
        """Median, lowest and highest of the ratios of turns that both had; None where one of the two was not run."""
        runs = [self.times.get(way, {}).get(kind) for way in (each, other)]
        if not all(runs):
            return None
        ratios = [one / another for one, another in zip(*runs, strict=False)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def memory_of(self, kind: str, way: str) -> float | None:
        return self.memory.get(way, {}).get(kind)


def table(case: Case, peak: float | None) -> str:
    """One row for each way. peak: operations a second of the card; None without one."""
    header = ["training", "frames", "ms a frame", "range", "of the processor", "turns", "activations, MiB"]
    header += ["process, MiB"] if peak is None else ["of the allocator, MiB", "frames a second", "of bf16 peak, %"]
    rows: list[list[Cell]] = []
    for way in case.times:
        if case.problem(way):
            rows.append([way, *[None] * (len(header) - 1)])
            continue
        rows.append([way, *_figures(case.times[way], case.memory.get(way, {}), peak)])
    return format_table(header, rows)


def _figures(times: Found, memory: Found, peak: float | None) -> Iterator[Cell]:
    wall = statistics.median(times["wall"])
    yield times["frames"]
    yield 1000 * wall
    yield f"{1000 * min(times['wall']):.2f}–{1000 * max(times['wall']):.2f}"
    yield 1000 * statistics.median(times["processor"])
    yield len(times["wall"])
    yield memory["activations"] / MIB if memory else None
    yield round(memory["process"] / MIB) if memory else None
    if peak is not None:
        yield 1 / wall
        yield 100 * memory["operations"] / (wall * times["frames"]) / peak if memory else None


def problems(cases: Sequence[Case]) -> list[str]:
    return [f"{case.setting.title}, {way}: {case.problem(way)}" for case in cases for way in case.times if case.problem(way)]


# Targets


def targets(cases: Sequence[Case], peak: float | None) -> str:
    """Ratios, of processor time, on a GPU of the clock's; each with its target if it has one."""
    rows = [[case.setting.title, *row] for case in cases for row in _targets(case, peak)]
    return format_table(TARGETS, rows)


def _targets(case: Case, peak: float | None) -> Iterator[list[Cell]]:
    kind, on_gpu = ("processor", False) if peak is None else ("wall", True)
    pairs = _yardsticks(case, kind)
    pairs += [(ours(steps), OUR_CLIP, 1.03, False) for steps in (5, LONG, 20, 80)]
    pairs += list(_levers(case, on_gpu=on_gpu))
    for each, other, limit, more in pairs:
        found = case.ratio(kind, each, other)
        if found is None:
            continue
        ratio, least, most = found
        name = f"{other}: times as fast as {each}" if more else f"{each}: time a frame, of our clip's"
        of = f"{_milliseconds(case, kind, each)} against {_milliseconds(case, kind, other)} ms a frame"
        yield [name, f"{ratio:.2f} ({least:.2f}–{most:.2f})", *_judged(ratio, limit, more=more), of]
    if case.setting.part == LENGTHS:
        yield from _memory_targets(case, "allocator" if on_gpu else "process")
    if peak is not None:
        yield from _convolutions(case, peak)


Pair = tuple[str, str, float | None, bool]
"""Two ways that are compared, the target, and whether more is better: the second one's speed, of the first one's. Otherwise the
first one's time."""


def _yardsticks(case: Case, kind: str) -> list[Pair]:
    """Ours in 3-D and, where it was run, in 2-D; the faster one is to meet the target, as it is the one to be used there."""
    pairs: list[Pair] = []
    for each, own, limit in (
        (THEIR_CLIP, OUR_CLIP, 1.05),
        *((theirs(steps), ours(steps), 1.25 if case.setting.network == "slow" else None) for steps in (5, LONG)),
    ):
        forms = {form: case.ratio(kind, each, form) for form in (own, with_options_name(own, FLAT))}
        best = max((form for form in forms if forms[form]), key=lambda form: forms[form] or (0.0,), default=None)
        pairs += [(each, form, limit if form == best else None, True) for form in forms]
    return pairs


def _levers(case: Case, *, on_gpu: bool) -> Iterator[Pair]:
    """Ours with options, against ours without; on a GPU the fastest form against yardsticks too."""
    for own, other in ((OUR_CLIP, THEIR_CLIP), (ours(5), theirs(5))):
        for way in case.times:
            if not way.startswith(f"{own} ["):
                continue
            yield own, way, 1.8 if HALF[0] in way and not on_gpu else None, True
            if on_gpu and HALF[0] in way and COMPILED[0] in way:
                yield other, way, 3.0, True
                yield f"{other}, fp16", way, 2.0, True


def _memory_targets(case: Case, process: str) -> Iterator[list[Cell]]:
    for steps in (5, LONG, 20, 80):
        for kind, name, limit in (("activations", "saved activations", 1.0), ("process", f"memory of the {process}", 1.05)):
            own, clip = (case.memory_of(kind, way) for way in (ours(steps), OUR_CLIP))
            if own and clip:
                of = f"{own / MIB:.1f} against {clip / MIB:.1f} MiB"
                what = f"{ours(steps)}: {name}, of our clip's"
                yield [what, f"{own / clip:.3f}", *_judged(own / clip, limit, more=False), of]


def _convolutions(case: Case, peak: float) -> Iterator[list[Cell]]:
    for way, found in case.profiles.items():
        operations = case.memory_of("operations", way)
        if operations and found.get("convolutions"):
            share = operations / found["convolutions"] / peak
            limit = 0.45 if HALF[0] in way and COMPILED[0] in way else None
            of = f"{1000 * found['convolutions']:.1f} ms an iteration"
            name = f"{way}: convolutions' share of the bf16 peak"
            yield [name, f"{share:.2f}", *_judged(share, limit, more=True), of]


def _judged(value: float, limit: float | None, *, more: bool) -> tuple[str, str]:
    """The target, and whether it was met to two decimals."""
    if limit is None:
        return "–", ""
    met = value >= limit - 5e-3 if more else value <= limit + 5e-3
    return f"at {'least' if more else 'most'} {limit:.2f}", "pass" if met else "MISSED"


def _milliseconds(case: Case, kind: str, way: str) -> str:
    return f"{1000 * statistics.median(case.times[way][kind]):.2f}"


def gaps_table(cases: Sequence[Case]) -> str:
    """Of each trace: how long the GPU was busy, and its longest waits."""
    rows: list[list[Cell]] = []
    for case in cases:
        for way, found in case.profiles.items():
            if "problem" in found:
                rows.append([case.setting.title, way, None, found["problem"]])
                continue
            gaps = "; ".join(f"{gap['microseconds']:.0f} us before {gap['before'][:40]}" for gap in found["gaps"])
            rows.append([case.setting.title, way, None if found["busy"] is None else 100 * found["busy"], gaps])
    return format_table(["", "training", "GPU busy, %", "longest gaps"], rows, decimals=1)


# The picture


def draw(cases: Sequence[Case], path: str, *, on_gpu: bool) -> bool:
    """Time a frame (of the processor, on a GPU on the clock) and activations of every way as multiples of PySlowFast's clip, of
    the videos of all lengths with the first norm. Returns whether there is anything to draw."""
    from matplotlib.ticker import FixedLocator, NullLocator

    from slowfast.visualization.canvas import BLUE, FAINT, GREEN, GREY, ORANGE, SKY, bare, figure

    def multiple(case: Case, what: str, way: str) -> float | None:
        if what == "time a frame":
            return (case.ratio("wall" if on_gpu else "processor", way, THEIR_CLIP) or (None,))[0]
        own, their = (case.memory_of("activations", each) for each in (way, THEIR_CLIP))
        return own / their if own and their else None

    cases = [case for case in cases if case.setting.part == LENGTHS] or list(cases)
    shown = [case for case in cases if case.setting.norm == cases[0].setting.norm]
    ways = list(dict.fromkeys(way for case in shown for way in case.times))
    if not ways:
        return False
    with figure(path, width=9.0, height=1.3 + 0.3 * len(ways)) as canvas:
        panels = canvas.subplots(1, 2, sharey=True)
        for axes, title in zip(panels, ("time a frame", "saved activations"), strict=True):
            for case, colour, marker in zip(shown, (BLUE, ORANGE, GREEN, SKY), "osD^", strict=False):
                known = [(value, place) for place, way in enumerate(ways) if (value := multiple(case, title, way)) is not None]
                label, setting = TITLES[case.setting.network], {"color": colour, "marker": marker, "s": 22, "zorder": 3}
                axes.scatter([value for value, _ in known], [place for _, place in known], label=label, **setting)
            axes.axvline(1, color=GREY, linewidth=0.8)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_locator(FixedLocator((0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 3, 5, 8, 15, 30)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.grid(axis="y", color=FAINT)
            axes.set_title(title, loc="left")
            axes.set_xlabel(f"times PySlowFast's clip ({norm_title(shown[0].setting.norm)} norm)")
            bare(axes, keep=("bottom",))
        panels[0].set_yticks(range(len(ways)), ways)
        panels[0].invert_yaxis()
        panels[1].legend(frameon=False, loc="upper right")
        canvas.tight_layout()
    return True
