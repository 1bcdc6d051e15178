"""Rules of alerts, as read from ``params:monitoring.alerts``: which measure, beyond which limit, is worth telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

from boathouse.databricks.secrets import SecretReference
from boathouse.errors import OptionError
from boathouse.lifecycle.policy import Webhook
from boathouse.monitoring.actions import ACTIONS
from boathouse.monitoring.measures import ALL_ROWS, Kind
from boathouse.options import parse_date, require_between, require_choice, require_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

Bound = Literal["value", "low", "high"]
Severity = Literal["info", "warning", "alarm"]
# The least urgent first.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
# A drift is a symptom: alone it is no alarm, and it is the diagnosis of one.
SYMPTOMS: tuple[Kind, ...] = ("feature", "prediction", "label")
ANY_SUBJECT = "*"
# More windows than a table of measures has after some years.
_MOST_WINDOWS = 60


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """When one kind of measure is worth telling.

    Attributes:
        name: Name in conf.
        kind: Kind of the measure, of :data:`boathouse.monitoring.measures.Kind`.
        metric: Its metric.
        subject: Pattern of its subject: ``*`` stands for any text, ``?`` for one letter.
        scope: Pattern of its scope likewise: ``all`` for all rows, ``*=*`` for every slice.
        bound: What is held against the limit: the ``value``, or the ``low`` or ``high`` end of its interval.
        above: Limit that it may not exceed; None for a rule with ``below``.
        below: Limit that it may not fall below; None for a rule with ``above``.
        needed: Of the newest ``windows`` windows so many have to be beyond the limit, the newest among them.
        windows: Windows looked at, 1 to 60.
        status: Which measures count: ``measured``, or ``estimated`` before labels are known.
        severity: ``info``, ``warning`` or ``alarm``.
        owner: Who is asked: a name or a group.
        runbook: Page that says what to do.
        action: Name of the one action, of :data:`boathouse.monitoring.actions.ACTIONS`.
    """

    name: str
    kind: str
    metric: str
    severity: Severity
    owner: str
    runbook: str
    action: str
    subject: str = ANY_SUBJECT
    scope: str = ALL_ROWS
    bound: Bound = "value"
    above: float | None = None
    below: float | None = None
    needed: int = 1
    windows: int = 1
    status: Literal["measured", "estimated"] = "measured"

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            OptionError: Naming rule and option, its value and what is allowed.
        """
        where = f"alerts.rules.{self.name}"
        require_choice(f"{where}.kind", self.kind, get_args(Kind))
        require_choice(f"{where}.severity", self.severity, SEVERITIES)
        require_choice(f"{where}.bound", self.bound, get_args(Bound))
        require_choice(f"{where}.status", self.status, ("measured", "estimated"))
        require_choice(f"{where}.action", self.action, tuple(ACTIONS))
        require_whole(f"{where}.windows", self.windows, 1, _MOST_WINDOWS)
        require_whole(f"{where}.needed", self.needed, 1, self.windows)
        for name in ("metric", "subject", "scope", "owner", "runbook"):
            if not str(getattr(self, name)).strip():
                raise OptionError.out_of_range(f"{where}.{name}", "", "a text that is not empty")
        if (self.above is None) == (self.below is None):
            given = {"above": self.above, "below": self.below}
            raise OptionError.out_of_range(f"{where}.above", given, "one of above and below")
        require_between(f"{where}.{self.direction}", self.limit, -1e15, 1e15)
        if self.kind in SYMPTOMS and self.severity == "alarm":
            allowed = "info or warning: drift alone is no alarm, performance and value are"
            raise OptionError.out_of_range(f"{where}.severity", self.severity, allowed)

    @property
    def direction(self) -> str:
        """``above`` or ``below``."""
        return "below" if self.above is None else "above"

    @property
    def limit(self) -> float:
        """The limit, whichever side it is on."""
        return self.below if self.above is None else self.above  # type: ignore[return-value] # one of them is set

    @property
    def target(self) -> tuple[str, ...]:
        """What it looks at; two rules of one target look at the same figure."""
        return self.kind, self.metric, self.subject, self.scope, self.bound, self.status

    def is_crossed(self, value: float) -> bool:
        """Return whether ``value`` is beyond the limit; the limit itself is allowed."""
        return value < self.limit if self.above is None else value > self.limit


@dataclass(frozen=True, kw_only=True)
class EmailOptions:
    """A server that takes e-mail, and to whom alerts are sent.

    Attributes:
        host: Name of the server.
        port: Its port, 1 to 65535.
        sender: Address of the sender.
        to: Addresses of the receivers.
        starttls: Whether the connection is encrypted before anything is said.
        user: Account; empty for a server that asks for none.
        password_variable: Environment variable that holds the account's password; empty for none.
        password_secret: ``{scope, key}`` of it on a Databricks runtime; a variable that is set counts before it.
        least: Least severity that is sent.
        since: Events from this day on (UTC), YYYY-MM-DD, or None for all.
        timeout_s: Seconds to wait for the server, 0.1 to 300.
        attempts: Attempts before a message is given up, 1 to 20.
        first_wait_s: Seconds before the second attempt, doubled for each further one, 0 to 3600.
    """

    host: str
    sender: str
    to: Sequence[str]
    port: int = 587
    starttls: bool = True
    user: str = ""
    password_variable: str = ""
    password_secret: Mapping[str, str] | None = None
    least: Severity = "warning"
    since: str | date | None = None
    timeout_s: float = 10.0
    attempts: int = 8
    first_wait_s: float = 2.0

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("alerts.email.port", self.port, 1, 65535)
        require_choice("alerts.email.least", self.least, SEVERITIES)
        require_between("alerts.email.timeout_s", self.timeout_s, 0.1, 300)
        require_whole("alerts.email.attempts", self.attempts, 1, 20)
        require_between("alerts.email.first_wait_s", self.first_wait_s, 0, 3600)
        for address in (self.sender, *self.to):
            # A line break in an address would add a header of its own.
            if address.count("@") != 1 or any(letter.isspace() for letter in address):
                raise OptionError.out_of_range("alerts.email", address, "addresses as name@host")
        if not self.to:
            raise OptionError.out_of_range("alerts.email.to", [], "one address or more")
        if self.since is not None:
            object.__setattr__(self, "since", parse_date("alerts.email.since", self.since))
        if self.user and not self.starttls and self.host not in {"localhost", "127.0.0.1", "::1"}:
            raise OptionError.out_of_range(
                "alerts.email.starttls", self.starttls, "true: a password is not sent in the clear"
            )
        _ = self.password

    def includes(self, day: date) -> bool:
        """Return whether events of ``day`` are sent."""
        return self.since is None or day >= parse_date("alerts.email.since", self.since)

    @property
    def password(self) -> SecretReference:
        """Where the password is kept.

        Raises:
            OptionError: If conf names it in another form than scope and key.
        """
        given = dict(self.password_secret or {})
        unknown = sorted(given.keys() - {"scope", "key"})
        if unknown:
            raise OptionError.out_of_range("alerts.email.password_secret", unknown, "scope and key")
        return SecretReference(name="alerts.email.password", variable=self.password_variable, **given)


@dataclass(frozen=True, kw_only=True)
class AlertOptions:
    """Which alerts there are, and who is told.

    Attributes:
        rules: By name, each an :class:`AlertRule` without its name; null switches one off.
        webhooks: By name, as those of governance: each a :class:`Webhook` without its name.
        least: Least severity that webhooks are sent.
        email: An :class:`EmailOptions`; null for none.
    """

    rules: Mapping[str, Any]
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    least: Severity = "warning"
    email: EmailOptions | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Build everything once, so that a fault is found before anything runs.

        Raises:
            OptionError: Naming the rule or option, its value and what is allowed.
        """
        require_choice("alerts.least", self.least, SEVERITIES)
        check_rules(self.built_rules)
        _ = self.hooks
        if isinstance(self.email, Mapping):
            object.__setattr__(self, "email", EmailOptions(**self.email))

    @property
    def built_rules(self) -> tuple[AlertRule, ...]:
        """The rules in the order of conf."""
        return tuple(AlertRule(name=name, **entry) for name, entry in self.rules.items() if entry)

    @property
    def hooks(self) -> tuple[Webhook, ...]:
        """The webhooks, built; an entry set to null is switched off."""
        return tuple(Webhook(name=name, **entry) for name, entry in self.webhooks.items() if entry)

    @property
    def mail(self) -> EmailOptions | None:
        """The e-mail, built, or None."""
        return EmailOptions(**self.email) if isinstance(self.email, Mapping) else self.email


def check_rules(rules: Iterable[AlertRule]) -> None:
    """Check that no two rules contradict each other.

    Raises:
        OptionError: If two rules of one figure and side have one severity, or the more urgent one the nearer limit; or
            if one allows nothing that the other allows.
    """
    for first, second in combinations(rules, 2):
        if first.target != second.target:
            continue
        names = f"alerts.rules.{first.name} and {second.name}"
        if first.direction != second.direction:
            low, high = sorted((first, second), key=lambda rule: rule.direction == "above")
            if high.limit < low.limit:
                found = f"above {high.limit:g} and below {low.limit:g}"
                raise OptionError.out_of_range(names, found, "limits that leave some value between them")
        elif first.severity == second.severity:
            raise OptionError.out_of_range(names, first.severity, "one rule of a severity for one figure and side")
        else:
            mild, urgent = sorted((first, second), key=lambda rule: SEVERITIES.index(rule.severity))
            if not mild.is_crossed(urgent.limit):
                found = f"{mild.severity} {mild.direction} {mild.limit:g}, {urgent.severity} {urgent.limit:g}"
                raise OptionError.out_of_range(names, found, "the more urgent rule with the limit that is further out")
