"""Where the commands about models find an environment's rules, ledgers and registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.environment_conf import open_conf, read_documents, use_stores
from boathouse.core.deployment import DeploymentOptions, Role, find_role
from boathouse.core.errors import ConfigError, LifeCycleError
from boathouse.core.promotion.policy import GovernanceOptions

if TYPE_CHECKING:
    from boathouse.core.promotion.identity import Identity
    from boathouse.governance.house import House
    from boathouse.governance.life_cycle import LifeCycle

_MODEL_ENTRY = "boathouse.datasets.model_version.ModelVersionDataset"
JSON_OUTPUT = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
WORDS_HELP = (
    "[NAME] VERSION. The name is needed if the environment promotes more than one model: the last part of it, "
    "or the whole."
)


def COMMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the option it adds
    """Add ``--comment``, also called ``--reason``, which has to be given."""
    return click.option("--comment", "--reason", "comment", required=True, help="Why, in words; goes on record.")(
        command
    )


@dataclass(frozen=True)
class Governed:
    """One environment as the life cycle sees it.

    Attributes:
        house: Ledgers and names.
        options: Rules.
        promoted: Models that pipelines promote, by registered name; the first is the default.
        server: Tracking and registry of MLflow.
        role: Whether it trains, or where its versions come from.
        documents: Its endpoints as conf describes them, by name.
    """

    house: House
    options: GovernanceOptions
    promoted: tuple[str, ...]
    server: Mapping[str, Any]
    role: Role
    documents: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> Identity:
        """Return who acts."""
        from boathouse.governance.identity import read_identity

        return read_identity(trust_environment_user=self.options.trust_environment_user)

    def use_registry(self) -> None:
        """Point MLflow at the environment's stores; this is what takes seconds to import.

        Raises:
            ConfigError: If the store does not answer, found out in seconds instead of MLflow's minutes of retries.
        """
        from boathouse.hooks.tracking_store import check_tracking_store

        check_tracking_store(self.server["mlflow_tracking_uri"])
        use_stores(self.server)

    def open_life(self, name: str) -> LifeCycle:
        """Return the life cycle of ``name``, ready to change it.

        Raises:
            LifeCycleError: If the model belongs to another environment; recorded as refused.
        """
        self.use_registry()
        life = self.house.open_life(name, self.options, self.identity())
        try:
            self.house.require_own(name)
        except LifeCycleError as error:
            life.refuse("change", None, error)
            raise
        return life

    def tell(self) -> None:
        """Have new messages sent."""
        from boathouse.governance.delivery import deliver_quietly

        deliver_quietly(self.house, self.options)

    def name_model(self, word: str | None) -> str:
        """Return the registered name that ``word`` means; the promoted model without one.

        Raises:
            LifeCycleError: If no word was given and several models are promoted.
        """
        if word is None:
            if len(self.promoted) != 1:
                raise LifeCycleError.unknown_model("(none given)", self.promoted)
            return self.promoted[0]
        return word if "." in word else f"{self.house.environment}.models.{word}"

    def split_words(self, words: Sequence[str], *, needs_version: bool = True) -> tuple[str, str | None]:
        """Return name and version out of ``[NAME] [VERSION]``; a version is a whole number.

        Raises:
            ConfigError: If it is neither.
        """
        names = [word for word in words if not word.isdigit()]
        versions = [word for word in words if word.isdigit()]
        if len(names) > 1 or len(versions) > 1 or (needs_version and not versions):
            raise ConfigError(f"Expected [NAME] VERSION, such as '3'; found: {' '.join(words) or 'nothing'}.")
        return self.name_model(names[0] if names else None), versions[0] if versions else None


def open_governed(env: str, conf_source: Path) -> Governed:
    """Return the environment as conf describes it; imports neither MLflow nor an engine.

    Raises:
        ConfigError: If there is no such environment.
    """
    from boathouse.governance.house import House

    loader = open_conf(env, conf_source)
    settings_of = loader["globals"]
    # The models whose champion is loaded by name of the alias are those that are promoted.
    entries = [each for each in loader["catalog"].values() if each.get("type") == _MODEL_ENTRY and each.get("alias")]
    return Governed(
        House(settings_of["environment"], dict(settings_of["lakehouse"])),
        GovernanceOptions(**loader["parameters"]["governance"]),
        tuple(dict.fromkeys(each["name"] for each in entries)),
        loader["mlflow"]["server"],
        find_role(settings_of["environment"], DeploymentOptions(**settings_of["deployment"])),
        read_documents(loader),
    )


def show_json(content: object) -> None:
    """Print ``content`` as JSON; times in ISO form."""
    click.echo(json.dumps(content, indent=2, default=str))
