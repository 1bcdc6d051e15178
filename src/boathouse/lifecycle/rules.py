"""The rules of the steps: each checks the state and raises, or lets the step be recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from boathouse.errors import LifeCycleError
from boathouse.lifecycle.evidence import ApprovalState
from boathouse.lifecycle.policy import ApprovalOptions, say_not_accepted
from boathouse.lifecycle.state import ARCHIVED, CHAMPION, FAILED, TARGETS, Approval, ModelState, ModelVersion, Request
from boathouse.namespaces import name_environment


def find_version(state: ModelState, version: str) -> ModelVersion:
    """Return the version.

    Raises:
        LifeCycleError: If it was never registered.
    """
    if version not in state.versions:
        raise LifeCycleError.unknown_version(state.name, version, state.versions)
    return state.versions[version]


def check_request(state: ModelState, version: str, to: str) -> None:
    """Raise unless ``version`` may be asked to be moved ``to`` staging or production.

    Raises:
        LifeCycleError: If it is unknown, archived, there already, asked for already, or the gates say no.
    """
    found = find_version(state, version)
    target = TARGETS[to]
    if found.stage in {target, CHAMPION}:
        raise LifeCycleError.already_there(version, found.stage)
    check_not_archived(found)
    requested = state.find_request(version, to)
    if requested is not None and not requested.closed:
        raise LifeCycleError(
            f"Version {version} is requested for {to} already, by {requested.by} at {_when(requested.at)}. "
            f"It waits for: {_name_command('approve', state, version)}"
        )
    # Staging may be asked for before the compliance check, which then decides on it.
    if to == "production" or found.check is not None:
        _check_gates(state, found, to)


def check_approval(
    state: ModelState, version: str, *, actor: str, digest: str | None, now: datetime, options: ApprovalOptions
) -> Request:
    """Return the open request that ``actor`` may approve.

    Raises:
        LifeCycleError: If there is none, the files changed, it is the actor's own, or the actor did already.
    """
    found = find_version(state, version)
    request = find_open_request(state, version)
    check_digest(found, digest)
    if options.four_eyes:
        _check_other_eyes(found, request, actor)
    if request.to == "staging":
        _check_gates(state, found, request.to)
    for approval in request.approvals:
        if approval.by == actor and why_void(approval, found, now, options) is None:
            raise LifeCycleError(
                f"{actor} approved version {version} already, at {_when(approval.at)}; it counts once."
            )
    return request


def find_open_request(state: ModelState, version: str) -> Request:
    """Return the open request for ``version``.

    Raises:
        LifeCycleError: If there is none; says how the last one ended.
    """
    find_version(state, version)
    request = state.find_request(version)
    if request is None or request.closed:
        ended = f" The last one is closed: {request.closed}." if request else ""
        raise LifeCycleError(
            f"There is no open request for version {version}.{ended} "
            f"Make one: {_name_command('request', state, version)} --to production (or staging)"
        )
    return request


def check_promotion(
    state: ModelState, version: str, *, to: str, digest: str | None, now: datetime, options: ApprovalOptions
) -> None:
    """Raise unless ``version`` may be moved ``to`` staging or production now.

    Raises:
        LifeCycleError: If it is unknown, archived or changed, if the gates did not let it pass against the
            champion of now, or if approvals are missing.
    """
    found = find_version(state, version)
    if found.stage in {TARGETS[to], CHAMPION}:
        raise LifeCycleError.already_there(version, found.stage)
    check_not_archived(found)
    check_digest(found, digest)
    _check_gates(state, found, to)
    if to == "production":
        check_approved(state, found, now, options)


def check_approved(state: ModelState, version: ModelVersion, now: datetime, options: ApprovalOptions) -> None:
    """Raise unless enough valid approvals are there for production.

    Raises:
        LifeCycleError: Giving the number that count, and why others do not.
    """
    valid, void = count_approvals(state, version, now, options)
    needed = count_needed(version, options)
    if valid < needed:
        reasons = "".join(f" {reason}" for reason in void)
        request = state.find_request(version.version, "production")
        if request is not None and not request.closed:
            asked = f"{request.who} asked for them at {_when(request.at)}. Who may approve types"
            following = f"{asked}: {_name_command('approve', state, version.version)}"
        else:
            following = f"Ask for them: {_name_command('request', state, version.version)} --to production"
        raise LifeCycleError(
            f"Version {version.version} has {valid} valid approval(s), needs {needed}.{reasons} {following}"
        )


def _name_command(step: str, state: ModelState, version: str) -> str:
    """Return what to type for a step of a version, in the model's own environment."""
    return f"boathouse models {step} {state.name} {version} --comment WHY --env {name_environment(state.name)}"


def count_needed(version: ModelVersion, options: ApprovalOptions) -> int:
    """Return how many approvals a version needs for production: one at least if the gates wait for it."""
    return max(options.needed, int(version.check is not None and version.check.waits))


def count_approvals(
    state: ModelState, version: ModelVersion, now: datetime, options: ApprovalOptions, *, to: str = "production"
) -> tuple[int, list[str]]:
    """Return how many persons' approvals of the open request ``to`` there count, and why others do not."""
    request = state.find_request(version.version, to)
    approvals = request.approvals if request is not None and not request.closed else ()
    reasons = [(each, why_void(each, version, now, options)) for each in approvals]
    valid = {each.by for each, reason in reasons if reason is None}
    return len(valid), [reason for each, reason in reasons if reason is not None and each.by not in valid]


def why_void(approval: Approval, version: ModelVersion, now: datetime, options: ApprovalOptions) -> str | None:
    """Return why an approval does not count, or None if it does."""
    if approval.digest != version.digest:
        return f"{approval.by} approved other files."
    if approval.assurance not in options.accepted:
        return say_not_accepted(approval.by, approval.assurance, options)
    if now - approval.at > timedelta(days=options.valid_days):
        return f"The approval of {approval.by} from {approval.at:%Y-%m-%d} expired after {options.valid_days} days."
    return None


def check_archive(state: ModelState, version: str) -> None:
    """Raise unless ``version`` may be archived.

    Raises:
        LifeCycleError: If it is unknown, champion, or archived already.
    """
    found = find_version(state, version)
    if found.stage == CHAMPION:
        raise LifeCycleError(
            f"Version {version} is champion and cannot be archived. "
            "Roll back or promote another version first; then archive this one."
        )
    if found.stage == ARCHIVED:
        raise LifeCycleError(f"Version {version} is archived already, since {_when(found.moved_at)}.")


def find_rollback(state: ModelState, to: str | None = None) -> tuple[str, str]:
    """Return the champion and the version that a rollback puts in its place: ``to``, else the previous one.

    After a stop the version stopped stands for the champion; it comes back by its number alone.

    Raises:
        LifeCycleError: If there is no champion, no previous version, or ``to`` was never champion.
    """
    left = state.champion or (state.stopped.version if state.stopped else None)
    if left is None:
        raise LifeCycleError(f"{state.name} has no champion, so there is nothing to roll back.")
    former = [each.version for each in state.versions.values() if each.was_champion and each.version != state.champion]
    if to is None:
        if state.previous is None:
            ways = (
                f"Champions before: {', '.join(former)}; go to one with --to."
                if former
                else "No other ever was champion."
            )
            beside = f"beside champion {left}" if state.champion else f"in place of version {left}, which was stopped"
            raise LifeCycleError(f"{state.name} has no previous version {beside}. {ways}")
        return left, state.previous
    find_version(state, to)
    if to == state.champion:
        raise LifeCycleError.already_there(to, CHAMPION)
    if to not in former:
        raise LifeCycleError(
            f"Version {to} was never champion, so rollback cannot go there; it can to: {', '.join(former) or 'none'}. "
            "To make a new version champion, promote it."
        )
    return left, to


def check_champion(state: ModelState, expected: str | None) -> None:
    """Raise unless ``expected`` is the champion still.

    Raises:
        LifeCycleError: Giving both.
    """
    if state.champion != expected:
        raise LifeCycleError(
            f"Champion {expected} was to be replaced, but {state.champion or 'none'} is champion now: look again first."
        )


def check_digest(version: ModelVersion, digest: str | None) -> None:
    """Raise unless the files are those that were registered.

    Raises:
        LifeCycleError: Giving both digests.
    """
    if digest != version.digest:
        now, recorded = (value[:12] if value else "none" for value in (digest, version.digest))
        raise LifeCycleError(
            f"The files of version {version.version} are not those on record: digest {now}, recorded {recorded}. "
            "What was checked and approved is not what is there. Train and register it again."
        )


def check_not_archived(version: ModelVersion) -> None:
    """Raise if the version is archived.

    Raises:
        LifeCycleError: With the reason that is on record.
    """
    if version.stage == ARCHIVED:
        raise LifeCycleError.archived(version.version, version.reason)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _check_gates(state: ModelState, found: ModelVersion, to: str) -> None:
    """Raise unless its checks allow it: staging needs the compliance check, production the comparison too."""
    check = found.check
    if check is None or check.digest not in {None, found.digest}:
        raise LifeCycleError.not_checked(state.name, found.version)
    if check.compliance == FAILED:
        raise LifeCycleError.not_compliant(found.version, check.reason)
    if to == "staging":
        return
    if not check.passed:
        raise LifeCycleError.not_better(found.version, check.champion, check.reason)
    if check.champion != state.champion:
        raise LifeCycleError.other_champion(found.version, check.champion, state.champion)


def _check_other_eyes(version: ModelVersion, request: Request, actor: str) -> None:
    for own, person in (("trained", version.trained_by), ("asked for the step of", request.by)):
        if actor == person:
            raise LifeCycleError(f"{actor} {own} version {version.version}; here somebody else has to approve it.")


def find_approval_state(state: ModelState, version: str, *, now: datetime, options: ApprovalOptions) -> ApprovalState:
    """Return whether enough persons have approved exactly these files, and until when that holds.

    A version that the ledger does not know is not approved. Where the environment needs none, one approval counts all
    the same.
    """
    needed = max(options.needed, 1)
    found = state.versions.get(version)
    if found is None:
        return _missing(options, 0, needed, [])
    valid, void = count_approvals(state, found, now, options)
    if valid < needed:
        return _missing(options, valid, needed, void)
    request = state.find_request(version, "production")
    counted = [] if request is None else [each for each in request.approvals if not why_void(each, found, now, options)]
    return ApprovalState(
        required=options.needed > 0,
        approved=True,
        by=", ".join(dict.fromkeys(each.who for each in counted)),
        expires=min(each.at for each in counted) + timedelta(days=options.valid_days),
        reason=" ".join(each.comment for each in counted),
    )


def _missing(options: ApprovalOptions, valid: int, needed: int, void: list[str]) -> ApprovalState:
    reason = " ".join([f"{valid} of {needed} approvals are there", *void])
    return ApprovalState(required=options.needed > 0, approved=False, by=None, expires=None, reason=reason)
