"""From YAML files and overrides to a complete, checked, frozen config."""

from __future__ import annotations

import copy
import difflib
import itertools
import posixpath
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from fvcore.common.config import CfgNode
from iopath.common.file_io import g_pathmgr

from slowfast.config import sections as core_sections
from slowfast.config.errors import ConfigError
from slowfast.config.projects import load_projects
from slowfast.config.sections.foreign import RENAMED, UNUSED, find_unused
from slowfast.config.shipped import find_config
from slowfast.options import Option, Section, read_by_text
from slowfast.registry import CONFIG_SECTIONS


class Given(NamedTuple):
    """What somebody set an option to, by which of its names, and where."""

    key: str
    value: object
    where: str


class _Loader(yaml.SafeLoader):
    """Reads YAML as the safe loader does, but takes no key twice: the first of two values would be dropped without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(problem=f"line {line}: {key.value} stands here a second time")
            seen.add(name)
        return super().construct_mapping(node, deep)


BASE_KEY = "_BASE_"
MOST_FILES = 200
"""That one config may read as bases, each counted as often as it is named."""
MOST_VALUES = 100_000
"""That one file may hold, those that aliases repeat among them: with aliases of aliases, ten lines hold billions."""
COMMAND_LINE = "the command line"
DECISIVE = ("TASK", "MODEL.MODEL_NAME", "TRAIN.DATASET", "TEST.DATASET")


def load_config(path: str | Path | None = None, overrides: Sequence[object] = ()) -> CfgNode:
    """Reads a config file, applies `overrides` (KEY VALUE KEY VALUE ...) and returns the frozen config.

    A relative path that does not exist may name a file that comes with the library, such as `configs/LongCook/AVA.yaml`.
    A file may name others under `_BASE_` (a path, or a list of paths, relative to itself); its own values win. Values in
    `overrides` may be Python objects or their text. Raises ConfigError, which names the key, the value, where it was set,
    why it is wrong and what would be right; ProjectError when an installed project cannot be loaded.
    """
    load_projects()
    cfg = default_config()
    given: dict[str, Given] = {}
    layers = [
        *(() if path is None else _read_file(find_config(str(path)))),
        (COMMAND_LINE, _parse_overrides(overrides)),
    ]
    for key, setting in _last_settings(layers).items():
        if not _is_unused(setting) and not _is_left_open(key, setting):
            given[key] = Given(setting.key, _set(cfg, key, setting), setting.where)
    for _, section in sorted(CONFIG_SECTIONS.items(), key=lambda item: (item[1].order, item[0])):
        if section.finish is not None:
            _finish(section, cfg, given)
    _tell_what_has_no_effect(cfg, given)
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
    """One line for each option whose key contains `pattern`: key, default, meaning, choices or bounds."""
    load_projects()
    default_config()
    for _, section in CONFIG_SECTIONS.items():
        for key, option in section.options.items():
            full_key = section.full_key(key)
            if pattern.upper() in full_key:
                choices = f" One of {', '.join(map(repr, option.choices))}." if option.choices else ""
                bounds = f" Numbers {option.bounds()}." if option.bounds() else ""
                no_effect = f" No effect: {option.no_effect}" if option.no_effect else ""
                yield f"{full_key} ({option.default!r}): {option.meaning}{choices}{bounds}{no_effect}"


def _tell_what_has_no_effect(cfg: CfgNode, given: dict[str, Given]) -> None:
    """Warns of options that somebody set and that change nothing in this config: one line a reason."""
    keys_by_reason: dict[tuple[str, str], list[str]] = {}
    for full_key, (written, value, where) in given.items():
        section_name, _, key = full_key.rpartition(".")
        section: Section = CONFIG_SECTIONS.get(section_name)
        if value != section.options[key].default:
            why = section.why_without_effect(key, cfg, frozenset(given))
            if why:
                keys_by_reason.setdefault((where, why), []).append(written)
    for (where, why), keys in keys_by_reason.items():
        _warn_without_effect(", ".join(keys), where, why)


def _finish(section: Section, cfg: CfgNode, given: dict[str, Given]) -> None:
    assert section.finish is not None
    try:
        section.finish(cfg, frozenset(given))
    except ConfigError as error:
        if error.where or error.key not in given:
            raise
        raise ConfigError(
            key=error.key, value=error.value, why=error.why, right=error.right, where=given[error.key].where
        ) from None


def _read_file(
    path: str, ancestors: tuple[str, ...] = (), count: Iterator[int] | None = None
) -> Iterator[tuple[str, dict[str, object]]]:
    """The layers of a file, bases first, as (file, values by full key). count: of the files that were read before."""
    if _identity(path) in map(_identity, ancestors):
        raise ConfigError(key=BASE_KEY, value=path, why="the files name each other as base", where=ancestors[-1])
    count = count or itertools.count()
    if next(count) > MOST_FILES:
        why = f"with this one, more than {MOST_FILES} files are read, each as often as it is a base of others"
        raise ConfigError(key=BASE_KEY, value=path, why=why, right="fewer bases", where=ancestors[-1])
    try:
        with g_pathmgr.open(path, "r") as file:
            tree = _parse(file)
    except OSError as error:
        where = ancestors[-1] if ancestors else ""
        key = BASE_KEY if ancestors else "--cfg"
        raise ConfigError(key=key, value=path, why=f"cannot read this file: {error.strerror or error}", where=where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not a text, or a date that no calendar has
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
        yield from _read_file(base_path, (*ancestors, path), count)
    yield path, _flatten(tree, path)


def _parse(file: IO[str]) -> Any:
    """What a YAML file holds. Raises ValueError where that is more than MOST_VALUES."""
    loader = _Loader(file)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _num_values(node, {}) > MOST_VALUES:
            raise ValueError(f"its aliases repeat each other, and hold more than {MOST_VALUES} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _num_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Of a node, with those of all that it repeats by aliases; known: of other nodes, by identity."""
    if id(node) not in known:
        known[id(node)] = 0  # while it is counted: it may hold itself
        inner = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 if isinstance(inner, str) else 1 + sum(_num_values(one, known) for one in inner)
    return known[id(node)]


def _identity(path: str) -> str:
    """The same text for all ways to write one path."""
    return path if "://" in path else str(Path(path).resolve())


def _bases(value: object, where: str) -> list[str]:
    bases = [value] if isinstance(value, str) else value
    if not isinstance(bases, list) or not all(isinstance(base, str) and "\0" not in base for base in bases):
        raise ConfigError(key=BASE_KEY, value=value, why="not a path", right="a path, or a list of paths", where=where)
    return bases


def _flatten(tree: dict[Any, Any], where: str) -> dict[str, Any]:
    """The values by full key. A mapping under an unknown name counts as a section, so that errors can speak of its options."""
    flat: dict[str, object] = {}
    for name, value in tree.items():
        is_section = bool(name) and name in CONFIG_SECTIONS
        is_option = name in CONFIG_SECTIONS.get("").options
        if isinstance(value, dict) and not is_option:
            for key, entry in value.items():
                inner = isinstance(entry, dict) and f"{name}.{key}.ENABLE" in UNUSED  # a section with a switch of its own
                flat.update(_flatten({f"{name}.{key}": entry}, where) if inner else {f"{name}.{key}": entry})
        elif not is_section:
            flat[str(name)] = value
        elif value is not None:  # else a section heading with nothing below it
            raise ConfigError(key=name, value=value, why="this is a section, not an option", right=f"{name}.KEY", where=where)
    return flat


def _parse_overrides(overrides: Sequence[Any]) -> dict[str, Any]:
    """By key. Raises ConfigError for the first word that is not what KEY VALUE KEY VALUE wants there."""
    parsed: dict[str, Any] = {}
    for place in range(0, len(overrides), 2):
        key, rest = str(overrides[place]), overrides[place + 1 :]
        name, equals, value = key.partition("=")
        if equals or rest[:1] == ["="]:
            why, right = "an option and its value are two words here, with a blank between them", "KEY VALUE KEY VALUE ..."
            raise ConfigError(key=name, value=value, why=why, right=right, where=COMMAND_LINE)
        if not rest or _is_option(rest[0]):
            right = "KEY VALUE KEY VALUE ..."
            raise ConfigError(key=key, value="", why="this override has no value", right=right, where=COMMAND_LINE)
        parsed[key] = rest[0]
    return parsed


def _is_option(word: Any) -> bool:
    section, _, key = word.rpartition(".") if isinstance(word, str) else ("", "", "")
    return section in CONFIG_SECTIONS and key in CONFIG_SECTIONS.get(section).options


def _parse_override(value: object, default: object) -> object:
    """What the text of an override means for an option with that default; Python objects mean themselves."""
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        return str(value) if isinstance(default, str) else value
    parsed = {"true": True, "false": False}.get(value.lower(), read_by_text(value))
    # A text that looks like a number or a list is a text all the same; one in quotes loses them.
    return value if isinstance(default, str) and not isinstance(parsed, str) else parsed


def _is_unused(setting: _Setting) -> bool:
    """Whether it is an option of another code base that the library does not have (`sections.foreign`) and no project brings.

    Raises ConfigError when its value would change the results.
    """
    full_key, value, where = setting.key, setting.value, setting.where
    section, _, key = full_key.rpartition(".")
    unused = find_unused(full_key)
    if unused is None or (section in CONFIG_SECTIONS and key in CONFIG_SECTIONS.get(section).options):
        return False
    if where == COMMAND_LINE:
        value = _parse_override(value, unused.off[0] if unused.off else None)
    if not unused.asks_for_nothing(value):
        if unused.refused:
            right = unused.advice or " or ".join(map(repr, unused.off))
            raise ConfigError(key=full_key, value=value, why=unused.why, right=right, where=where)
        _warn_without_effect(full_key, where, unused.why)
    return True


@dataclass(frozen=True, slots=True)
class _Setting:
    """What somebody wrote: the key as written, its value, and where."""

    key: str
    value: object
    where: str


def _last_settings(layers: Iterable[tuple[str, Mapping[str, object]]]) -> dict[str, _Setting]:
    """What counts of each option, by our name: later layers win over earlier ones, whatever was wrong in those.

    Options that say what a run is about come first, so that a file which this library has no use for is refused for its main
    reason.
    """
    last: dict[str, _Setting] = {}
    for where, values in layers:
        for key, value in values.items():
            last[_our_name(key, values, where)] = _Setting(key, value, where)
    return {
        key: last[key] for key in (*(key for key in DECISIVE if key in last), *(key for key in last if key not in DECISIVE))
    }


def _our_name(full_key: str, layer: Mapping[str, object], where: str) -> str:
    """The name that the option has here. Raises ConfigError where the same place sets it under both names, differently."""
    ours = RENAMED.get(full_key, full_key)
    if ours != full_key and layer.get(ours, layer[full_key]) != layer[full_key]:
        why = f"the same option is called {ours} here, and set to {layer[ours]!r}"
        raise ConfigError(key=full_key, value=layer[full_key], why=why, right=f"{ours} alone", where=where)
    return ours


def _is_left_open(full_key: str, setting: _Setting) -> bool:
    """Whether a text or list is named without a value, as templates do where users shall fill in a path; says so."""
    if setting.value is not None or setting.where == COMMAND_LINE:
        return False
    option = _find_option(full_key, setting)
    if option.null or not isinstance(option.default, str | list):
        return False
    warnings.warn(f"{setting.key} (set in {setting.where}) has no value: it stays as if it was not set", stacklevel=3)
    return True


def _warn_without_effect(full_key: str, where: str, why: str) -> None:
    warnings.warn(f"{full_key} (set in {where}) has no effect: {why}", stacklevel=4)


def _set(cfg: CfgNode, full_key: str, setting: _Setting) -> object:
    """Sets the option, and returns its value in the option's type."""
    option = _find_option(full_key, setting)
    written, value, where = setting.key, setting.value, setting.where
    if where == COMMAND_LINE:
        value = _parse_override(value, option.default)
    try:
        coerced = option.coerce(value)
    except ValueError as error:
        right = getattr(error, "right", "") or option.expected()
        raise ConfigError(key=written, value=value, why=str(error), right=right, where=where) from None
    if isinstance(value, str) and (note := option.aliases.get(value, ("", ""))[1]):
        warnings.warn(f"{written} = {value!r} (set in {where}) is {coerced!r} here: {note}", stacklevel=3)
    section, _, key = full_key.rpartition(".")
    (cfg[section] if section else cfg)[key] = coerced
    return coerced


def _find_option(full_key: str, setting: _Setting) -> Option:
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
    right = f"perhaps {near[0]}" if near else ""
    raise ConfigError(key=setting.key, value=setting.value, why=why, right=right, where=setting.where)
