"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from boathouse.core.errors.base import BoathouseError, ConfigError, OptionError
from boathouse.core.errors.deployment import DeploymentError
from boathouse.core.errors.endpoints import EndpointError
from boathouse.core.errors.engines import EngineError
from boathouse.core.errors.export import ExportError
from boathouse.core.errors.features import FeatureError, FreshnessError, NotPublishedError, OnlineStoreError
from boathouse.core.errors.images import ImageError
from boathouse.core.errors.inference import InferenceError
from boathouse.core.errors.invocations import InvocationError
from boathouse.core.errors.life_cycle import IdentityError, LifeCycleError
from boathouse.core.errors.models import ModelError, PromotionError, UntrustedModelError
from boathouse.core.errors.monitoring import MonitoringError
from boathouse.core.errors.reproduction import ReproductionError
from boathouse.core.errors.requests import RequestError
from boathouse.core.errors.rollouts import ExperimentError, RolloutError
from boathouse.core.errors.simulation import SimulationError
from boathouse.core.errors.streams import StreamError
from boathouse.core.errors.tables import (
    CommitConflictError,
    DataQualityError,
    TableError,
)
from boathouse.core.errors.tokens import TokenError

__all__ = [
    "BoathouseError",
    "CommitConflictError",
    "ConfigError",
    "DataQualityError",
    "DeploymentError",
    "EndpointError",
    "EngineError",
    "ExperimentError",
    "ExportError",
    "FeatureError",
    "FreshnessError",
    "IdentityError",
    "ImageError",
    "InferenceError",
    "InvocationError",
    "LifeCycleError",
    "ModelError",
    "MonitoringError",
    "NotPublishedError",
    "OnlineStoreError",
    "OptionError",
    "PromotionError",
    "ReproductionError",
    "RequestError",
    "RolloutError",
    "SimulationError",
    "StreamError",
    "TableError",
    "TokenError",
    "UntrustedModelError",
]
