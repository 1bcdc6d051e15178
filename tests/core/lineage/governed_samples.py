"""A model whose record is in order, from its ledger; a test breaks one thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from boathouse.core.audit import AuditEvent, AuditRecord, seal_events
from boathouse.core.lineage import VersionFacts
from boathouse.core.lineage.governed import GovernedModel, GovernedVersion, Metric
from boathouse.core.promotion.fold import fold
from boathouse.core.promotion.policy import ApprovalOptions
from tests.core.lineage.samples import NAME, make_facts

DAY = datetime(2005, 10, 1, 8, tzinfo=UTC)
DIGEST = "d" * 64
RULES = ApprovalOptions(needed=1, valid_days=14, four_eyes=True, carry_out=True)
GATES = [
    {"name": "minimum_roc_auc", "mode": "enforce", "passed": True, "value": 0.7, "limit": 0.65, "message": "Fine."},
    {"name": "calibration", "mode": "warn", "passed": False, "value": None, "limit": 0.05, "message": "Undefined."},
]


def event(day: int, kind: str, actor: str, evidence: dict[str, Any] | None = None, **more: Any) -> AuditEvent:
    """Return an event of version 3, ``day`` days after the first."""
    known = {"version": "3", "digest": DIGEST, "comment": f"{kind} it"} | more
    return AuditEvent(
        event_id=f"{kind}{day}",
        kind=kind,
        subject=NAME,
        actor=actor,
        occurred_at=DAY + timedelta(days=day),
        evidence=evidence or {},
        **known,
    )


STORY = (
    event(0, "registered", "otto", {"trained_by": "otto"}),
    event(1, "checked", "otto", {"outcome": "promoted", "champion": None, "gates": GATES}),
    event(2, "requested", "otto", {"to": "production"}),
    event(3, "approved", "vera", {"request": "requested2", "to": "production"}),
    event(4, "promoted", "vera", {"from": None, "stage": "champion"}),
)
DEPLOYED = seal_events(
    [
        AuditEvent(
            event_id="d1",
            kind="created",
            subject="missed_payment",
            actor="vera",
            occurred_at=DAY + timedelta(days=5),
            evidence={
                "config": {
                    "config": {"served_entities": [{"name": "champion", "entity_name": NAME, "entity_version": None}]},
                    "boathouse": {"follow": {"champion": "champion"}},
                }
            },
        )
    ]
)


def make_governed(
    story: tuple[AuditEvent, ...] = STORY, *, facts: VersionFacts | str | None = "whole", **changes: Any
) -> GovernedModel:
    """Return the model that ``story`` tells of, seen ten days after its beginning."""
    records: list[AuditRecord] = seal_events(story)
    life = fold(records, name=NAME)
    known = make_facts() if facts == "whole" else facts
    tables = () if not isinstance(known, VersionFacts) else known.tables
    if facts == "whole" and isinstance(known, VersionFacts):
        known = make_facts(tables=tuple(each for each in tables if each.readable is not False))
    version = GovernedVersion(
        version="3",
        facts=known if isinstance(known, VersionFacts) else None,
        life=life.versions.get("3"),
        records=tuple(records),
        metrics=(Metric(name="roc_auc", value=0.71, low=0.69, high=0.73),),
    )
    whole: dict[str, Any] = {
        "name": NAME,
        "at": DAY + timedelta(days=10),
        "life": life,
        "aliases": dict(life.aliases),
        "versions": (version,),
        "deployments": tuple(DEPLOYED),
        "breaks": (),
        "missing": (),
        "rules": RULES,
    }
    return GovernedModel(**(whole | changes))
