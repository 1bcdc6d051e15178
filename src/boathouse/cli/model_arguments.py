"""What the commands about models have in common: naming a version, opening its life cycle, sending messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from boathouse.errors import ConfigError, LifeCycleError, UndecidedModelError
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.namespaces import name_environment

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.errors import AuditError
    from boathouse.lifecycle.decided_versions import DecidedVersions
    from boathouse.lifecycle.steps import LifeCycle
    from boathouse.lifecycle.vacancy import NoChampion

NAME_HELP = (
    "NAME is the last part of a registered name, or the whole; it is needed if the environment promotes more than "
    "one model."
)
NAME = click.option("--name", default=None, help="Registered name. Default: the environment's model.")


def NAME_VERSION(usage: str = "[NAME] VERSION") -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: N802 - used like the argument it adds
    """Add the arguments that ``usage`` shows, as ``words`` for :func:`split_name_version`."""
    return click.argument("words", nargs=-1, required=usage.endswith(" VERSION"), metavar=usage)


def COMMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - used like the option it adds
    """Add ``--comment``, also called ``--reason``, which has to be given."""
    return click.option("--comment", "--reason", "comment", required=True, help="Why, in words; goes on record.")(
        command
    )


def read_rules(environment: Environment) -> GovernanceOptions:
    """Return the environment's rules of governance."""
    return environment.options(GovernanceOptions, "parameters", "governance")


def open_own_life_cycle(environment: Environment, name: str) -> LifeCycle:
    """Return the life cycle of the model ``name``, ready to change it.

    Raises:
        ConfigError: If the MLflow store does not answer.
        LifeCycleError: If the model belongs to another environment; recorded as refused.
        ReleaseError: If code or configuration is not released, and the environment asks for it.
    """
    from boathouse.hooks.releases import check_writing, read_release_in_use
    from boathouse.hooks.tracking import use_registry
    from boathouse.lifecycle.gates import GateOptions
    from boathouse.lifecycle.identity import identify
    from boathouse.lifecycle.rules_in_force import read_rules as read_rules_in_force
    from boathouse.lifecycle.steps import open_life_cycle

    options = read_rules(environment)
    check_writing(environment)
    use_registry(environment)
    gates = environment.options(GateOptions, "parameters", "promotion", "gates")
    conf = read_release_in_use(environment.conf_source, environment.name).conf
    in_force = read_rules_in_force(options, gates, conf)
    opened = open_life_cycle(environment, name, options, identify(environment), in_force=in_force)
    cycle = replace(opened, tell=click.echo)
    if not environment.namespace.holds(name):
        error = LifeCycleError.foreign_environment(name, environment.name)
        cycle.refuse("change", None, error)
        raise error
    return cycle


def explain_absence(environment: Environment, name: str) -> NoChampion:
    """Return why the model ``name``, which has no champion, has none, and what to type next."""
    from datetime import UTC, datetime

    from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
    from boathouse.lifecycle.projection import project_events
    from boathouse.lifecycle.vacancy import explain_no_champion

    state = project_events(open_ledger(environment.table(PROMOTIONS)).read(name), name=name)
    return explain_no_champion(state, read_rules(environment), now=datetime.now(UTC))


@contextmanager
def open_decided(environment: Environment, name: str) -> Iterator[DecidedVersions]:
    """Give the versions of the model ``name`` that may score; what was found changed past the ledger is sent on.

    Raises:
        UndecidedModelError: As raised within; messages to webhooks were tried by then.
    """
    from boathouse.lifecycle.decided_versions import DecidedVersions

    try:
        yield DecidedVersions.of(environment, name)
    except UndecidedModelError:
        if environment.namespace.holds(name):
            send_messages(environment)
        raise


def show_alarms(name: str, alarms: Sequence[str]) -> None:
    """Print what the registry shows otherwise than the ledger decided, and the command that sets it back."""
    for each in alarms:
        click.echo(f"ALARM {name}: {each}")
    if alarms:
        here = f"{name} --env {name_environment(name)}"
        click.echo(f"  Aliases and digests that differ do not score. Set them back: boathouse models sync {here}")


def require_whole(cut: Sequence[AuditError]) -> None:
    """End a command that has shown what there is, if records are missing: what it concludes may be false.

    Raises:
        AuditError: The first of ``cut``.
    """
    if cut:
        raise cut[0]


def send_messages(environment: Environment) -> None:
    """Have new messages sent to the webhooks of the environment."""
    from boathouse.lifecycle.delivery import deliver_quietly

    deliver_quietly(environment, read_rules(environment))


def name_model(environment: Environment, name: str | None) -> str:
    """Return the registered name that ``name`` means; the promoted model without one.

    Raises:
        LifeCycleError: If no name was given and several models are promoted.
    """
    if name is not None:
        return name if "." in name else environment.namespace.full_name(f"models.{name}")
    promoted = environment.promoted_models
    if len(promoted) != 1:
        raise LifeCycleError.unknown_model("(none given)", promoted)
    return promoted[0]


def split_name_version(environment: Environment, words: Sequence[str]) -> tuple[str, str]:
    """Return name and version out of ``[NAME] VERSION``; a version is a whole number.

    Raises:
        ConfigError: If it is neither.
    """
    name, version = split_name(environment, words)
    if version is None:
        raise ConfigError(_say_expected(words))
    return name, version


def split_undecided(environment: Environment, words: Sequence[str]) -> tuple[str, str]:
    """Return name and version out of ``[NAME] VERSION``; an empty version, as a job may give it, is the undecided one.

    Raises:
        ConfigError: If there are more of either, or no version was given.
        LifeCycleError: If it is empty, and nothing waits to be decided on.
    """
    name, version = split_name(environment, [word for word in words if word])
    if version is not None or all(words):
        return split_name_version(environment, words)
    return name, find_undecided(environment, name)


def find_undecided(environment: Environment, name: str) -> str:
    """Return the newest version of the model ``name`` that the ledger knows and that is not decided.

    Raises:
        LifeCycleError: If there is none.
    """
    from boathouse.lifecycle.candidate import is_decided
    from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
    from boathouse.lifecycle.projection import project_events

    state = project_events(open_ledger(environment.table(PROMOTIONS)).read(name), name=name)
    undecided = [version for version in state.versions if not is_decided(state, version)]
    if not undecided:
        message = (
            f"Expected a version of {name} that is not decided, found none. Name one, as in '{name} 3', or train one: "
            f"kedro run --pipeline training --env {environment.name}"
        )
        raise LifeCycleError(message)
    return max(undecided, key=int)


def split_name(environment: Environment, words: Sequence[str]) -> tuple[str, str | None]:
    """Return name and version out of ``[NAME] [VERSION]``; None without a version.

    Raises:
        ConfigError: If there are more of either.
    """
    names = [word for word in words if not word.isdigit()]
    versions = [word for word in words if word.isdigit()]
    if len(names) > 1 or len(versions) > 1:
        raise ConfigError(_say_expected(words))
    return name_model(environment, names[0] if names else None), versions[0] if versions else None


def _say_expected(words: Sequence[str]) -> str:
    return f"Expected [NAME] VERSION, such as '3'; found: {' '.join(words) or 'nothing'}."
