"""What two configs differ in, and which differences make another network."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import yaml
from fvcore.common.config import CfgNode

from slowfast.config.loading import default_config
from slowfast.registry import CONFIG_SECTIONS


def flat_options(node: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Values by full key ("SECTION.KEY")."""
    flat: dict[str, object] = {}
    for key, value in node.items():
        flat |= flat_options(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def changed_options(cfg: CfgNode) -> dict[str, object]:
    """Options that differ from their defaults, by full key: what tells this run from others."""
    defaults = flat_options(default_config())
    return {key: value for key, value in flat_options(cfg).items() if value != defaults[key]}


def tell_without_effect(cfg: CfgNode, keys: Iterable[str], why: str) -> None:
    """Warns of those of the options that have another value than their default: what is built here reads none of them."""
    changed = changed_options(cfg)
    if named := [key for key in keys if key in changed]:
        warnings.warn(f"{', '.join(named)}: no effect, as {why}", stacklevel=2)


def differences(cfg: CfgNode, text: str) -> dict[str, tuple[object, object]]:
    """(value in `text`, value in `cfg`) of every option that both have and that differs, by full key.

    text: a config as `cfg.dump()` wrote it; one that is not YAML has no options.
    """
    try:
        before = yaml.safe_load(text)
    except yaml.YAMLError:
        before = None
    old = flat_options(before) if isinstance(before, Mapping) else {}
    return {key: (old[key], value) for key, value in flat_options(cfg).items() if key in old and old[key] != value}


def of_network(key: str, cfg: CfgNode) -> bool:
    """Whether an option says what is computed from the weights, so that weights trained with another value of it do not fit.

    Those of a section that can be enabled, and is not, say nothing.
    """
    name, _, option = key.rpartition(".")
    section = CONFIG_SECTIONS.get(name) if name and name in CONFIG_SECTIONS else None
    if section is None or (option != "ENABLE" and not cfg[name].get("ENABLE", True)):
        return False
    return "*" in section.network or option in section.network


def told(changes: Mapping[str, tuple[object, object]]) -> str:
    return ", ".join(f"{key} was {old!r} and is {new!r}" for key, (old, new) in changes.items())
