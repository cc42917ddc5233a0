"""Weights that somebody trained: reading files of many makes, and filling a network with what fits."""

from slowfast.models.weights.loading import load_weights
from slowfast.models.weights.reading import read_weights
from slowfast.models.weights.report import WeightReport, WeightsError

__all__ = ["WeightReport", "WeightsError", "load_weights", "read_weights"]
