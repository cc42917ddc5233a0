"""What is wrong with what somebody wants predicted."""

from slowfast.errors import UserError


class PredictionError(UserError, ValueError):
    """Weights or inputs that cannot be used for predictions. The text names them and what would be right."""
