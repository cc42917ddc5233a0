"""The errors that a config can cause."""

from slowfast.errors import UserError, short_repr


class ConfigError(UserError, ValueError):
    """One option is wrong. The text names the key, its value, why it is wrong, what would be right, and where it was set."""

    def __init__(self, *, key: str, value: object, why: str, right: str = "", where: str = "") -> None:
        self.key, self.value, self.why, self.right, self.where = key, value, why, right, where
        text = f"{key} = {short_repr(value)}: {why}"
        if right:
            text += f"; right would be: {right}"
        if where:
            text += f" (set in {where})"
        super().__init__(" ".join(text.split("\n")))


class ProjectError(UserError, ImportError):
    """A project is announced by the installation but cannot be loaded."""
