"""One look at a canary: read what it did, decide, and record the decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boathouse.core.endpoints.canary import CanaryDecision, Window, judge_canary
from boathouse.core.endpoints.canary_windows import measure_windows
from boathouse.core.endpoints.kinds import PAUSED, PROMOTED, STEP
from boathouse.core.endpoints.rollouts import give_everything, move_canary, next_step
from boathouse.core.errors import RolloutError
from boathouse.rollouts.log_reader import read_entries

if TYPE_CHECKING:
    from boathouse.core.endpoints.state import EndpointState
    from boathouse.governance.endpoint_states import EndpointStates
    from boathouse.tables.location import TableLocation


def step_canary(
    states: EndpointStates, name: str, log: TableLocation, *, actor: str, now: datetime | None = None
) -> CanaryDecision:
    """Judge the canary of ``name`` by the log since its present step began, and move it, or the traffic back.

    Two at once do not move it twice: the ledger lets one through, and the other says that it was late.

    Args:
        states: The endpoints.
        name: Name of the endpoint.
        log: Where ``inference.endpoint_log`` is.
        actor: Who looks, for the trail.
        now: Time of the look; default: now.

    Raises:
        RolloutError: If there is no canary under way, or somebody changed the endpoint meanwhile.
    """
    state = states.read(name)
    split = state.config.split
    if split.kind != "canary" or split.candidate is None:
        raise RolloutError.no_canary(name, split.kind)
    if state.kind == PAUSED:
        return CanaryDecision(outcome="wait", reason="paused", checks=())
    # Without a record nobody started it: the whole log counts, from the first entry on.
    begun = state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)
    candidate, others = measure_windows(read_entries(log, name, since=begun), split.candidate)
    following = next_step(state.config)
    if state.config.traffic_of(split.candidate) >= 100:
        # What the others answered until the servers knew of the step is too little to compare with.
        others = Window()
    seconds = ((now or datetime.now(UTC)) - begun).total_seconds()
    decision = judge_canary(candidate, others, split, seconds=seconds, is_last=following is None)
    _apply(states, state, decision, following, actor)
    return decision


def _apply(
    states: EndpointStates, state: EndpointState, decision: CanaryDecision, following: float | None, actor: str
) -> None:
    evidence = {"checks": [check.to_evidence() for check in decision.checks]}
    if decision.outcome == "roll_back":
        states.roll_back(state.name, actor=actor, comment=decision.reason, evidence=evidence, seen=state)
    elif decision.outcome == "done":
        config = give_everything(state.config, str(state.config.split.candidate))
        states.change(state, config, kind=PROMOTED, actor=actor, comment=decision.reason, evidence=evidence)
    elif decision.outcome == "advance" and following is not None:
        config = move_canary(state.config, following)
        states.change(state, config, kind=STEP, actor=actor, comment=decision.reason, evidence=evidence)
