"""What can be wrong with a folder that is to be shown."""

from slowfast.errors import UserError


class ReportError(UserError, ValueError):
    """A folder holds no finished run, or one that is damaged. The text names the folder or file and the way out."""
