"""What an option is: its default, its meaning, which values it takes, and when it has no effect."""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.errors import short_repr

Finish = Callable[[CfgNode, frozenset[str]], None]

LONGEST_TEXT, LONGEST_NAME = 4095, 255
"""Bytes of a path, and of a name in it, that Linux and the file systems take: where a text is longer, looking for a file of
that name is an error in itself."""

Elements = type | list[type] | None
"""Of what type the elements of a list are; [int]: lists of whole numbers."""

Reason = Callable[[CfgNode, frozenset[str]], str]
"""Called with a finished config and the keys that somebody set: why something has no effect in it; empty where it has."""


class OptionValueError(ValueError):
    """A value that an option does not take. right: what would be right, where that is more than "like the default"."""

    def __init__(self, why: str, right: str = "") -> None:
        super().__init__(why)
        self.right = right


@dataclass(frozen=True, slots=True)
class Option:
    """One option. Its type is that of the default.

    choices: the only values that it takes, or that a list holds. minimum, above: the smallest number it takes, or what it
    must exceed; maximum, below: likewise the largest. They hold for every number in a list, however deep; a Section takes no
    number without bounds on both sides, as a value that nobody foresaw ends in a traceback, a hang or a long training that
    means nothing. elements: the type of what a list holds, when the default is empty or its inner lists are. length: the
    smallest and the largest number of elements. empty: whether a text, or a text in a list, may be empty. advice: what would
    be right, where the bounds do not say it. no_effect: why the option is accepted but changes nothing; another value than
    the default is answered with a warning. no_effect_if: the same for options that some configs read and others do not.
    bare: whether a number alone stands for a list of that number. null: whether None stands for the default. aliases: names
    that other code bases use -> (ours, what users of theirs should know, if anything). refused: texts that mean something to
    other code bases but not here -> (why, what would be right).
    """

    default: object
    meaning: str
    choices: tuple[object, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    elements: Elements = None
    length: tuple[int, int] | None = None
    empty: bool = True
    advice: str = ""
    no_effect: str = ""
    no_effect_if: Reason | None = None
    bare: bool = False
    null: bool = False
    aliases: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def coerce(self, value: Any) -> Any:
        """`value` in the option's type. Raises ValueError with the reason when it does not fit."""
        if isinstance(value, str):
            value, _ = self.aliases.get(value, (value, ""))
        if isinstance(self.default, list):
            value = list(self.default) if self.null and value in (None, "None") else self._as_list(value)
        value = _coerce(value, self.default, self.elements)
        if isinstance(value, str) and value in self.refused:
            raise OptionValueError(*self.refused[value])
        if self.length and not self.length[0] <= len(value) <= self.length[1]:
            raise ValueError(f"must have {_from_to(*self.length)} elements, not {len(value)}")
        for leaf in _leaves(value):
            why = self._misfit(leaf)
            if why:
                raise ValueError(f"{short_repr(leaf)} in it {why}" if isinstance(value, list) else why)
        return value

    def _as_list(self, value: Any) -> Any:
        """Lists also come as the text of a Python tuple, which YAML does not know, and numbers for lists of one."""
        if isinstance(value, str):
            parsed = read_by_text(value)
            return parsed if isinstance(parsed, list | tuple) else value
        return [value] if self.bare and isinstance(value, int | float) and not isinstance(value, bool) else value

    def expected(self) -> str:
        """What would be right, in words."""
        if self.choices and not isinstance(self.default, list):
            return " or ".join(map(repr, self.choices))
        leaf = _example(self.default, self.elements)
        text = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}.get(type(leaf), "a list")
        bounds = self.bounds()
        if isinstance(self.default, list):
            text = {int: "whole numbers", float: "numbers", str: "texts"}.get(type(leaf), "values")
            text = f"out of {', '.join(map(repr, self.choices))}" if self.choices else text
            count = f"{_from_to(*self.length)} " if self.length else ""
            nested = isinstance(next(iter(self.default), None) or self.elements, list)
            text = f"a list of {count}{'lists of ' if nested else ''}{text}"
        advice = f" ({self.advice})" if self.advice else ""
        return f"{text}{' ' if bounds else ''}{bounds}, such as the default, {self.default!r}{advice}"

    def bounded(self) -> bool:
        """Whether it says which numbers it takes, if it takes any."""
        if self.choices or not _is_number(_example(self.default, self.elements)):
            return True
        return (self.minimum is not None or self.above is not None) and (self.maximum is not None or self.below is not None)

    def _misfit(self, leaf: Any) -> str:
        if self.choices:
            return "" if leaf in self.choices else f"must be one of {', '.join(map(repr, self.choices))}"
        if isinstance(leaf, str):
            return _misfit_of_text(leaf) or ("" if leaf or self.empty else "must not be empty")
        if not _is_number(leaf):
            return ""
        if self.minimum is not None and leaf < self.minimum:
            return f"must be at least {self.minimum}"
        if self.above is not None and leaf <= self.above:
            return f"must be above {self.above}"
        if self.maximum is not None and leaf > self.maximum:
            return f"must be at most {self.maximum}"
        if self.below is not None and leaf >= self.below:
            return f"must be below {self.below}"
        return ""

    def bounds(self) -> str:
        """The numbers it takes, in words; empty where it takes any, or none."""
        low = f"from {self.minimum}" if self.minimum is not None else f"above {self.above}" if self.above is not None else ""
        high = f"to {self.maximum}" if self.maximum is not None else f"below {self.below}" if self.below is not None else ""
        return " ".join(filter(None, (low, "and" if high.startswith("below") and low else "", high)))


@dataclass(frozen=True, slots=True)
class Section:
    """The options of one section of the config.

    finish(cfg, given) runs once all files and overrides are merged, before the config is frozen: it derives what was left
    open and raises ConfigError for values that do not go together. `given` holds the keys that somebody set, as
    "SECTION.KEY". The section with the empty name holds the keys at the top level. no_effect_if: as that of an option, for
    all of the section but a switch called ENABLE. Raises ValueError for an option that takes numbers without bounds.
    """

    name: str
    meaning: str
    options: Mapping[str, Option]
    finish: Finish | None = None
    order: int = field(default=0)
    """Sections with a higher order finish later, so that a project can rely on what the core derived."""
    network: tuple[str, ...] = ()
    """Options that say what is computed from the weights, "*" for all: a training that goes on must keep them."""
    no_effect_if: Reason | None = None

    def __post_init__(self) -> None:
        for key, option in self.options.items():
            if not option.bounded():
                raise ValueError(
                    f"the option {self.full_key(key)} takes numbers but does not say which: "
                    "give it `minimum` or `above`, and `maximum` or `below` (or `choices`)"
                )

    def defaults(self) -> dict[str, Any]:
        return {key: option.default for key, option in self.options.items()}

    def full_key(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def why_without_effect(self, key: str, cfg: CfgNode, given: frozenset[str]) -> str:
        """Why an option of the section has no effect in a finished config; empty where it has."""
        option = self.options[key]
        if option.no_effect:
            return option.no_effect
        if self.no_effect_if and key != "ENABLE" and (why := self.no_effect_if(cfg, given)):
            return why
        if self.name and "ENABLE" in self.options and not cfg[self.name].ENABLE:
            return ""  # switched off by name: nobody expects anything of it
        return option.no_effect_if(cfg, given) if option.no_effect_if else ""


def switched_off(section: str) -> Reason:
    """For what only a section with the switch ENABLE reads, itself or options of others: without effect while that is off by
    default. Somebody who switched it off by name expects nothing of it. The section may be that of a project, which need not
    be installed."""

    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        if section not in cfg:
            return f"there is no section {section}: the project that brings it is not installed"
        off = not cfg[section].ENABLE and f"{section}.ENABLE" not in given
        return f"{section}.ENABLE is False" if off else ""

    return reason


def other_arch(arch: str) -> Reason:
    """For a section of one kind of network: it has no effect on others."""

    def reason(cfg: CfgNode, given: frozenset[str]) -> str:
        return "" if cfg.MODEL.ARCH == arch else f"MODEL.ARCH is {cfg.MODEL.ARCH}, not {arch}"

    return reason


def read_by_text(text: str) -> Any:
    """The Python literal that a text is, or else the text itself. Never raises, whatever the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text


def _coerce(value: object, default: object, elements: Elements) -> object:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        return value
    if isinstance(default, float):
        return _coerce_float(value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError("must be a text")
        return value
    if isinstance(default, list):
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        return [_coerce_element(element, default, elements) for element in value]
    raise TypeError(f"options cannot have defaults of type {type(default).__name__}")


def _coerce_float(value: object) -> float:
    # YAML 1.1 reads 1e-4 as a string: it wants a dot before the exponent.
    if isinstance(value, str):
        value = read_by_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _coerce_element(element: object, default: list[object], elements: Elements) -> object:
    if default:
        example = default[0]
    elif elements is not None:
        example = _element(elements)
    else:
        raise TypeError("an empty list as default does not say what the option takes: state `elements`")
    try:
        return _coerce(element, example, elements)
    except ValueError as error:
        raise ValueError(f"must be a list whose elements fit: {short_repr(element)} {error}") from None


def _example(default: object, elements: Elements) -> object:
    """A value of the type that the option, or the innermost of its lists, holds."""
    while isinstance(default, list):
        default = default[0] if default else None if elements is None else _element(elements)
    return default


def _element(elements: type | list[type]) -> object:
    """One of what a list holds."""
    return [kind() for kind in elements] if isinstance(elements, list) else elements()


def _misfit_of_text(text: str) -> str:
    """Why no file can be called so; empty where one can. Texts that name no file are far from these limits."""
    if "\0" in text:
        return "must not hold a NUL character"
    try:
        size = len(os.fsencode(text))
        longest = max(len(os.fsencode(part)) for part in text.split("/"))
    except UnicodeEncodeError:
        return "must not hold half of a character (a lone surrogate)"
    if size > LONGEST_TEXT:
        return f"must have at most {LONGEST_TEXT} bytes, not {size}"
    if longest > LONGEST_NAME and "://" not in text:  # a URI may have a query, which is long
        return f"must not name a file or folder by more than {LONGEST_NAME} bytes, not {longest}"
    return ""


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for element in value:
            yield from _leaves(element)
    else:
        yield value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_to(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} to {most}"
