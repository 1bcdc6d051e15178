"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from boathouse.core.errors.base import BoathouseError, ConfigError, OptionError
from boathouse.core.errors.engines import EngineError
from boathouse.core.errors.features import FeatureError, FreshnessError, OnlineStoreError
from boathouse.core.errors.inference import InferenceError
from boathouse.core.errors.models import ModelError, PromotionError, UntrustedModelError
from boathouse.core.errors.monitoring import MonitoringError
from boathouse.core.errors.requests import RequestError
from boathouse.core.errors.streams import StreamError
from boathouse.core.errors.tables import (
    CommitConflictError,
    DataQualityError,
    MissingTableError,
    ReadOnlyTableError,
    SchemaMismatchError,
    TableError,
)

__all__ = [
    "BoathouseError",
    "CommitConflictError",
    "ConfigError",
    "DataQualityError",
    "EngineError",
    "FeatureError",
    "FreshnessError",
    "InferenceError",
    "MissingTableError",
    "ModelError",
    "MonitoringError",
    "OnlineStoreError",
    "OptionError",
    "PromotionError",
    "ReadOnlyTableError",
    "RequestError",
    "SchemaMismatchError",
    "StreamError",
    "TableError",
    "UntrustedModelError",
]
