"""What may follow what: each rule looks at the state and raises, or lets the step be recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.evidence import ApprovalState
from boathouse.lifecycle.policy import ApprovalOptions
from boathouse.lifecycle.state import Approval, ModelState, Request, VersionState


def find_version(life: ModelState, version: str) -> VersionState:
    """Return the version.

    Raises:
        LifeCycleError: If it was never registered.
    """
    if version not in life.versions:
        raise LifeCycleError.unknown_version(life.name, version, life.versions)
    return life.versions[version]


def check_request(life: ModelState, version: str, to: str) -> None:
    """Raise unless ``version`` may be asked to be moved ``to`` staging or production.

    Raises:
        LifeCycleError: If it is unknown, withdrawn, there already, asked for already, or the gates say no.
    """
    found = find_version(life, version)
    target = event_types.TARGETS[to]
    if found.stage in {target, event_types.CHAMPION}:
        raise LifeCycleError.already_there(version, found.stage)
    _check_alive(found)
    open_one = life.find_request(version, to)
    if open_one is not None and not open_one.closed:
        raise LifeCycleError.open_request(version, to, open_one.by, open_one.at)
    _check_gates(life, found, to)


def check_approval(
    life: ModelState, version: str, *, actor: str, digest: str | None, now: datetime, options: ApprovalOptions
) -> Request:
    """Return the open request that ``actor`` may approve.

    Raises:
        LifeCycleError: If there is none, the files changed, it is the actor's own, or the actor did already.
    """
    found = find_version(life, version)
    request = find_open_request(life, version)
    check_digest(found, digest)
    if options.four_eyes:
        _check_other_eyes(found, request, actor)
    for approval in request.approvals:
        if approval.by == actor and why_void(approval, found, now, options) is None:
            raise LifeCycleError.approved_before(actor, version, approval.at)
    return request


def find_open_request(life: ModelState, version: str) -> Request:
    """Return the open request for ``version``.

    Raises:
        LifeCycleError: If there is none; says how the last one ended.
    """
    find_version(life, version)
    request = life.find_request(version)
    if request is None or request.closed:
        raise LifeCycleError.no_request(version, request.closed if request else "")
    return request


def check_promotion(
    life: ModelState, version: str, *, to: str, digest: str | None, now: datetime, options: ApprovalOptions
) -> None:
    """Raise unless ``version`` may be moved ``to`` staging or production now.

    Raises:
        LifeCycleError: If it is unknown, withdrawn or changed, if the gates did not let it pass against the
            champion of now, or if approvals are missing.
    """
    found = find_version(life, version)
    if found.stage in {event_types.TARGETS[to], event_types.CHAMPION}:
        raise LifeCycleError.already_there(version, found.stage)
    _check_alive(found)
    check_digest(found, digest)
    _check_gates(life, found, to)
    if to == "production":
        check_approved(life, found, now, options)


def check_approved(life: ModelState, found: VersionState, now: datetime, options: ApprovalOptions) -> None:
    """Raise unless enough valid approvals are there for production.

    Raises:
        LifeCycleError: Giving the number that count, and why others do not.
    """
    valid, void = count_approvals(life, found, now, options)
    if valid < count_needed(found, options):
        raise LifeCycleError.approvals_missing(
            found.version, valid, count_needed(found, options), "".join(f" {each}" for each in void)
        )


def count_needed(found: VersionState, options: ApprovalOptions) -> int:
    """Return how many approvals a version needs for production: one at least if the gates wait for it."""
    return max(options.needed, int(found.check is not None and found.check.waits))


def count_approvals(
    life: ModelState, found: VersionState, now: datetime, options: ApprovalOptions, *, to: str = "production"
) -> tuple[int, list[str]]:
    """Return how many persons' approvals of the open request ``to`` there count, and why others do not."""
    request = life.find_request(found.version, to)
    approvals = request.approvals if request is not None and not request.closed else ()
    reasons = [(each, why_void(each, found, now, options)) for each in approvals]
    valid = {each.by for each, reason in reasons if reason is None}
    return len(valid), [reason for each, reason in reasons if reason is not None and each.by not in valid]


def why_void(approval: Approval, found: VersionState, now: datetime, options: ApprovalOptions) -> str | None:
    """Return why an approval does not count, or None if it does."""
    if approval.digest != found.digest:
        return f"{approval.by} approved other files."
    if now - approval.at > timedelta(days=options.valid_days):
        return f"The approval of {approval.by} from {approval.at:%Y-%m-%d} expired after {options.valid_days} days."
    return None


def check_archive(life: ModelState, version: str) -> None:
    """Raise unless ``version`` may be archived.

    Raises:
        LifeCycleError: If it is unknown, champion, or archived already.
    """
    found = find_version(life, version)
    if found.stage == event_types.CHAMPION:
        raise LifeCycleError.champion_stays(version)
    if found.stage == event_types.WITHDRAWN:
        raise LifeCycleError.archived_before(version, found.moved_at)


def find_rollback(life: ModelState, to: str | None = None) -> tuple[str, str]:
    """Return the champion and the version that a rollback puts in its place: ``to``, else the previous one.

    Raises:
        LifeCycleError: If there is no champion, no previous version, or ``to`` was never in charge.
    """
    if life.champion is None:
        raise LifeCycleError.no_champion(life.name)
    former = [each.version for each in life.versions.values() if each.was_champion and each.version != life.champion]
    if to is None:
        if life.previous is None:
            raise LifeCycleError.no_previous(life.name, life.champion, former)
        return life.champion, life.previous
    find_version(life, to)
    if to == life.champion:
        raise LifeCycleError.already_there(to, event_types.CHAMPION)
    if to not in former:
        raise LifeCycleError.never_champion(to, former)
    return life.champion, to


def check_digest(found: VersionState, digest: str | None) -> None:
    """Raise unless the files are those that were registered.

    Raises:
        LifeCycleError: Giving both digests.
    """
    if digest != found.digest:
        raise LifeCycleError.changed_digest(found.version, found.digest, digest)


def _check_alive(found: VersionState) -> None:
    if found.stage == event_types.WITHDRAWN:
        raise LifeCycleError.withdrawn(found.version, found.reason)


def _check_gates(life: ModelState, found: VersionState, to: str) -> None:
    """Raise unless the gates allow it: staging takes what they did not reject, production what they let pass."""
    check = found.check
    if to == "staging":
        if check is not None and check.outcome == "rejected":
            raise LifeCycleError.not_passed(found.version, check.outcome, check.reason)
        return
    if check is None or check.digest not in {None, found.digest}:
        raise LifeCycleError.not_checked(life.name, found.version)
    if not check.passed:
        raise LifeCycleError.not_passed(found.version, check.outcome, check.reason)
    if check.champion != life.champion:
        raise LifeCycleError.other_champion(found.version, check.champion, life.champion)


def _check_other_eyes(found: VersionState, request: Request, actor: str) -> None:
    if actor == found.trained_by:
        raise LifeCycleError.own_model(actor, found.version, "trained")
    if actor == request.by:
        raise LifeCycleError.own_model(actor, found.version, "asked for the step of")


def tell_approval(life: ModelState, version: str, *, now: datetime, options: ApprovalOptions) -> ApprovalState:
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
