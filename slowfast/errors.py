"""The base of all errors that the user can fix: one clear line tells all there is to know, a traceback would hide it."""


class UserError(Exception):
    """Something that the user gave is wrong. The text says what, where (file, row, key), and what would be right.

    Commands print it as one line and exit with 2. Errors of ours derive from it besides the standard type that fits.
    """


class MissingPackageError(UserError, ImportError):
    """A package that is not needed otherwise is not installed. The text says what for, how to get it, and how to do without."""


LONGEST_VALUE = 160
"""Characters of a value in a message: the line must stay readable whatever was given."""


def short_repr(value: object) -> str:
    """A value as messages quote it: `repr`, cut after LONGEST_VALUE characters."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


LONGEST_PART = 900
"""Characters of what a message says of a file: a damaged one may hold a field of any length."""


def in_one_line(text: str) -> str:
    """A text without line breaks, its middle left out where it is longer than LONGEST_PART characters."""
    text = " ".join(text.splitlines())
    return text if len(text) <= LONGEST_PART else f"{text[: LONGEST_PART - 300]} [...] {text[-300:]}"
