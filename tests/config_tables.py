"""The options of other code bases' config files, as tables, and as files again.

data/configs/pyslowfast.json: PySlowFast's files; data/configs/pgt_release.json: those of the released PGT code. By file:
"options" (or the options themselves), flat, as YAML reads them, and what is known of the network.
"""

import json
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).parent / "data" / "configs"


def read_table(name: str) -> dict[str, dict[str, Any]]:
    """The options of each file of a table."""
    return {file: entry.get("options", entry) for file, entry in read_facts(name).items()}


def read_facts(name: str) -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = json.loads((TABLES / f"{name}.json").read_text())
    return content


def write_files(table: dict[str, dict[str, Any]], folder: Path) -> Path:
    """Writes every file of a table below `folder`, so that they find their bases, and returns the folder."""
    for file, options in table.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(_nested(options)))
    return folder


def _nested(options: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in options.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[name] = value
    return tree
