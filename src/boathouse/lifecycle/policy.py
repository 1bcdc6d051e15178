"""Who may do what, and what has to be approved: the rules that an environment sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from boathouse.databricks.secrets import SecretReference
from boathouse.errors import LifeCycleError, OptionError
from boathouse.lifecycle.audit_options import AuditOptions
from boathouse.options import parse_date, require_between, require_choice, require_whole

if TYPE_CHECKING:
    from boathouse.lifecycle.rules_in_force import ConfState

# What a person can do to a model.
ACTIONS = ("request", "approve", "promote", "rollback", "archive", "copy", "stop")
EVERYBODY = "*"
# Stands in conf for every account of the machine, off the platform; a name that is only declared is none.
ANY_ACCOUNT = "@system"
RELEASES = ("any", "clean_commit", "tag", "wheel")
RELEASE_MODES = ("off", "warn", "enforce")
PLATFORM, SYSTEM, DECLARED = "platform", "system", "declared"
# What vouches for a name: the platform, the account of the operating system, or nothing but who typed it.
ASSURANCES = (PLATFORM, SYSTEM, DECLARED)
UNKNOWN_ASSURANCE = "unknown"


@dataclass(frozen=True, kw_only=True)
class ApprovalOptions:
    """What has to be approved.

    Attributes:
        needed: Different persons who have to approve before a version becomes champion, 0 to 5.
        valid_days: Days after which an approval no longer counts, 1 to 365.
        four_eyes: Whether an approval by the person who trained the version, or asked for the step, does not count.
        carry_out: Whether the last approval needed carries the request out at once.
        accepted_assurance: What has to vouch for the name of who approves, for ``on_platform`` (a Databricks runtime)
            and for ``elsewhere``: names out of ``platform``, ``system`` and ``declared``.
    """

    needed: int
    valid_days: int
    four_eyes: bool
    carry_out: bool
    accepted_assurance: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        """Check ranges."""
        require_whole("approvals.needed", self.needed, 0, 5)
        require_whole("approvals.valid_days", self.valid_days, 1, 365)
        for name in ("four_eyes", "carry_out"):
            require_choice(f"approvals.{name}", str(getattr(self, name)), ("True", "False"))
        if set(self.accepted_assurance) != set(_PLACES):
            raise OptionError.unknown_choice("approvals.accepted_assurance", sorted(self.accepted_assurance), _PLACES)
        for place, names in self.accepted_assurance.items():
            for name in [names] if isinstance(names, str) else names:
                require_choice(f"approvals.accepted_assurance.{place}", name, ASSURANCES)

    @property
    def accepted(self) -> tuple[str, ...]:
        """What vouches well enough for who approves, where this process runs."""
        return tuple(self.accepted_assurance[_PLACES[0] if is_on_platform() else _PLACES[1]])


_PLACES = ("on_platform", "elsewhere")


def is_on_platform() -> bool:
    """Return whether this process runs on a Databricks runtime."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


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
        url_secret: ``{scope, key}`` of the address on a Databricks runtime; a variable that is set counts before it.
        secret_variable: Environment variable that holds the secret for signing.
        signing_secret: ``{scope, key}`` of the secret for signing on a Databricks runtime, as ``url_secret``.
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
    url_secret: Mapping[str, str] | None = None
    secret_variable: str | None = None
    signing_secret: Mapping[str, str] | None = None
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
        if self.kind == "http" and not self.secret_variable and not self.signing_secret:
            allowed = "with secret_variable or signing_secret: calls are signed"
            raise OptionError.out_of_range(f"webhooks.{self.name}", None, allowed)
        for part in ("url", "signing"):
            self.secret(part)
        if self.since is not None:
            object.__setattr__(self, "since", parse_date("webhooks.since", self.since))
        require_between("webhooks.timeout_s", self.timeout_s, 0.1, 300)
        require_whole("webhooks.attempts", self.attempts, 1, 20)
        require_between("webhooks.first_wait_s", self.first_wait_s, 0, 3600)

    def secret(self, part: str) -> SecretReference:
        """Return where the address (``url``) or the secret for signing (``signing``) is kept.

        Raises:
            OptionError: If conf names it in another form than scope and key.
        """
        variable = {"url": self.url_variable, "signing": self.secret_variable}[part]
        given = dict({"url": self.url_secret, "signing": self.signing_secret}[part] or {})
        unknown = sorted(given.keys() - {"scope", "key"})
        if unknown:
            raise OptionError.out_of_range(f"webhooks.{self.name}.{part}", unknown, "scope and key")
        return SecretReference(name=f"webhooks.{self.name}.{part}", variable=variable or "", **given)


_NEEDS = {"http": ("url", "url_variable", "url_secret"), "command": ("command",), "databricks_job": ("job_variable",)}


@dataclass(frozen=True, kw_only=True)
class GovernanceOptions:
    """What an environment asks of those who change its models.

    Attributes:
        released_code: What counts as released: ``any``, ``clean_commit``, ``tag`` or ``wheel``.
        released_runs: What happens to a run or command that writes, if its code or its configuration is not released:
            ``off`` (or false, as YAML reads a bare off), ``warn`` or ``enforce``.
        approvals: See :class:`ApprovalOptions`.
        groups: Names of persons and services by group; ``@system`` in one is every account of this machine.
        roles: For every action those who may: names, ``@`` and a group, or ``*``.
        webhooks: By name, each a :class:`Webhook` without its name.
        audit: See :class:`AuditOptions`.
    """

    released_code: str
    released_runs: str | bool
    approvals: ApprovalOptions | Mapping[str, Any]
    roles: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    audit: AuditOptions | Mapping[str, Any] = field(default_factory=AuditOptions)

    def __post_init__(self) -> None:
        """Build the groups of options and check that every action has its names, and every group its members."""
        require_choice("released_code", self.released_code, RELEASES)
        require_choice("released_runs", self.release_mode, RELEASE_MODES)
        if set(self.roles) != set(ACTIONS):
            raise OptionError.unknown_choice("roles", sorted(self.roles), ACTIONS)
        known = {ANY_ACCOUNT, *(f"@{name}" for name in self.groups)}
        for action, names in self.roles.items():
            for name in names:
                if name.startswith("@") and name not in known:
                    raise OptionError.unknown_choice(f"roles.{action}", name, known)
        if isinstance(self.approvals, Mapping):
            object.__setattr__(self, "approvals", ApprovalOptions(**self.approvals))
        if isinstance(self.audit, Mapping):
            object.__setattr__(self, "audit", AuditOptions(**self.audit))
        _ = self.hooks

    @property
    def release_mode(self) -> str:
        """``off``, ``warn`` or ``enforce``."""
        return "off" if self.released_runs is False else str(self.released_runs)

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

    def allows(self, actor: Identity, action: str) -> bool:
        """Return whether ``actor`` may do ``action``."""
        members = set(self.list_members(action))
        if EVERYBODY in members or (ANY_ACCOUNT in members and actor.assurance == SYSTEM):
            return True
        # No person is called like a group: a name can be typed.
        return actor.name in members and not actor.name.startswith("@")

    def list_members(self, action: str) -> tuple[str, ...]:
        """Return the names that may do ``action``, those of groups included, sorted."""
        members: set[str] = set()
        for name in self.roles[action]:
            members |= set(self.groups.get(name.removeprefix("@"), ())) if self._is_group(name) else {name}
        return tuple(sorted(members))

    def say_who_may(self, action: str) -> str:
        """Return who may do ``action``, for a message."""
        names = [
            f"{name} (every account of this machine, off the platform)" if name == ANY_ACCOUNT else name
            for name in self.list_members(action)
        ]
        return ", ".join(names) or "no person"

    def _is_group(self, name: str) -> bool:
        return name.startswith("@") and name != ANY_ACCOUNT


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a process knows of who runs it.

    Attributes:
        platform: User or service principal that the platform vouches for; None outside it.
        system: Name of the account that the process runs under, by the operating system.
        declared: Name that the person who runs it gave, by ``--as`` or ``BOATHOUSE_USER``; None if there is none.
        conf: The configuration that it runs with; None where that is not known.
    """

    platform: str | None
    system: str
    declared: str | None = None
    conf: ConfState | None = None


@dataclass(frozen=True)
class Identity:
    """Who acts.

    Attributes:
        name: User name, or application id of a service principal.
        assurance: What vouches for the name: ``platform``, ``system`` or ``declared``.
        account: For a declared name the account that declared it, else empty.
    """

    name: str
    assurance: str
    account: str = ""

    def to_evidence(self) -> dict[str, str]:
        """Return what a record of the ledger holds of it beside name and assurance."""
        return {"identity": self.assurance, **({"account": self.account} if self.account else {})}


def check_assurance(identity: Identity, options: ApprovalOptions) -> None:
    """Raise unless what vouches for ``identity`` is enough for an approval here.

    Raises:
        LifeCycleError: Saying what vouches for it, and what is accepted.
    """
    if identity.assurance not in options.accepted:
        raise LifeCycleError(
            f"{say_not_accepted(identity.name, identity.assurance, options)} Approve under an identity of that kind, "
            "or have governance.approvals.accepted_assurance changed in conf."
        )


def say_not_accepted(name: str, assurance: str, options: ApprovalOptions) -> str:
    """Return why an approval by ``name`` does not count, in one sentence."""
    accepted = " or ".join(f"'{each}'" for each in options.accepted) or "none"
    return f"An approval by {name} rests on assurance '{assurance}' and does not count here; accepted: {accepted}."


# Who acts; of a plain name nothing vouches for it that the record could hold.
Actor = Identity | str


def identify_actor(actor: Actor) -> Identity:
    """Return ``actor`` as an identity: of a plain name, such as that of a program, the assurance is ``unknown``."""
    return actor if isinstance(actor, Identity) else Identity(actor, UNKNOWN_ASSURANCE)


def mark_declared(name: str, assurance: str | None) -> str:
    """Return ``name`` for people to read: with a mark if nothing but who typed it vouches for it."""
    return f"{name} ({DECLARED})" if assurance == DECLARED else name


def choose_identity(claims: Claims) -> Identity:
    """Return who acts: by the platform; outside it by the name declared, if there is one, else by the account."""
    if claims.platform is not None:
        return Identity(claims.platform, PLATFORM)
    if claims.declared and claims.declared != claims.system:
        return Identity(claims.declared, DECLARED, claims.system)
    return Identity(claims.system, SYSTEM)
