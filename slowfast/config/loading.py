"""From YAML files and overrides to a complete, checked, frozen config."""

from __future__ import annotations

import ast
import copy
import difflib
import posixpath
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import CfgNode
from iopath.common.file_io import g_pathmgr

from slowfast.config import sections as core_sections
from slowfast.config.errors import ConfigError
from slowfast.config.options import Option, Section
from slowfast.config.projects import load_projects
from slowfast.config.sections.unused import find_unused
from slowfast.registry import CONFIG_SECTIONS

BASE_KEY = "_BASE_"
COMMAND_LINE = "the command line"


def load_config(path: str | Path | None = None, overrides: Sequence[Any] = ()) -> CfgNode:
    """Reads a config file, applies `overrides` (KEY VALUE KEY VALUE ...) and returns the frozen config.

    A file may name others under `_BASE_` (a path, or a list of paths, relative to itself); its own values win. Values in
    `overrides` may be Python objects or their text. Raises ConfigError, which names the key, the value, where it was set,
    why it is wrong and what would be right; ProjectError when an installed project cannot be loaded.
    """
    load_projects()
    cfg = default_config()
    given: dict[str, str] = {}
    layers = [*(_read_file(str(path)) if path else ()), (COMMAND_LINE, _parse_overrides(overrides))]
    for where, values in layers:
        for key, value in values.items():
            if not _is_unused(key, value, where):
                _set(cfg, key, value, where)
                given[key] = where
    for _, section in sorted(CONFIG_SECTIONS.items(), key=lambda item: (item[1].order, item[0])):
        if section.finish is not None:
            _finish(section, cfg, given)
    cfg.freeze()
    return cfg


def default_config() -> CfgNode:
    """Every option of the library and of the loaded projects at its default; not frozen, not finished."""
    core_sections.register_all()
    cfg = CfgNode()
    for name, section in CONFIG_SECTIONS.items():
        values = copy.deepcopy(section.defaults())
        if name:
            cfg[name] = CfgNode(values)
        else:
            cfg.update(values)
    return cfg


def describe_options(pattern: str = "") -> Iterator[str]:
    """One line for each option whose key contains `pattern`: key, default, meaning, choices."""
    load_projects()
    default_config()
    for _, section in CONFIG_SECTIONS.items():
        for key, option in section.options.items():
            full_key = section.full_key(key)
            if pattern.upper() in full_key:
                choices = f" One of {', '.join(map(repr, option.choices))}." if option.choices else ""
                no_effect = f" No effect: {option.no_effect}" if option.no_effect else ""
                yield f"{full_key} ({option.default!r}): {option.meaning}{choices}{no_effect}"


def _finish(section: Section, cfg: CfgNode, given: dict[str, str]) -> None:
    assert section.finish is not None
    try:
        section.finish(cfg, frozenset(given))
    except ConfigError as error:
        if error.where or error.key not in given:
            raise
        raise ConfigError(key=error.key, value=error.value, why=error.why, right=error.right, where=given[error.key]) from None


def _read_file(path: str, ancestors: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """The layers of a file, bases first, as (file, values by full key)."""
    if _identity(path) in map(_identity, ancestors):
        raise ConfigError(key=BASE_KEY, value=path, why="the files name each other as base", where=ancestors[-1])
    try:
        with g_pathmgr.open(path, "r") as file:
            tree = yaml.safe_load(file)
    except OSError as error:
        where = ancestors[-1] if ancestors else ""
        key = BASE_KEY if ancestors else "--cfg"
        raise ConfigError(key=key, value=path, why=f"cannot read this file: {error.strerror or error}", where=where) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(key="--cfg", value=path, why=f"this file is not YAML: {' '.join(str(error).split())}") from None
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(
            key="--cfg", value=path, why="this file holds no options", right="lines like `TRAIN: {BATCH_SIZE: 8}`"
        )
    for base in _bases(tree.pop(BASE_KEY, []), path):
        # Joining keeps an absolute base as it is; a URI is absolute as well.
        base_path = base if "://" in base else posixpath.join(posixpath.dirname(path), base)
        yield from _read_file(base_path, (*ancestors, path))
    yield path, _flatten(tree, path)


def _identity(path: str) -> str:
    """The same text for all ways to write one path."""
    return path if "://" in path else str(Path(path).resolve())


def _bases(value: Any, where: str) -> list[str]:
    bases = [value] if isinstance(value, str) else value
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(key=BASE_KEY, value=value, why="not a path", right="a path, or a list of paths", where=where)
    return bases


def _flatten(tree: dict[Any, Any], where: str) -> dict[str, Any]:
    """The values by full key. A mapping under an unknown name counts as a section, so that errors can speak of its options."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        is_section = bool(name) and name in CONFIG_SECTIONS
        is_option = name in CONFIG_SECTIONS.get("").options
        if isinstance(value, dict) and not is_option:
            flat.update({f"{name}.{key}": entry for key, entry in value.items()})
        elif not is_section:
            flat[str(name)] = value
        elif value is not None:  # else a section heading with nothing below it
            raise ConfigError(key=name, value=value, why="this is a section, not an option", right=f"{name}.KEY", where=where)
    return flat


def _parse_overrides(overrides: Sequence[Any]) -> dict[str, Any]:
    if len(overrides) % 2:
        raise ConfigError(
            key=str(overrides[-1]),
            value="",
            why="this override has no value",
            right="KEY VALUE KEY VALUE ...",
            where=COMMAND_LINE,
        )
    return {str(key): value for key, value in zip(overrides[::2], overrides[1::2], strict=True)}


def _parse_override(value: Any, default: Any) -> Any:
    """What the text of an override means for an option with that default; Python objects mean themselves."""
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        return str(value) if isinstance(default, str) else value
    try:
        parsed = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        parsed = {"true": True, "false": False}.get(value.lower(), value)
    # A text that looks like a number or a list is a text all the same; one in quotes loses them.
    return value if isinstance(default, str) and not isinstance(parsed, str) else parsed


def _is_unused(full_key: str, value: Any, where: str) -> bool:
    """Whether it is an option of PySlowFast that the library does not have (see `sections.unused`) and no project brings.

    Raises ConfigError when its value would change the results.
    """
    section, _, key = full_key.rpartition(".")
    unused = find_unused(full_key)
    if unused is None or (section in CONFIG_SECTIONS and key in CONFIG_SECTIONS.get(section).options):
        return False
    if where == COMMAND_LINE:
        value = _parse_override(value, unused.off[0] if unused.off else None)
    if not unused.asks_for_nothing(value):
        if unused.refused:
            right = " or ".join(map(repr, unused.off))
            raise ConfigError(key=full_key, value=value, why=unused.why, right=right, where=where)
        _warn_without_effect(full_key, where, unused.why)
    return True


def _warn_without_effect(full_key: str, where: str, why: str) -> None:
    warnings.warn(f"{full_key} (set in {where}) has no effect: {why}", stacklevel=4)


def _set(cfg: CfgNode, full_key: str, value: Any, where: str) -> None:
    option = _find_option(full_key, value, where)
    if where == COMMAND_LINE:
        value = _parse_override(value, option.default)
    try:
        coerced = option.coerce(value)
    except ValueError as error:
        right = f"a value like the default, {option.default!r}"
        raise ConfigError(key=full_key, value=value, why=str(error), right=right, where=where) from None
    if option.no_effect and coerced != option.default:
        _warn_without_effect(full_key, where, option.no_effect)
    section, _, key = full_key.rpartition(".")
    (cfg[section] if section else cfg)[key] = coerced


def _find_option(full_key: str, value: Any, where: str) -> Option:
    section_name, _, key = full_key.rpartition(".")
    if section_name in CONFIG_SECTIONS:
        options = CONFIG_SECTIONS.get(section_name).options
        if key in options:
            option: Option = options[key]
            return option
        why = "there is no such option"
    else:
        installed = ", ".join(load_projects()) or "none"
        why = (
            f"there is no section {section_name}; if it belongs to a project (such as {section_name.lower()!r}), that project "
            f"is not installed (installed: {installed}): run `pip install -e .` in its source folder"
        )
    known = [section.full_key(key) for _, section in CONFIG_SECTIONS.items() for key in section.options]
    near = difflib.get_close_matches(full_key.upper(), known, n=1) or [
        known_key for known_key in known if known_key.rpartition(".")[2] == key
    ]
    raise ConfigError(key=full_key, value=value, why=why, right=f"perhaps {near[0]}" if near else "", where=where)
