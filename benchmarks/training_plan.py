"""Which networks, norms and pictures `training.py` measures, and in which ways each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training_ways import LONG, NORMS, OUR_CLIP, THEIR_CLIP, TITLES, Way, all_ways, ours, theirs, with_options

YARDSTICKS, LENGTHS = "yardsticks", "lengths"
PARTS = (YARDSTICKS, LENGTHS)
"""What has a yardstick, on pictures of usual size, also with options that make it faster; and videos of all lengths, on a CPU
with small pictures."""
CROP = {YARDSTICKS: {"slow": 112, "slowfast": 112, "x3d": 160, "regnet": 112}, LENGTHS: dict.fromkeys(TITLES, 64)}
CROP_ON_GPU, BATCH_ON_GPU = 224, 8
QUICK_CROP = 32

FLAT = ("MODEL.EXECUTION", "2d")
"""What README.md recommends on a CPU."""
HALF = ("TRAIN.PRECISION", "bf16")
COMPILED = ("TRAIN.COMPILE", "True")
LEVERS = (HALF, (*HALF, *FLAT), (*COMPILED, *FLAT))
LEVERS_ON_GPU = (HALF, (*HALF, *FLAT), (*HALF, *COMPILED), (*HALF, *COMPILED, *FLAT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One network and norm, on clips of one size, trained in several ways that take turns. weighed: whether memory is measured
    too."""

    part: str
    network: str
    norm: str
    crop: int
    batch: int
    ways: tuple[Way, ...]
    weighed: bool

    @property
    def title(self) -> str:
        return f"{TITLES[self.network]}, {norm_title(self.norm)} norm, {self.batch} x {self.crop} x {self.crop}"


def norm_title(norm: str) -> str:
    return {"frozen_batchnorm": "frozen", "batchnorm": "plain"}[norm]


def plan(
    *,
    networks: Sequence[str] = tuple(TITLES),
    norms: Sequence[str] = NORMS,
    parts: Sequence[str] = PARTS,
    on_gpu: bool = False,
    quick: bool = False,
    crop: int | None = None,
    batch: int | None = None,
    overrides: Sequence[str] = (),
    also: Sequence[Sequence[str]] = (),
    half_pays: bool = True,
    compiles: bool = True,
) -> list[Setting]:
    """What is measured, in this order: yardsticks with steps, and levers, for the first network and norm alone.

    crop, batch: other ones than usual. overrides, also: see `all_ways`. half_pays: whether the device has units for bf16;
    compiles: whether compiling is tried. Levers of that kind are left out otherwise.
    """
    settings = []
    left_out = {key for key, kept in ((HALF[0], half_pays), (COMPILED[0], compiles)) if not kept}
    levers = [lever for lever in (LEVERS_ON_GPU if on_gpu else LEVERS) if not left_out & set(lever)]
    for part in parts:
        for network in networks:
            for norm in norms:
                ways = all_ways(on_gpu=on_gpu, overrides=overrides, also=also)
                first = (network, norm) == (networks[0], norms[0])
                if quick and part == YARDSTICKS and not first:
                    continue
                if part == YARDSTICKS:
                    ways = _with_yardsticks(ways, levers if first else [], steps=first)
                if quick:
                    ways = [way for way in ways if way.steps <= LONG]
                usual = QUICK_CROP if quick else CROP_ON_GPU if on_gpu else CROP[part][network]
                settings.append(
                    Setting(
                        part=part,
                        network=network,
                        norm=norm,
                        crop=crop or usual,
                        batch=batch or (BATCH_ON_GPU if on_gpu and not quick else 1),
                        ways=tuple(way for way in ways if way.trains(network)),
                        weighed=not quick or (first and part == parts[-1]),
                    )
                )
    return settings


def _with_yardsticks(ways: Sequence[Way], levers: Iterable[Sequence[str]], *, steps: bool) -> list[Way]:
    """Those that have a yardstick, and ours in 2-D too. levers: sets of options for our clip and our 5 steps."""
    names = {THEIR_CLIP, OUR_CLIP} | ({name(number) for name in (theirs, ours) for number in (5, LONG)} if steps else set())
    kept = [way for way in ways if way.name.removesuffix(", fp16") in names or ("[" in way.name and (steps or not way.steps))]
    own = [way for way in kept if way.name in names and way.kind == "ours"]
    kept += [with_options(way, FLAT) for way in own]
    for lever in levers:
        # Graphs of steps are many, and a CPU's compiler takes minutes for each.
        kept += [with_options(way, lever) for way in own if way.steps < (1 if lever == LEVERS[-1] else LONG)]
    return list({way.name: way for way in kept}.values())
