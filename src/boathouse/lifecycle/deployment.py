"""The three deployment patterns: which environment trains, and where the others take versions from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boathouse.errors import DeploymentError, OptionError
from boathouse.options import require_choice

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
    """The part that one environment plays.

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
    """Return the part that ``environment`` plays; one outside the chain trains for itself, whatever the pattern."""
    chain = list(options.chain)
    training = _TRAINING[options.pattern]
    place = chain.index(environment) if environment in chain else 0
    takes = training is not None and place >= training
    return Role(environment=environment, pattern=options.pattern, source=chain[place - 1] if takes else None)


def check_training(role: Role, commands: Sequence[str]) -> None:
    """Check that models may be trained in an environment.

    Args:
        role: Its part.
        commands: What to type there instead.

    Raises:
        DeploymentError: If not.
    """
    if role.source is not None:
        raise DeploymentError.no_training(role.environment, role.pattern, role.source, commands)


def check_source(role: Role, source: str) -> None:
    """Check that a version may be copied from ``source`` into an environment.

    An environment that trains takes copies from anywhere: bringing back a version by hand is never the wrong way.

    Raises:
        DeploymentError: If the environment takes its versions from another.
    """
    if role.source is not None and source != role.source:
        raise DeploymentError.wrong_source(role.environment, role.pattern, source, role.source)
