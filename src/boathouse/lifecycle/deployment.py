"""How versions come into an environment: deployment patterns, copies, and the approval by a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import DeploymentError, LifeCycleError, OptionError
from boathouse.lifecycle import event_types, rules
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import DECLARED, Identity
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.rules_in_force import describe_rules
from boathouse.lifecycle.sealed_results import find_registered
from boathouse.lifecycle.state import CHAMPION
from boathouse.lifecycle.sync import creation_events
from boathouse.namespaces import name_environment
from boathouse.options import require_choice

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.state import ModelState
    from boathouse.lifecycle.steps import LifeCycle

CODE, MODEL, HYBRID = "code", "model", "hybrid"
# Number of environments, counted from the first of the chain, that train; the others take copies.
# Source: Databricks, The Big Book of MLOps, 2nd edition, "Deploy code" and "Deploy models".
_TRAINING = {CODE: None, MODEL: 1, HYBRID: 2}
PATTERNS = tuple(_TRAINING)


@dataclass(frozen=True, kw_only=True)
class DeploymentOptions:
    """How models come into an environment.

    Attributes:
        pattern: ``code`` (every environment trains its own), ``model`` (the first of the chain trains, the others
            take copies) or ``hybrid`` (the first two train, the others take copies).
        chain: Environments in the order in which a change passes them.
    """

    pattern: str
    chain: Sequence[str]

    def __post_init__(self) -> None:
        """Check the choice, and that no environment comes twice.

        Raises:
            OptionError: If not.
        """
        require_choice("deployment.pattern", self.pattern, PATTERNS)
        if not self.chain or len(set(self.chain)) != len(self.chain):
            raise OptionError.out_of_range("deployment.chain", list(self.chain), "different environments, one at least")


@dataclass(frozen=True, kw_only=True)
class Role:
    """The role of one environment in the pattern.

    Attributes:
        environment: Its name.
        pattern: The pattern in force there.
        source: Environment that it takes versions from; None if it trains its own.
    """

    environment: str
    pattern: str
    source: str | None

    @property
    def trains(self) -> bool:
        """Whether models are trained there."""
        return self.source is None


def find_role(environment: str, options: DeploymentOptions) -> Role:
    """Return the role of ``environment``; one outside the chain trains for itself, whatever the pattern."""
    chain = list(options.chain)
    training = _TRAINING[options.pattern]
    position = chain.index(environment) if environment in chain else 0
    takes = training is not None and position >= training
    return Role(environment=environment, pattern=options.pattern, source=chain[position - 1] if takes else None)


def check_training(role: Role, commands: Sequence[str]) -> None:
    """Check that models may be trained in an environment.

    Args:
        role: Its role.
        commands: What to type there instead.

    Raises:
        DeploymentError: If not.
    """
    if role.source is not None:
        listed = "\n".join(f"  {command}" for command in commands)
        raise DeploymentError(
            f"Environment '{role.environment}' does not train: its deployment pattern is '{role.pattern}' "
            f"(deployment.pattern in globals.yml), so its versions come from '{role.source}'. Nothing has run. "
            f"Instead:\n{listed}"
        )


def check_source(role: Role, source: str, chain: Sequence[str]) -> None:
    """Check that a version may be copied from ``source`` into an environment.

    Within the chain a version goes one environment further at a time, under every pattern. An environment that trains
    also takes versions back from any later one; one outside the chain takes copies from anywhere.

    Raises:
        DeploymentError: If the copy would leave out an environment, or come from where none may come.
    """
    target = role.environment
    if source == target:
        raise DeploymentError(f"A version of '{target}' is in '{target}' already: give another environment to copy to.")
    if target not in chain:
        return
    place = list(chain).index(target)
    before = chain[place - 1] if place else None
    if source == before or (role.trains and source in chain[place + 1 :]):
        return
    way = f"deployment.pattern '{role.pattern}', chain {' → '.join(chain)}"
    if before is None:
        raise DeploymentError(
            f"Environment '{target}' takes versions back from later ones alone ({way}), not from '{source}'. Train "
            f"there: kedro run --pipeline training --env {target}"
        )
    raise DeploymentError(
        f"Environment '{target}' takes versions from '{before}' ({way}), not from '{source}'. Copy it to '{before}' "
        "first, have it judged there, and copy it on from there."
    )


def copy_version(
    source: Environment, name: str, version: str, target: LifeCycle, *, comment: str
) -> tuple[ModelState, str]:
    """Copy ``version`` of the model ``name`` into ``target``; return its state there and the new version.

    A copy is known by the version that it is of: killed after the copy was made and before it was recorded, the next
    call finds it. A version that was trained in the target is another one, whatever its files. Of two at once one is
    recorded, and the other removes what it made.

    Raises:
        LifeCycleError: If the person may not, the version is unknown, archived or not judged where it was copied to,
            or its files changed.
    """
    target.allow("copy", None)
    records = open_ledger(source.table(PROMOTIONS)).read(name)
    state, registered = project_events(records, name=name), find_registered(records, name, version)
    digest = target.judge("copy", None, lambda: _check_version(state, version, ModelRegistry(name)))
    origin = f"{name}/{version}"
    recorded = _find_recorded(target, origin, digest)
    if recorded is not None:
        return target.sync(), recorded
    made = _find_copy(target, origin, digest) or target.registry.copy_from(name, version)
    check = state.versions[version].check
    event = AuditEvent(
        event_id=f"copied/{target.name}/{origin}/{digest}",
        kind=event_types.COPIED,
        subject=target.name,
        version=made,
        digest=digest,
        actor=target.identity.name,
        occurred_at=target.clock(),
        comment=comment,
        evidence={
            "source": name,
            "source_version": version,
            "trained_by": state.versions[version].trained_by,
            "checked": check.outcome if check else None,
            **({"tags": registered.tags, "description": registered.description} if registered else {}),
            "code": state.versions[version].code,
            "trained_with": state.versions[version].trained_with,
            **target.identity.to_evidence(),
            **describe_rules(target.in_force),
        },
        assurance=target.identity.assurance,
    )
    *_, record = target.ledger.append([*creation_events(target.ledger.read(target.name), event), event])
    if record.version != made:
        target.registry.delete(made)
    return target.sync(), str(record.version)


def _check_version(state: ModelState, version: str, registry: ModelRegistry) -> str:
    """Return the digest of the version that may be copied.

    One that was copied to where it is has to be judged there, if that is where the model is judged at all.
    """
    known = rules.find_version(state, version)
    rules.check_not_archived(known)
    if known.source is not None and known.check is None and state.judged is not None:
        raise LifeCycleError.not_checked(state.name, version)
    digest = registry.compute_digest(version)
    rules.check_digest(known, digest)
    return digest


def _find_recorded(target: LifeCycle, origin: str, digest: str) -> str | None:
    """Return the version that is on record as a copy of ``origin``."""
    for known in target.read().versions.values():
        if (known.source, known.digest) == (origin, digest):
            return known.version
    return None


def _find_copy(target: LifeCycle, origin: str, digest: str) -> str | None:
    """Return the version of a copy of ``origin`` that was made and not recorded: MLflow names what it copied."""
    copies = [
        each.version
        for each in target.registry.read().versions.values()
        if each.digest == digest and each.source == f"models:/{origin}"
    ]
    return min(copies, key=int, default=None)


# What the platform's button writes.
_APPROVED = "approved"


def take_approval(cycle: LifeCycle, version: str, *, tag: str) -> ModelState:
    """Return the state once ``version`` is approved, by command or by ``tag``, which then goes on record.

    The record names the tag as who approved: the platform lets only those set it who may tag the model, and
    keeps in its own audit log who that was. An approval by tag is a request as well, where there is none. To find that
    a person has approved takes no right to approve, which the identity of jobs does not have; to take the tag does.

    Raises:
        LifeCycleError: If neither is there, or the tag is and this identity may not approve.
    """
    state = cycle.sync()
    known = cycle.judge("approve", version, lambda: rules.find_version(state, version))
    valid, _ = rules.count_approvals(state, known, cycle.clock(), cycle.options.rules)
    if known.stage == CHAMPION or valid >= max(1, rules.count_needed(known, cycle.options.rules)):
        return state
    shown = cycle.registry.read().versions.get(version)
    value = "" if shown is None else shown.tags.get(tag, "")
    cycle.judge("approve", version, lambda: _check_value(cycle.name, version, tag, value))
    cycle.allow("approve", version)
    request = state.find_request(version, "production")
    if request is None or request.closed:
        cycle.request(version, to="production", comment=f"Deployment job, task {tag}.")
    return cycle.approve(version, comment=f"Tag {tag} is {value}.", by=Identity(f"tag {tag}", DECLARED))


def _check_value(name: str, version: str, tag: str, value: str) -> None:
    if value.lower() != _APPROVED:
        raise LifeCycleError(
            f"Version {version} is not approved: its tag '{tag}' is {value or 'not set'!r}, needed 'Approved'. Set it "
            f"on the version's page, or: boathouse models approve {version} --comment WHY --env "
            f"{name_environment(name)}"
        )
