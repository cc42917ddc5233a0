"""What an option is: its default, its meaning, and which values it takes."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fvcore.common.config import CfgNode

Finish = Callable[[CfgNode, frozenset[str]], None]


class OptionValueError(ValueError):
    """A value that an option does not take. right: what would be right, where that is more than "like the default"."""

    def __init__(self, why: str, right: str = "") -> None:
        super().__init__(why)
        self.right = right


@dataclass(frozen=True, slots=True)
class Option:
    """One option. Its type is that of the default.

    choices: the only values it takes. minimum: the smallest number it takes. elements: the type of a list's elements, when
    the default is empty or nested lists make it unclear. no_effect: why the option is accepted but changes nothing;
    another value than the default is answered with a warning. bare: whether a number alone stands for a list of that number.
    aliases: names that other code bases use -> (ours, what users of theirs should know, if anything).
    refused: texts that mean something to other code bases but not here -> (why, what would be right).
    """

    default: Any
    meaning: str
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    elements: type | None = None
    no_effect: str = ""
    bare: bool = False
    aliases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def coerce(self, value: Any) -> Any:
        """`value` in the option's type. Raises ValueError with the reason when it does not fit."""
        if isinstance(self.default, list):
            value = self._as_list(value)
        value = _coerce(value, self.default, self.elements)
        if isinstance(value, str):
            if value in self.refused:
                raise OptionValueError(*self.refused[value])
            value, _ = self.aliases.get(value, (value, ""))
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(repr(choice) for choice in self.choices)}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum}")
        return value

    def _as_list(self, value: Any) -> Any:
        """Lists also come as the text of a Python tuple, which YAML does not know, and numbers for lists of one."""
        if isinstance(value, str):
            parsed = _literal(value)
            return parsed if isinstance(parsed, list | tuple) else value
        return [value] if self.bare and isinstance(value, int | float) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Section:
    """The options of one section of the config.

    finish(cfg, given) runs once all files and overrides are merged, before the config is frozen: it derives what was left
    open and raises ConfigError for values that do not go together. `given` holds the keys that somebody set, as
    "SECTION.KEY". The section with the empty name holds the keys at the top level.
    """

    name: str
    meaning: str
    options: Mapping[str, Option]
    finish: Finish | None = None
    order: int = field(default=0)
    """Sections with a higher order finish later, so that a project can rely on what the core derived."""

    def defaults(self) -> dict[str, Any]:
        return {key: option.default for key, option in self.options.items()}

    def full_key(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _coerce(value: Any, default: Any, elements: type | None) -> Any:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        return value
    if isinstance(default, float):
        # YAML 1.1 reads 1e-4 as a string: it wants a dot before the exponent.
        if isinstance(value, str):
            value = _literal(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ValueError("must be a number")
        return float(value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError("must be a text")
        return value
    if isinstance(default, list):
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        return [_coerce_element(element, default, elements) for element in value]
    raise TypeError(f"options cannot have defaults of type {type(default).__name__}")


def _coerce_element(element: Any, default: list[Any], elements: type | None) -> Any:
    if elements is not None:
        example = elements()
    elif default:
        example = default[0]
    else:
        return list(element) if isinstance(element, tuple) else element
    try:
        return _coerce(element, example, None)
    except ValueError as error:
        raise ValueError(f"must be a list whose elements fit: {element!r} {error}") from None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
