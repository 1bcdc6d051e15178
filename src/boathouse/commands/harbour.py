"""Where the commands about endpoints find configuration, trail and log of an environment; without MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.commands.environment_conf import open_conf
from boathouse.core.errors import ConfigError

if TYPE_CHECKING:
    from boathouse.core.endpoints.service_levels import ServiceLevels
    from boathouse.core.endpoints.sizing import SizingOptions
    from boathouse.core.experiments.options import ExperimentOptions
    from boathouse.governance.endpoint_states import EndpointStates
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True)
class Harbour:
    """The endpoints of one environment, as conf describes them."""

    environment: str
    lakehouse: dict[str, str]
    documents: dict[str, dict[str, Any]]
    rollouts: dict[str, Any]
    trust_environment_user: bool

    @property
    def actor(self) -> str:
        """Who acts: as the platform knows them, else the system's user."""
        from boathouse.governance.identity import read_identity

        return read_identity(trust_environment_user=self.trust_environment_user).name

    def place(self, table: str) -> TableLocation:
        """Return the place of ``<schema>.<table>``."""
        from boathouse.tables.location import TableLocation

        return TableLocation.from_lakehouse(f"{self.environment}.{table}", self.lakehouse)

    @property
    def log(self) -> TableLocation:
        """The inference log."""
        return self.place("inference.endpoint_log")

    @property
    def journal(self) -> Path:
        """The folder of the inference log's journals and of its salt."""
        from boathouse.hooks.locations import locate_data

        return Path(locate_data(f"endpoint_log/{self.environment}"))

    @property
    def experiments(self) -> ExperimentOptions:
        """How sure experiments have to be, and whether there are any."""
        from boathouse.core.experiments.options import ExperimentOptions

        return ExperimentOptions(**self.rollouts["experiments"])

    @property
    def sizing(self) -> SizingOptions:
        """How full an endpoint may run."""
        from boathouse.core.endpoints.sizing import SizingOptions

        return SizingOptions(**self.rollouts["sizing"])

    def states(self) -> EndpointStates:
        """Return the states of the endpoints."""
        from boathouse.governance.endpoint_states import DEPLOYMENTS, EndpointStates

        return EndpointStates(self.place(DEPLOYMENTS), self.documents)

    def service_levels(self, name: str) -> ServiceLevels:
        """Return what the endpoint ``name`` promises.

        Raises:
            ConfigError: If conf says nothing of it.
        """
        from boathouse.core.endpoints.service_levels import ServiceLevels

        levels = self.rollouts.get("service_levels") or {}
        if name not in levels:
            message = f"conf/base/serving/rollouts.yml states no service levels of endpoint '{name}'. Add an entry."
            raise ConfigError(message)
        return ServiceLevels(**levels[name])


def open_harbour(env: str, conf_source: Path) -> Harbour:
    """Return the endpoints of ``env``.

    Raises:
        ConfigError: If there is no such environment.
    """
    loader = open_conf(env, conf_source)
    return Harbour(
        environment=env,
        lakehouse=dict(loader["globals"]["lakehouse"]),
        documents=dict(loader["endpoints"]),
        rollouts=dict(loader["rollouts"]),
        trust_environment_user=bool(loader["parameters"]["governance"]["trust_environment_user"]),
    )
