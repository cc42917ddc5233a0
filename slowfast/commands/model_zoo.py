"""The table of MODEL_ZOO.md: every config with its costs, and with the figures that are known for it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slowfast.commands.made_tables import read_table, write_table
from slowfast.commands.model_cost import model_cost
from slowfast.config import CfgNode, load_config
from slowfast.runtime.errors import ModelZooError
from slowfast.runtime.tables import format_spread

TOOL = "model_zoo"
UPDATE = "run `python tools/model_zoo.py`"

HEADER = ("config", "parameters, M", "GFLOPs x views", "memory, kB", "published, not reproduced here", "measured", "command")
NOTHING = "–"
RIGHT_FIGURES = '{"METRIC": [NUMBER, ...]}, with as many numbers for each metric: one for each RNG_SEED from 0 on'


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoo:
    """What is known of configs besides themselves; names are paths below `configs` without the ending.

    published: figure and source, by config. options: what a config needs to be complete without its data. measured: our own
    metrics, as results.json has them, one for each RNG_SEED from 0 on, from the files measured.json beside the configs.
    """

    configs: Path
    published: dict[str, dict[str, str]]
    options: dict[str, dict[str, object]]
    measured: dict[str, dict[str, list[float]]]

    @classmethod
    def read(cls, configs: Path) -> Self:
        """Raises ModelZooError for a file that is no JSON, or that speaks of a config that is not there."""
        facts = _read_json(configs / "model_zoo.json")
        measured = {
            f"{path.parent.name}/{name}": metrics
            for path in sorted(configs.glob("*/measured.json"))
            for name, metrics in _read_json(path).items()
        }
        zoo = cls(configs=configs, published=facts["published"], options=facts["options"], measured=measured)
        for name, metrics in measured.items():
            if not _are_runs(metrics):
                raise ModelZooError(f"{configs}: the figures of {name} are not of the form {RIGHT_FIGURES}")
        unknown = {*zoo.published, *zoo.options, *zoo.measured} - set(zoo.names)
        if unknown:
            raise ModelZooError(f"{configs}: figures are given for {', '.join(sorted(unknown))}, but no such config is there")
        return zoo

    @property
    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.configs).with_suffix("")) for path in self.configs.glob("*/*.yaml"))

    def row(self, name: str) -> str:
        """The config's line of the table; its network is built, from shapes alone."""
        options = {"NUM_GPUS": 0, **self.options.get(name, {})}
        cfg = load_config(self.configs / f"{name}.yaml", [part for option in options.items() for part in option])
        cost = model_cost(cfg)
        memory = f"{cost.memory_bytes / 1e3:.0f}" if cost.memory_bytes else NOTHING
        cells = (
            self.link(name),
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.multiply_adds / 1e9:.2f} {'a step' if cfg.DATA.LANE_PIECES else f'x {num_views(cfg)}'}",
            memory,
            self._published(name),
            self._measured(name),
            f"`python tools/run_net.py --cfg configs/{name}.yaml`",
        )
        return _line(cells)

    @staticmethod
    def link(name: str) -> str:
        return f"[{name}](configs/{name}.yaml)"

    def table(self) -> str:
        return "\n".join([_line(HEADER), "|---|---:|---:|---:|---|---|---|", *(self.row(name) for name in self.names)])

    def _published(self, name: str) -> str:
        fact = self.published.get(name)
        return f"{fact['figure']} ({fact['source']})" if fact else NOTHING

    def _measured(self, name: str) -> str:
        metrics = self.measured.get(name)
        if not metrics:
            return NOTHING
        (num_runs,) = {len(values) for values in metrics.values()}
        figures = [(metric, format_spread(values, decimals=1)) for metric, values in metrics.items()]
        texts = [f"{metric} {value:.1f}" if isinstance(value, float) else f"{metric} {value}" for metric, value in figures]
        return f"{', '.join(texts)}; {num_runs} run{'s' if num_runs > 1 else ''}"


def num_views(cfg: CfgNode) -> int:
    """Clips that a test takes of one video, or around one annotated second."""
    return 1 if cfg.DETECTION.ENABLE else int(cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS)


def update(document: Path, zoo: Zoo) -> None:
    """Puts the table between the document's marks. Raises ModelZooError when they are not there."""
    write_table(document, TOOL, zoo.table())


def check(document: Path, zoo: Zoo, names: Collection[str] = ()) -> None:
    """Raises ModelZooError when the table lists other configs than there are, or has another row for one of `names` (all)."""
    rows = read_table(document, TOOL).splitlines()[2:]
    wanted = [zoo.link(name) for name in zoo.names]
    listed = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    if listed != wanted:
        raise ModelZooError(f"{document.name}: lists other configs than there are in {zoo.configs}; {UPDATE}")
    for name in names or zoo.names:
        if zoo.row(name) not in rows:
            raise ModelZooError(f"{document.name}: the row of {name} is out of date; {UPDATE}")


def _are_runs(metrics: object) -> bool:
    """Whether these are figures of as many runs for each metric."""
    if not isinstance(metrics, dict) or not all(isinstance(values, list) and values for values in metrics.values()):
        return False
    numbers = all(isinstance(value, int | float) for values in metrics.values() for value in values)
    return numbers and len({len(values) for values in metrics.values()}) == 1


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelZooError(f"{path}: cannot be read ({error})") from None
    return content


def _line(cells: Collection[str]) -> str:
    return f"| {' | '.join(cells)} |"
