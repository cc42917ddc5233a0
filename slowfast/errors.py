"""The base of all errors that the user can fix: one clear line tells all there is to know, a traceback would hide it."""


class UserError(Exception):
    """Something that the user gave is wrong. The text says what, where (file, row, key), and what would be right.

    Commands print it as one line and exit with 2. Errors of ours derive from it besides the standard type that fits.
    """


class MissingPackageError(UserError, ImportError):
    """A package that is not needed otherwise is not installed. The text says what for, how to get it, and how to do without."""
