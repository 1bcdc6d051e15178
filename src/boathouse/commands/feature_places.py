"""Where the commands about features find tables, models and the online store of an environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.environment_conf import open_conf, read_documents, use_stores
from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.core.errors import FeatureError
from boathouse.use_case.features import FEATURE_VIEWS

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView
    from boathouse.core.features.endpoint_use import EndpointUse
    from boathouse.core.features.usage import ModelUse
    from boathouse.feature_store import FeatureRefresher
    from boathouse.online_store import OnlineStore

__all__ = [
    "ENVIRONMENT",
    "STORE_HELP",
    "House",
    "choose_views",
    "engines",
    "locate_online_store",
    "open_house",
    "show_key",
]

STORE_HELP = (
    "URL of the online store; {env} in it stands for the environment. Default: BOATHOUSE_ONLINE_STORE, else SQLite in "
    "the data folder."
)


@dataclass(frozen=True)
class House:
    """One environment, as conf describes it."""

    environment: str
    lakehouse: dict[str, str]
    models: tuple[str, ...]
    endpoints: tuple[EndpointUse, ...] = ()
    removed_in_use: str = "refuse"

    def refresher(self) -> FeatureRefresher:
        """Return the owner of the feature tables."""
        from boathouse.feature_store import FeatureRefresher

        return FeatureRefresher(self.environment, self.lakehouse)

    def store(self, url: str | None) -> OnlineStore:
        """Return the online store at ``url`` or the environment's own."""
        from boathouse.online_store import OnlineStore

        return OnlineStore(locate_online_store(self.environment, url), timeout_s=30, environment=self.environment)

    def live_versions(self) -> dict[str, tuple[str, int]]:
        """Return digest and source version of each view that is live in the environment's own online store."""
        store = self.store(None)
        try:
            return store.source_versions()
        finally:
            store.close()

    def check_definitions(self) -> None:
        """Stop before anything is written if a definition is gone that an aliased or served version looks up.

        Where conf lets that pass (``feature_engineering.usage``), as in dev, it is only told.

        Raises:
            FeatureError: Naming the definition and its users.
        """
        from boathouse.core.features.usage import check_removed

        in_use = [use for use in self.model_uses() if use.aliases or any(each.serves(use) for each in self.endpoints)]
        try:
            check_removed(FEATURE_VIEWS, in_use)
        except FeatureError as error:
            if self.removed_in_use == "refuse":
                raise
            click.echo(f"{error}", err=True)

    def model_uses(self) -> list[ModelUse]:
        """Return every registered version with what it looks up, the newest first."""
        from boathouse.datasets.feature_usage import FeatureUsageDataset

        return FeatureUsageDataset(models=list(self.models), every_version=True).load()


def open_house(env: str, conf_source: Path) -> House:
    """Return the environment; its MLflow store is set for this process.

    Raises:
        ConfigError: If there is no such environment.
    """
    loader = open_conf(env, conf_source)
    usage = loader["catalog"]["models.feature_usage"]
    use_stores(loader["mlflow"]["server"])
    groups = loader["parameters"]["feature_engineering"].values()
    removed_in_use = next(group["removed_in_use"] for group in groups if "removed_in_use" in group)
    return House(
        env,
        dict(loader["globals"]["lakehouse"]),
        tuple(usage["models"]),
        _load_endpoints(env, loader),
        removed_in_use,
    )


def _load_endpoints(env: str, loader: Any) -> tuple[EndpointUse, ...]:  # noqa: ANN401 - Kedro's loader
    """Return what the endpoints of the environment serve, as they were changed last, else as conf has them."""
    from boathouse.core.features.endpoint_use import read_endpoints
    from boathouse.governance.endpoint_states import DEPLOYMENTS, EndpointStates
    from boathouse.tables.location import TableLocation

    documents = read_documents(loader)
    place = TableLocation.from_lakehouse(f"{env}.{DEPLOYMENTS}", dict(loader["globals"]["lakehouse"]))
    for record in EndpointStates(place, documents).records():
        documents[record.subject] = record.read_evidence().get("config") or documents.get(record.subject, {})
    return read_endpoints(documents)


def locate_online_store(environment: str, url: str | None = None) -> str:
    """Return ``url``, else BOATHOUSE_ONLINE_STORE, else a SQLite file of the environment in the data folder.

    ``{env}`` in it stands for the environment.
    """
    from boathouse.hooks.locations import locate_data

    found = url or os.environ.get("BOATHOUSE_ONLINE_STORE") or f"sqlite:///{locate_data('online_{env}.db')}"
    return found.replace("{env}", environment)


@contextmanager
def engines() -> Iterator[None]:
    """Stop the engines at the end."""
    from boathouse.engines import stop_engines

    try:
        yield
    finally:
        stop_engines()


def choose_views(names: Sequence[str]) -> tuple[FeatureView, ...]:
    """Return the views called ``names``, all without any, each after those it is made from.

    Raises:
        FeatureError: If there is no such view.
    """
    from boathouse.core.features.incremental import order_views

    unknown = sorted(set(names) - {view.label for view in FEATURE_VIEWS})
    if unknown:
        raise FeatureError.unknown(unknown[0], [view.label for view in FEATURE_VIEWS])
    return order_views([view for view in FEATURE_VIEWS if not names or view.label in names])


def show_key(key: Sequence[Any], *, reveal: bool) -> str:
    """Return the key, or the first eight digits of its hash: enough to tell rows apart, not to name a customer."""
    text = "/".join(str(part) for part in key)
    return text if reveal else "#" + hashlib.sha256(text.encode()).hexdigest()[:8]
