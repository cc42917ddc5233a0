"""Trained weights at work: videos in, scores along their time and events out."""

from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import Input, find_inputs
from slowfast.prediction.loading import LoadedModel, load_model
from slowfast.prediction.predicting import predict
from slowfast.prediction.results import Event, Prediction

__all__ = ["Event", "Input", "LoadedModel", "Prediction", "PredictionError", "find_inputs", "load_model", "predict"]
