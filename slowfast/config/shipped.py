"""The config files that come with the library, wherever it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

FOLDER = "configs"


def shipped_configs() -> Path:
    """The folder `configs` of a source checkout, or its copy in an installed distribution (the package slowfast_configs)."""
    checkout = Path(__file__).resolve().parents[2] / FOLDER
    if checkout.is_dir():
        return checkout
    spec = importlib.util.find_spec("slowfast_configs")
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else checkout


def find_config(path: str) -> str:
    """The path itself if there is such a file; else the shipped file of that name (`configs/Charades/SLOWONLY_PGT.yaml`, or
    the same without `configs/`) if there is one; else the path, for whoever opens it to say that it is missing."""
    if "://" in path or Path(path).exists() or Path(path).is_absolute():
        return path
    shipped = shipped_configs() / path.removeprefix("./").removeprefix(f"{FOLDER}/")
    return str(shipped) if shipped.is_file() else path
