"""The state of one endpoint by its records: conf, with what commands changed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.overlay import apply_changes
from boathouse.errors import EndpointError, OptionError, RolloutError
from boathouse.lifecycle.ledger import DEPLOYMENTS

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """What an endpoint serves, and since when.

    Attributes:
        name: Name of the endpoint.
        document: Its configuration: conf with ``changes``.
        conf: The document in conf; None for an endpoint that conf does not have.
        changes: What commands changed, see :mod:`boathouse.endpoints.overlay`; None in a record from before that was
            kept apart: its whole document counts.
        problem: Why ``changes`` do not fit conf any more, so that the whole recorded document counts; or empty.
        sequence: Place of the record that brought it into force; 0: the document in conf, nothing recorded.
        kind: Kind of that record; ``conf`` without one.
        undo: Place of the record to whose configuration a rollback returns; 0: the document in conf; None:
            there is nothing to return to.
        actor: Who changed it, for people to read; empty without a record.
        changed_at: When, UTC; None without a record.
        comment: Why.
        evidence: What the record rests on, its configuration included.
        environment: Environment whose table holds the record; commands that messages suggest name it.
    """

    name: str
    document: Document
    conf: Document | None = None
    changes: Document | None = field(default_factory=dict)
    problem: str = ""
    sequence: int = 0
    kind: str = "conf"
    undo: int | None = None
    actor: str = ""
    changed_at: datetime | None = None
    comment: str = ""
    evidence: Mapping[str, Any] | None = None
    environment: str

    @property
    def config(self) -> EndpointConfig:
        """The configuration, checked.

        Raises:
            EndpointError: If it cannot be served.
        """
        try:
            return EndpointConfig.from_document(self.name, self.document)
        except (EndpointError, OptionError) as error:
            if not self.sequence:
                raise
            raise EndpointError(
                f"Record {self.sequence} of {DEPLOYMENTS} cannot be served: {error} Return to conf with "
                f"`boathouse endpoints reset {self.name} --comment WHY --env {self.environment}`."
            ) from error

    @property
    def base(self) -> EndpointConfig | None:
        """The configuration in conf, checked; None if conf does not have the endpoint.

        Raises:
            EndpointError: If it cannot be served.
        """
        return None if self.conf is None else EndpointConfig.from_document(self.name, self.conf)


def find_state(
    name: str, records: Sequence[AuditRecord], document: Document | None, *, environment: str
) -> EndpointState:
    """Return the newest recorded configuration of ``name`` over ``document``, else ``document``.

    Raises:
        RolloutError: If there is neither.
    """
    for record in reversed(records):
        state = read_record(name, record, document, environment=environment)
        if state is not None:
            return state
    if document is None:
        raise RolloutError(
            f"There is no endpoint '{name}': not in conf/base/serving/endpoints.yml, not in {DEPLOYMENTS}. "
            f"`boathouse endpoints list --env {environment}` shows those there are."
        )
    return EndpointState(name=name, document=document, conf=document, environment=environment)


def read_record(name: str, record: AuditRecord, conf: Document | None, *, environment: str) -> EndpointState | None:
    """Return the state that a record brought into force; None for one of another endpoint, or without one."""
    if record.subject != name:
        return None
    evidence = record.read_evidence()
    if "config" not in evidence:
        return None
    changes = evidence.get("changes")
    document, problem = _lay_over(name, conf, changes, evidence["config"])
    return EndpointState(
        name=name,
        environment=environment,
        document=document,
        conf=conf,
        changes=changes,
        problem=problem,
        sequence=record.sequence,
        kind=record.kind,
        undo=evidence.get("undo"),
        actor=record.who,
        changed_at=record.occurred_at,
        comment=record.comment,
        evidence=evidence,
    )


def _lay_over(name: str, conf: Document | None, changes: Document | None, recorded: Document) -> tuple[Document, str]:
    """Return conf with ``changes``; the recorded document, and why, where that cannot be."""
    if conf is None or changes is None:
        return recorded, ""
    try:
        return apply_changes(EndpointConfig.from_document(name, conf), changes).to_document(), ""
    except (EndpointError, OptionError) as error:
        return recorded, str(error)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return recorded, f"they are of another form ({type(error).__name__})"
