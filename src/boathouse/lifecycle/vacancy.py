"""Why a model has no champion, by the ledger, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from boathouse.lifecycle import rules
from boathouse.lifecycle.policy import DECLARED
from boathouse.lifecycle.state import ARCHIVED, REGISTERED
from boathouse.namespaces import name_environment

if TYPE_CHECKING:
    from boathouse.lifecycle.policy import GovernanceOptions
    from boathouse.lifecycle.state import ModelState, ModelVersion, Request, Stop

_NUMBERS = ("no", "one", "two", "three", "four", "five")
# What scores and is watched once there is a champion: no extract is read and nothing is trained for it.
SCORING = "batch_inference,monitoring"


@dataclass(frozen=True, kw_only=True)
class NoChampion:
    """A model without a champion; false in a condition.

    Attributes:
        environment: Whose model it is.
        reason: Why, in one sentence.
        steps: What to do in order: purpose and command.
    """

    environment: str
    reason: str
    steps: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Return False."""
        return False

    def __str__(self) -> str:
        """Return reason and steps, a line each."""
        width = max((len(purpose) for purpose, _ in self.steps), default=0)
        head = f"No model is champion in environment '{self.environment}': {self.reason}"
        return "\n".join([head, *(f"  {purpose:<{width}}  {command}" for purpose, command in self.steps)])


def explain_no_champion(state: ModelState, options: GovernanceOptions, *, now: datetime) -> NoChampion:
    """Return why ``state`` has no champion, and what makes one: approve what waits, resume what was stopped, or train.

    Args:
        state: State of the model, without a champion.
        options: Rules of its environment: what has to be approved, and by whom.
        now: The time, UTC: approvals expire.
    """
    environment = name_environment(state.name)
    waiting = [each for each in state.open_requests if each.to == "production"]
    found = _find_case(state, waiting[-1] if waiting else None, options, now)
    steps = [(purpose, f"{command} --env {environment}") for purpose, command in found[1]]
    scoring = ("then go on", f"kedro run --pipelines {SCORING} --env {environment}")
    return NoChampion(environment=environment, reason=found[0], steps=(*steps, scoring))


_Case = tuple[str, list[tuple[str, str]]]


def _find_case(state: ModelState, request: Request | None, options: GovernanceOptions, now: datetime) -> _Case:
    if request is not None:
        reason, steps = _explain_waiting(state, request, options, now)
        if state.stopped is not None:
            stopped, resume = _explain_stopped(state, state.stopped)
            return f"{stopped} Meanwhile {reason}", [*steps, *resume]
        return reason, steps
    if state.stopped is not None:
        return _explain_stopped(state, state.stopped)
    newest = max(state.versions.values(), key=lambda each: int(each.version), default=None)
    return _explain_rest(state, newest)


def _explain_waiting(state: ModelState, request: Request, options: GovernanceOptions, now: datetime) -> _Case:
    version = state.versions[request.version]
    number, (valid, void) = version.version, rules.count_approvals(state, version, now, options.rules)
    look = ("look at it", f"boathouse models show {number}")
    if version.check is not None and version.check.champion is not None:
        reason = f"version {number} was compared with champion {version.check.champion}: have it judged again."
        return reason, [look, ("have it judged", "kedro run --pipelines evaluation,promotion")]
    missing = rules.count_needed(version, options.rules) - valid
    if missing <= 0:
        reason = f"version {number} passed the gates and waits for somebody to promote it."
        return reason, [look, ("promote it", f"boathouse models promote {number} --comment WHY")]
    own = " and ".join(dict.fromkeys(_list_own(version, request)))
    other = f" by somebody else than {own}" if options.rules.four_eyes else ""
    expired = "".join(f" {reason}" for reason in void)
    approvals = f"{_NUMBERS[missing]} approval{'s'[: missing - 1]}"
    reason = f"version {number} passed the gates and waits for {approvals}{other}.{expired}"
    return reason, [
        look,
        ("approve it", f"boathouse models approve {number}{name_approval(version, request, options)}"),
    ]


def name_approval(version: ModelVersion, request: Request, options: GovernanceOptions) -> str:
    """Return the options of the command by which another person approves: off the platform a declared name may do."""
    if not options.rules.four_eyes or DECLARED not in options.rules.accepted:
        return " --comment WHY"
    own = {version.trained_by, request.by}
    others = [name for name in options.list_members("approve") if name not in own and not name.startswith(("*", "@"))]
    return f" --as {others[0] if others else 'NAME'} --comment WHY"


def _list_own(version: ModelVersion, request: Request) -> Iterator[str]:
    """Give the persons whose approval does not count."""
    yield f"{version.trainer}, who trained it"
    if request.by != version.trained_by:
        yield f"{request.who}, who asked for it"


def _explain_stopped(state: ModelState, stop: Stop) -> _Case:
    reason = f"version {stop.version} was stopped by {stop.by} at {stop.at:%Y-%m-%d %H:%M} UTC: {stop.reason}"
    resume = [("resume it", f"boathouse models rollback --to {stop.version} --comment WHY")]
    if state.previous is not None:
        resume.insert(0, (f"go back to {state.previous}", "boathouse models rollback --comment WHY"))
    return f"{reason.rstrip('.')}.", resume


def _explain_rest(state: ModelState, newest: ModelVersion | None) -> _Case:
    train = ("make one", "kedro run --pipelines training,evaluation,promotion")
    if newest is None:
        return "no version is on record.", [train]
    look = ("look at it", f"boathouse models show {newest.version}")
    if newest.stage == REGISTERED and newest.check is None:
        judge = ("have it judged", "kedro run --pipelines evaluation,promotion")
        return f"the gates have not decided on version {newest.version}.", [judge]
    if newest.stage == ARCHIVED:
        return f"version {newest.version} was refused. {newest.reason}".rstrip(), [look, train]
    closed = state.find_request(newest.version, "production")
    ended = f" Its request is closed: {closed.closed}." if closed is not None and closed.closed else ""
    ask = ("ask again", f"boathouse models request {newest.version} --to production --comment WHY")
    return f"version {newest.version} is {newest.stage}.{ended}", [look, ask]
