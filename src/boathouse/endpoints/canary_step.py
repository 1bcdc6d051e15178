"""One look at a canary: read what it did, decide, and record the decision."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.canary import CanaryDecision, Window, judge_canary, measure_windows
from boathouse.endpoints.rollouts import give_everything, move_canary, next_step
from boathouse.endpoints.state import PAUSED, PROMOTED, STEP
from boathouse.errors import RolloutError
from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.endpoints.state import EndpointState
    from boathouse.endpoints.states import EndpointStates
    from boathouse.tables.location import TableLocation


def read_entries(
    place: TableLocation, endpoint: str, *, since: datetime, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the entries of ``endpoint`` with ``since <= request_time < until``, oldest first; none without a table.

    Args:
        place: Of ``<env>.inference.endpoint_log``.
        endpoint: Name of the endpoint.
        since: Aware, inclusive.
        until: Aware, exclusive; None: no end.
    """
    if not open_log(place).exists():
        return []
    since = since.astimezone(UTC)
    end = None if until is None else until.astimezone(UTC)
    rows = _read_local(place.path, endpoint, since, end) if place.path else _read_catalog(place, endpoint, since, end)
    found: list[dict[str, Any]] = rows.sort_by("request_time").to_pylist()
    return found


def _read_local(path: str, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    import pyarrow.compute as pc

    # The day is the folder: others are not opened.
    keep = (pc.field("request_date") >= since.date()) & (pc.field("request_time") >= since)
    if until is not None:
        keep &= (pc.field("request_date") <= until.date()) & (pc.field("request_time") < until)
    return read_local_rows(path, keep & (pc.field("endpoint") == endpoint))


def _read_catalog(place: TableLocation, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    from pyspark.sql import functions as F

    frame = place.read(place.require_version()).where(F.col("endpoint") == endpoint)
    frame = frame.where((F.col("request_date") >= F.lit(since.date())) & (F.col("request_time") >= F.lit(since)))
    if until is not None:
        frame = frame.where(F.col("request_time") < F.lit(until))
    return frame.toArrow()


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
