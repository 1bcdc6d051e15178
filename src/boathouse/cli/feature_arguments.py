"""What the commands about features have in common: choosing views, the online store, who uses a definition."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from boathouse.errors import FeatureError
from boathouse.scoring.definition import is_current_form
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.features.online.store import OnlineStore
    from boathouse.features.refreshing import FeatureRefresher
    from boathouse.features.usage import EndpointUse, ModelUse

STORE = click.option(
    "--store",
    "url",
    default=None,
    help="URL of the online store; {env} in it stands for the environment. Default: BOATHOUSE_ONLINE_STORE, else "
    "SQLite in the data folder.",
)


def open_store(environment: Environment, url: str | None = None) -> OnlineStore:
    """Return the online store at ``url`` or the environment's own."""
    from boathouse.features.online.store import OnlineStore

    store, owner = environment.online_store_url(url), environment.namespace.owner
    return OnlineStore(store, timeout_s=30, environment=environment.name, owner=owner)


def open_refresher(environment: Environment) -> FeatureRefresher:
    """Return the owner of the environment's feature tables."""
    from boathouse.features.refreshing import FeatureRefresher

    return FeatureRefresher(environment)


def live_versions(environment: Environment) -> dict[str, tuple[str, int]]:
    """Return digest and source version of each view that is live in the environment's own online store."""
    store = open_store(environment)
    try:
        return store.source_versions()
    finally:
        store.close()


def model_uses(environment: Environment, *, with_inputs: bool = True) -> list[ModelUse]:
    """Return every registered version with what it looks up and takes, the newest first.

    Without ``with_inputs`` no file of a version is read.
    """
    from boathouse.registry.feature_usage import FeatureUsageDataset

    environment.use_mlflow()
    models = list(environment.section("catalog")["models.feature_usage"]["models"])
    return FeatureUsageDataset(models=models, every_version=True, with_inputs=with_inputs).load()


def endpoint_uses(environment: Environment) -> tuple[EndpointUse, ...]:
    """Return what the endpoints of the environment serve, as they were changed last, else as conf has them."""
    from boathouse.endpoints.states import EndpointStates
    from boathouse.features.usage import read_endpoints

    states = EndpointStates.of(environment).read_all()
    return read_endpoints({name: state.document for name, state in states.items()})


def check_definitions(environment: Environment) -> None:
    """Stop before anything is written if a definition is gone that an aliased or served version looks up.

    Where conf lets that pass (``removed_in_use: warn``), as in dev, it is only printed.

    Raises:
        FeatureError: Naming the definition and its users.
    """
    from boathouse.features.usage import check_removed, find_outdated

    endpoints = endpoint_uses(environment)
    known = model_uses(environment, with_inputs=False)
    in_use = [use for use in known if use.aliases or any(each.serves(use) for each in endpoints)]
    if outdated := find_outdated(in_use):
        click.echo(outdated, err=True)
    try:
        check_removed(USE_CASE.views, in_use)
    except FeatureError as error:
        groups = environment.section("parameters")["feature_engineering"].values()
        if next(group["removed_in_use"] for group in groups if "removed_in_use" in group) == "refuse":
            raise
        click.echo(f"{error}", err=True)


def extended_digests(environment: Environment, view: FeatureView) -> list[str]:
    """Return the definitions of ``view`` that models in use were trained on, where conf lets features be added.

    A look-up of such a model names its own features; it fails if one of them is gone.
    """
    if environment.lakehouse.get("schema_evolution") != "additive":
        return []
    digests = {use.digests.get(view.name) for use in model_uses(environment, with_inputs=False) if use.aliases}
    return sorted(each for each in digests if each and each != view.digest and is_current_form(each))


def choose_views(names: Sequence[str]) -> tuple[FeatureView, ...]:
    """Return the views called ``names``, all without any, each after those it is made from.

    Raises:
        FeatureError: If there is no such view.
    """
    from boathouse.features.incremental import order_views

    unknown = sorted(set(names) - {view.label for view in USE_CASE.views})
    if unknown:
        raise FeatureError.unknown(unknown[0], [view.label for view in USE_CASE.views])
    return order_views([view for view in USE_CASE.views if not names or view.label in names])


def show_key(key: Sequence[Any], *, reveal: bool) -> str:
    """Return the key, or the first eight digits of its hash: enough to distinguish rows, not to identify a person."""
    text = "/".join(str(part) for part in key)
    return text if reveal else "#" + hashlib.sha256(text.encode()).hexdigest()[:8]
