"""What can be wrong with weights."""

from slowfast.errors import UserError


class WeightsError(UserError, ValueError):
    """Weights that cannot be read, or that do not belong to this network."""
