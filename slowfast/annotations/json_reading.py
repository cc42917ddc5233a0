"""Reading json files of annotation so that nothing in them is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slowfast.annotations.errors import DatasetError


def read_json(path: Path, kind: type, expected: str) -> Any:
    """What a file holds, which is a `kind` (dict or list). `expected`: what the file should be, for messages.

    Numbers may be what JSON has no name for (NaN, Infinity), and integers of any size. Raises DatasetError for a file that
    cannot be read, is not UTF-8 (a byte-order mark is fine), is not json, or gives a key twice in one object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except FileNotFoundError:
        raise DatasetError(path=str(path), found="there is no such file", expected=expected) from None
    except OSError as error:
        raise DatasetError(path=str(path), found=f"{error.strerror}", expected="a file that can be read") from error
    except UnicodeDecodeError as error:
        raise DatasetError(path=str(path), found=f"this is not UTF-8 ({error.reason})", expected="json in UTF-8") from error
    except (ValueError, RecursionError) as error:  # also a key that stands twice, and a number of thousands of digits
        row = getattr(error, "lineno", None)
        raise DatasetError(path=str(path), row=row, found=f"this is not json ({error})", expected=expected) from None
    if not isinstance(content, kind):
        raise DatasetError(path=str(path), found=f"a {type(content).__name__}, not a {kind.__name__}", expected=expected)
    return content


def short(value: Any) -> str:
    """A value as a message quotes it, whatever it is."""
    return ascii(value) if len(ascii(value)) <= 200 else f"{ascii(value)[:200]}..."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A json object. Raises ValueError for a key that stands twice: one of its values would be dropped without a word."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {short(twice)} stands twice in one object")
    return content
