"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from boathouse.errors.base import BoathouseError, ConfigError, OptionError
from boathouse.errors.deployment import DeploymentError
from boathouse.errors.endpoints import EndpointError
from boathouse.errors.engines import EngineError
from boathouse.errors.features import FeatureError, NotPublishedError, OnlineStoreError, RequestError
from boathouse.errors.images import ImageError
from boathouse.errors.inference import InferenceError
from boathouse.errors.invocations import InvocationError
from boathouse.errors.life_cycle import IdentityError, LifeCycleError
from boathouse.errors.models import ModelError, PromotionError, UntrustedModelError
from boathouse.errors.monitoring import MonitoringError
from boathouse.errors.reproduction import ReproductionError
from boathouse.errors.rollouts import ExperimentError, RolloutError
from boathouse.errors.simulation import SimulationError
from boathouse.errors.streams import StreamError
from boathouse.errors.tables import CommitConflictError, DataQualityError, TableError
from boathouse.errors.tokens import TokenError

__all__ = [
    "BoathouseError",
    "CommitConflictError",
    "ConfigError",
    "DataQualityError",
    "DeploymentError",
    "EndpointError",
    "EngineError",
    "ExperimentError",
    "FeatureError",
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
