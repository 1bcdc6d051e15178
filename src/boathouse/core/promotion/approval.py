"""Whether a version is approved for production: what the ledger tells, for the gate to judge."""

from __future__ import annotations

from datetime import datetime, timedelta

from boathouse.core.promotion.evidence import ApprovalState
from boathouse.core.promotion.life import ModelLife
from boathouse.core.promotion.policy import ApprovalOptions
from boathouse.core.promotion.rules import count_approvals, why_void


def tell_approval(life: ModelLife, version: str, *, now: datetime, options: ApprovalOptions) -> ApprovalState:
    """Return whether enough persons have approved exactly these files, and until when that holds.

    A version that the ledger does not know is not approved. Where the environment asks for nobody, one approval counts
    all the same.
    """
    needed = max(options.needed, 1)
    found = life.versions.get(version)
    if found is None:
        return _missing(options, 0, needed, [])
    valid, void = count_approvals(life, found, now, options)
    if valid < needed:
        return _missing(options, valid, needed, void)
    request = life.find_request(version, "production")
    counted = [] if request is None else [each for each in request.approvals if not why_void(each, found, now, options)]
    return ApprovalState(
        required=options.needed > 0,
        approved=True,
        by=", ".join(dict.fromkeys(each.by for each in counted)),
        expires=min(each.at for each in counted) + timedelta(days=options.valid_days),
        reason=" ".join(each.comment for each in counted),
    )


def _missing(options: ApprovalOptions, valid: int, needed: int, void: list[str]) -> ApprovalState:
    reason = " ".join([f"{valid} of {needed} approvals are there", *void])
    return ApprovalState(required=options.needed > 0, approved=False, by=None, expires=None, reason=reason)
