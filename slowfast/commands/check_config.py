"""What becomes of config files here, whoever wrote them: whether they load, which network they build, what has no effect."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

import slowfast.datasets  # noqa: F401 - fills the registry of data sets
from slowfast.commands.made_tables import read_table
from slowfast.config import ConfigError, load_config
from slowfast.errors import short_repr
from slowfast.models import build_model
from slowfast.registry import DATASETS, MODEL_WRAPPERS
from slowfast.runtime.errors import ModelZooError

HEADER = ("file", "verdict", "network", "parameters", "said, or what would be right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """name: of the file. network: model and variant. parameters: numbers that training changes.
    notes: warnings, without where the options were set. refused: why the file is not taken; empty for one that is."""

    name: str
    network: str = ""
    parameters: int = 0
    notes: tuple[str, ...] = ()
    refused: str = ""

    def row(self) -> str:
        if self.refused:
            cells = (f"`{self.name}`", "refused", "", "", self.refused)
        else:
            cells = (f"`{self.name}`", "taken", self.network, str(self.parameters), self._short_notes())
        return f"| {' | '.join(cells)} |"

    def _short_notes(self) -> str:
        """Options without an effect, or without a value, by their names alone; everything else as it is."""
        parts = []
        for what, mark in (("no effect", " has no effect"), ("no value", " has no value")):
            if keys := [note.partition(" ")[0] for note in self.notes if mark in note]:
                parts.append(f"{what}: {', '.join(keys)}")
        others = [note for note in self.notes if " has no " not in note]
        return "; ".join([*parts, *others])

    def line(self) -> str:
        """What a terminal shows."""
        if self.refused:
            return f"{self.name}: refused: {self.refused}"
        lines = [f"{self.name}: {self.network}, {self.parameters} parameters", *(f"    {note}" for note in self.notes)]
        return "\n".join(lines)


def judge(path: Path, name: str, overrides: Sequence[object] = ()) -> Verdict:
    """Loads the file and builds its network, from shapes alone. What is wrong with it is in the verdict."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            cfg = load_config(path, overrides)
            with torch.device("meta"):
                model = build_model(cfg)
            for key in ("TRAIN.DATASET", "TEST.DATASET"):
                dataset = cfg[key.partition(".")[0]].DATASET
                if dataset not in DATASETS:
                    why = "there is no such data set here"
                    raise ConfigError(key=key, value=dataset, why=why, right=f"one of {', '.join(DATASETS)}")
        except ConfigError as error:
            right = f"; right would be: {error.right}" if error.right else ""
            return Verdict(name=name, refused=f"{error.key} = {short_repr(error.value)}: {error.why}{right}")
    wrappers = [name for name, wrapper in MODEL_WRAPPERS.items() if wrapper.enabled(cfg)]
    notes = (re.sub(r" \(set in .*?\)", "", str(warning.message)).rstrip(".") for warning in caught)
    return Verdict(
        name=name,
        network=f"{cfg.MODEL.MODEL_NAME} ({', '.join([cfg.MODEL.ARCH, *wrappers])})",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        notes=tuple(sorted(set(notes))),
    )


def judge_all(sources: Sequence[Path], overrides: Sequence[object] = ()) -> Iterator[Verdict]:
    """Verdicts of the YAML files that the sources are or hold: files, folders, or json tables of options by file.

    Raises ConfigError for a source that holds none.
    """
    for source in sources:
        if source.suffix == ".json":
            yield from _judge_table(source, overrides)
        elif source.is_dir():
            paths = sorted(path for path in source.rglob("*") if path.suffix in (".yaml", ".yml"))
            if not paths:
                raise ConfigError(
                    key="FILE", value=str(source), why="no YAML file is in this folder", right="a folder of configs"
                )
            yield from (judge(path, str(path), overrides) for path in paths)
        else:
            yield judge(source, str(source), overrides)


def table(verdicts: Sequence[Verdict]) -> str:
    """Markdown, with a line on top that counts."""
    taken = sum(not verdict.refused for verdict in verdicts)
    head = f"{taken} of {len(verdicts)} files are taken.\n\n| {' | '.join(HEADER)} |\n|---|---|---|---:|---|"
    return "\n".join([head, *(verdict.row() for verdict in verdicts)])


def check_table(document: Path, made: str) -> None:
    """Raises ModelZooError when the document shows another table."""
    shown = read_table(document, "check_config")
    if shown != made:
        old, new = shown.splitlines(), made.splitlines()
        changed = next((line for line in new if line not in old), "a row too many")
        raise ModelZooError(
            f"{document}: the table of config files is out of date ({changed}); run tools/check_config.py --table"
        )


def write_files(options: Mapping[str, Mapping[str, object]], folder: Path) -> None:
    """Writes YAML files from flat options (SECTION.KEY) by file, below `folder`, so that they find their bases."""
    for name, values in options.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(_nested(values)), encoding="utf-8")


def read_options(source: Path) -> dict[str, dict[str, object]]:
    """The options by file of a json table: they, or facts with the options among them. Raises ConfigError."""
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        return {name: entry.get("options", entry) for name, entry in content.items()}
    except OSError as error:
        why = f"cannot read this file: {error.strerror or error}"
    except (ValueError, AttributeError):
        why = "this is no json table of options"
    raise ConfigError(key="FILE", value=str(source), why=why, right='a file like {"NAME.yaml": {"TRAIN.BATCH_SIZE": 8}}')


def _judge_table(source: Path, overrides: Sequence[object]) -> Iterator[Verdict]:
    options = read_options(source)
    with tempfile.TemporaryDirectory() as folder:
        write_files(options, Path(folder))
        for name in sorted(options):
            yield judge(Path(folder) / name, name, overrides)


def _nested(options: Mapping[str, object]) -> dict[str, object]:
    tree: dict[str, Any] = {}
    for key, value in options.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[name] = value
    return tree
