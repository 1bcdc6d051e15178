"""The state of one registered model: its versions, their stages, checks, requests and approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from boathouse.lifecycle.policy import UNKNOWN_ASSURANCE, mark_declared

# Stages of a version, in the order in which it can pass them. Unity Catalog has none: they are tags.
REGISTERED, CHALLENGER, CHAMPION, PREVIOUS, ARCHIVED = "registered", "challenger", "champion", "previous", "archived"
STAGES = (REGISTERED, CHALLENGER, CHAMPION, PREVIOUS, ARCHIVED)
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)
# What a request can ask for, and the stage that a version has there.
TARGETS = {"staging": CHALLENGER, "production": CHAMPION}
# Results of the two steps that decide on a version, and of a check that no comparison has followed yet.
PASSED, FAILED = "passed", "failed"
COMPLIANT = "compliant"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A decision on a version: its compliance check and, if it passed that, the comparison.

    Attributes:
        outcome: ``rejected`` if it failed the compliance check, ``kept`` if it failed the comparison or waits for an
            approval, ``promoted`` if it passed both; ``compliant`` before the comparison.
        champion: Version it was held against, or None.
        digest: Digest of the version's files that was judged, or None if unknown.
        at: When, UTC.
        gates: Every gate that was not off, as plain values.
        reason: Why, in one sentence.
        waits: Whether nothing but an approval is missing.
        comparison: ``passed``, ``failed``, or empty if it was not compared.
    """

    outcome: str
    champion: str | None
    digest: str | None
    at: datetime
    gates: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""
    waits: bool = False
    comparison: str = ""

    @property
    def compliance(self) -> str:
        """Result of the compliance check: ``passed`` or ``failed``."""
        return FAILED if self.outcome == "rejected" else PASSED

    @property
    def passed(self) -> bool:
        """Whether the gates let it become champion, once it is approved where that is asked."""
        return self.outcome == "promoted" or self.waits


@dataclass(frozen=True, kw_only=True)
class Comment:
    """What a person wrote on a version: who, when (UTC), and the text."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One version of a registered model, by the ledger: what was decided about it, and when it changed its stage.

    The registry's own record, with tags and page, is ``lifecycle.registry.ModelVersionEntry``.

    Attributes:
        version: Version as text.
        digest: Digest of its files when it was registered, or None.
        stage: Of :data:`STAGES`.
        trained_by: Who ran the training.
        trained_with: What vouches for that name, of ``policy.ASSURANCES``, or ``unknown``.
        registered_at: When, UTC.
        check: The newest decision of the gates, or None.
        was_champion: Whether it ever was champion: rollback may go there.
        reason: Why it has its stage, in one sentence.
        source: Name and version that it was copied from, ``name/version``, or None.
        approved_by: Who approved the step that brought it to its stage, comma-separated, names that are only declared
            with that mark; or empty.
        moved_at: When it came to its stage, UTC.
        comments: What people wrote on it, in order.
        code: What the ledger holds of the code that made it, see ``version_gates.describe_code``; None if nothing.
    """

    version: str
    digest: str | None
    stage: str = REGISTERED
    trained_by: str
    trained_with: str = UNKNOWN_ASSURANCE
    registered_at: datetime
    check: Check | None = None
    was_champion: bool = False
    reason: str = ""
    source: str | None = None
    approved_by: str = ""
    moved_at: datetime
    comments: tuple[Comment, ...] = ()
    code: Mapping[str, Any] | None = None

    @property
    def trainer(self) -> str:
        """Who ran the training, for people to read: with a mark if the name is only declared."""
        return mark_declared(self.trained_by, self.trained_with)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A person's approval of a request.

    Attributes:
        by: Who.
        at: When, UTC.
        digest: Digest of the version's files that was approved, or None.
        comment: Why.
        assurance: What vouches for the name, of ``policy.ASSURANCES``, or ``unknown``.
        account: For a name that is only declared, the account that declared it, else empty.
    """

    by: str
    at: datetime
    digest: str | None
    comment: str
    assurance: str = UNKNOWN_ASSURANCE
    account: str = ""

    @property
    def who(self) -> str:
        """Who, for people to read: with a mark if the name is only declared."""
        return mark_declared(self.by, self.assurance)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to move a version.

    Attributes:
        request_id: Id of its record.
        version: Version to be moved.
        to: ``staging`` or ``production``.
        by: Who asked.
        at: When, UTC.
        comment: Why.
        approvals: In order.
        closed: What ended it, as ``rejected by vera``; empty while it is open.
        assurance: What vouches for who asked, of ``policy.ASSURANCES``, or ``unknown``.
    """

    request_id: str
    version: str
    to: str
    by: str
    at: datetime
    comment: str
    approvals: tuple[Approval, ...] = ()
    closed: str = ""
    assurance: str = UNKNOWN_ASSURANCE

    @property
    def who(self) -> str:
        """Who asked, for people to read: with a mark if the name is only declared."""
        return mark_declared(self.by, self.assurance)

    @property
    def approvers(self) -> str:
        """Who approved it so far, for people to read, comma-separated."""
        return ", ".join(each.who for each in self.approvals) or "none yet"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A champion that was stopped without a successor.

    Attributes:
        version: Version that was champion.
        by: Who stopped it, for people to read: with a mark if the name is only declared.
        at: When, UTC.
        reason: Why.
    """

    version: str
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """One registered model.

    Attributes:
        name: Registered name.
        versions: By version, in the order of registration.
        requests: In order, closed ones too.
        challengers: Versions that are challenger, in the order in which they became it.
        champion: Version that is champion, or None.
        previous: Version that rollback goes to, or None.
        rolled_back: What the last change of champion was if it was a rollback: ``(from, to, by, at)``.
        stopped: The stop that is in force; None once a version is champion again.
        judged: The version that the gates decided on last, or None.
        records: Number of records that it was projected from.
    """

    name: str
    versions: Mapping[str, ModelVersion] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    challengers: tuple[str, ...] = ()
    champion: str | None = None
    previous: str | None = None
    rolled_back: tuple[str, str, str, datetime] | None = None
    stopped: Stop | None = None
    judged: str | None = None
    records: int = 0

    @property
    def challenger(self) -> str | None:
        """The version that became challenger last and still is."""
        return self.challengers[-1] if self.challengers else None

    @property
    def aliases(self) -> dict[str, str]:
        """Aliases as the registry has to have them."""
        versions = {CHAMPION: self.champion, CHALLENGER: self.challenger, PREVIOUS: self.previous}
        return {alias: version for alias, version in versions.items() if version is not None}

    @property
    def is_updated(self) -> bool:
        """Whether the version that the gates decided on last is champion: what a deployment passes on."""
        return self.judged is not None and self.judged == self.champion

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """Requests without a decision."""
        return tuple(request for request in self.requests if not request.closed)

    def find_request(self, version: str, to: str | None = None) -> Request | None:
        """Return the newest request for ``version``, of all or of those to ``to``; an open one before closed ones."""
        requests = [each for each in self.requests if each.version == version and to in {None, each.to}]
        return next((each for each in reversed(requests) if not each.closed), requests[-1] if requests else None)
