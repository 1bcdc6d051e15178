"""The one exception tree. A message says what was expected, what was found, where, and what to do."""

from boathouse.errors.base import BoathouseError, ConfigError, OptionError
from boathouse.errors.bundles import BundleError
from boathouse.errors.endpoints import EndpointError, ExperimentError, RolloutError, TokenError
from boathouse.errors.features import (
    FeatureError,
    KeyValueError,
    NotPublishedError,
    OnlineStoreError,
    RequestError,
)
from boathouse.errors.images import ImageError
from boathouse.errors.inference import InferenceError, StreamError
from boathouse.errors.invocations import InvocationError
from boathouse.errors.life_cycle import (
    AuditError,
    DeploymentError,
    IdentityError,
    LifeCycleError,
    ReleaseError,
    ReproductionError,
)
from boathouse.errors.models import (
    ModelError,
    PromotionError,
    RegistryRefusedError,
    UndecidedModelError,
    UntrustedModelError,
)
from boathouse.errors.secrets import SecretError
from boathouse.errors.simulation import ReplayError, SimulationError
from boathouse.errors.tables import CommitConflictError, DataQualityError, EngineError, TableError

__all__ = [
    "AuditError",
    "BoathouseError",
    "BundleError",
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
    "KeyValueError",
    "LifeCycleError",
    "ModelError",
    "NotPublishedError",
    "OnlineStoreError",
    "OptionError",
    "PromotionError",
    "RegistryRefusedError",
    "ReleaseError",
    "ReplayError",
    "ReproductionError",
    "RequestError",
    "RolloutError",
    "SecretError",
    "SimulationError",
    "StreamError",
    "TableError",
    "TokenError",
    "UndecidedModelError",
    "UntrustedModelError",
]
