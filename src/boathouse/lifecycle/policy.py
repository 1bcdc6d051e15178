"""Who may do what, and what has to be approved: the rules that an environment sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from boathouse.errors import OptionError
from boathouse.lifecycle.anchors import AuditOptions
from boathouse.options import parse_date, require_between, require_choice, require_whole

# What a person can do to a model.
ACTIONS = ("request", "approve", "promote", "rollback", "archive", "copy")
EVERYBODY = "*"
RELEASES = ("any", "clean_commit", "tag", "wheel")


@dataclass(frozen=True, kw_only=True)
class ApprovalOptions:
    """What has to be approved.

    Attributes:
        needed: Different persons who have to approve before a version becomes champion, 0 to 5.
        valid_days: Days after which an approval no longer counts, 1 to 365.
        four_eyes: Whether an approval by the person who trained the version, or asked for the step, does not count.
        carry_out: Whether the last approval needed carries the request out at once.
    """

    needed: int
    valid_days: int
    four_eyes: bool
    carry_out: bool

    def __post_init__(self) -> None:
        """Check ranges."""
        require_whole("approvals.needed", self.needed, 0, 5)
        require_whole("approvals.valid_days", self.valid_days, 1, 365)
        for name in ("four_eyes", "carry_out"):
            require_choice(f"approvals.{name}", str(getattr(self, name)), ("True", "False"))


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A receiver of messages about events.

    Attributes:
        name: Name in conf.
        kind: ``http`` (POST to an address), ``command`` (a program gets the message on standard input) or
            ``databricks_job`` (a job is run).
        events: Names of events, or ``["*"]``.
        since: Events from this day on (UTC), YYYY-MM-DD, or None for all.
        url: Address on this machine (loopback); for others see ``url_variable``.
        url_variable: Environment variable that holds the address.
        secret_variable: Environment variable that holds the secret for signing.
        command: Program and words.
        job_variable: Environment variable that holds the id of the Databricks job.
        timeout_s: Seconds to wait for an answer, 0.1 to 300.
        attempts: Attempts before it is given up, 1 to 20.
        first_wait_s: Seconds before the second attempt, doubled for each further one, 0 to 3600.
    """

    name: str
    kind: str
    events: Sequence[str]
    since: str | date | None = None
    url: str | None = None
    url_variable: str | None = None
    secret_variable: str | None = None
    command: Sequence[str] = ()
    job_variable: str | None = None
    timeout_s: float = 10.0
    attempts: int = 8
    first_wait_s: float = 2.0

    def __post_init__(self) -> None:
        """Check that the kind has what it needs and numbers are in range."""
        require_choice("webhooks.kind", self.kind, tuple(_NEEDS))
        if not any(getattr(self, name) for name in _NEEDS[self.kind]):
            raise OptionError.out_of_range(f"webhooks.{self.name}", self.kind, f"with {' or '.join(_NEEDS[self.kind])}")
        if self.kind == "http" and not self.secret_variable:
            raise OptionError.out_of_range(f"webhooks.{self.name}", None, "with secret_variable: calls are signed")
        if self.since is not None:
            object.__setattr__(self, "since", parse_date("webhooks.since", self.since))
        require_between("webhooks.timeout_s", self.timeout_s, 0.1, 300)
        require_whole("webhooks.attempts", self.attempts, 1, 20)
        require_between("webhooks.first_wait_s", self.first_wait_s, 0, 3600)


_NEEDS = {"http": ("url", "url_variable"), "command": ("command",), "databricks_job": ("job_variable",)}


@dataclass(frozen=True, kw_only=True)
class GovernanceOptions:
    """What an environment asks of those who change its models.

    Attributes:
        trust_environment_user: Whether ``BOATHOUSE_USER`` may name the person, outside Databricks.
        released_code: What counts as released: ``any``, ``clean_commit``, ``tag`` or ``wheel``.
        approvals: See :class:`ApprovalOptions`.
        roles: For every action the names of those who may, or ``*``.
        webhooks: By name, each a :class:`Webhook` without its name.
        audit: See :class:`AuditOptions`.
    """

    trust_environment_user: bool
    released_code: str
    approvals: ApprovalOptions | Mapping[str, Any]
    roles: Mapping[str, Sequence[str]]
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    audit: AuditOptions | Mapping[str, Any] = field(default_factory=AuditOptions)

    def __post_init__(self) -> None:
        """Build the groups and check that every action has its names."""
        require_choice("released_code", self.released_code, RELEASES)
        if set(self.roles) != set(ACTIONS):
            raise OptionError.unknown_choice("roles", sorted(self.roles), ACTIONS)
        if isinstance(self.approvals, Mapping):
            object.__setattr__(self, "approvals", ApprovalOptions(**self.approvals))
        if isinstance(self.audit, Mapping):
            object.__setattr__(self, "audit", AuditOptions(**self.audit))
        _ = self.hooks

    @property
    def rules(self) -> ApprovalOptions:
        """The approvals, built."""
        if isinstance(self.approvals, ApprovalOptions):
            return self.approvals
        return ApprovalOptions(**self.approvals)

    @property
    def hooks(self) -> tuple[Webhook, ...]:
        """The webhooks, built; an entry set to null is switched off."""
        return tuple(Webhook(name=name, **entry) for name, entry in self.webhooks.items() if entry)

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the anchors of the audit tables."""
        return tuple(self.audit.anchors if isinstance(self.audit, AuditOptions) else AuditOptions(**self.audit).anchors)

    def allows(self, actor: str, action: str) -> bool:
        """Return whether ``actor`` may do ``action``."""
        return bool({actor, EVERYBODY} & set(self.roles[action]))


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a process knows of who runs it.

    Attributes:
        platform: User or service principal that the platform vouches for; None outside it.
        system: Name of the system user; the owner of the machine can choose it.
        environment: ``BOATHOUSE_USER``; any user can set it; None if unset.
    """

    platform: str | None
    system: str
    environment: str | None = None


@dataclass(frozen=True)
class Identity:
    """Who acts.

    Attributes:
        name: User name, or application id of a service principal.
        source: ``platform``, which vouches for it, or ``system``, which does not.
    """

    name: str
    source: str


def choose_identity(claims: Claims, *, trust_environment_user: bool) -> Identity:
    """Return who acts: by the platform; outside it by ``BOATHOUSE_USER`` where trusted, else the system user."""
    if claims.platform is not None:
        return Identity(claims.platform, "platform")
    if trust_environment_user and claims.environment:
        return Identity(claims.environment, "system")
    return Identity(claims.system, "system")
