"""What can be wrong with weights."""


class WeightsError(ValueError):
    """Weights that cannot be read, or that do not belong to this network."""
