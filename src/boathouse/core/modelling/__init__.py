"""Learning: splits by time, estimators out of a closed registry, selection, calibration, threshold."""

from boathouse.core.modelling.result import LoadedModel, ModelSchema, NoModel, TrainedModel

__all__ = ["LoadedModel", "ModelSchema", "NoModel", "TrainedModel"]
