"""One step of a canary: read what it did from the inference log, decide, and record the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.endpoints.canary import CanaryDecision, Window, judge_canary
from boathouse.endpoints.log_rows import FAILED, REQUEST_LOST, REQUEST_UNREADABLE, LoggedRow, read_log_rows
from boathouse.endpoints.options import STEPPED
from boathouse.endpoints.rollouts import end_rollout, give_everything, leave_out, move_canary, next_step
from boathouse.endpoints.states import PAUSED, PROMOTED, ROLLED_BACK, STEP, EndpointStates
from boathouse.errors import RolloutError
from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.endpoints.admission import Admission
    from boathouse.endpoints.state import EndpointState
    from boathouse.lifecycle.policy import Actor
    from boathouse.tables.location import TableLocation


# What a version can cause by wanting other columns or types than its predecessor.
_REFUSED = (400, 422)
# The record may be unreadable in the log while the client got its answer.
_NOT_THE_MODEL = (None, FAILED, REQUEST_LOST, REQUEST_UNREADABLE)


def read_entries(
    location: TableLocation, endpoint: str, *, since: datetime, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the entries of ``endpoint`` with ``since <= request_time < until``, oldest first; none without a table.

    Args:
        location: Location of ``<catalog>.inference.endpoint_log``.
        endpoint: Name of the endpoint.
        since: Aware, inclusive.
        until: Aware, exclusive; None: no end.
    """
    if not open_log(location).exists():
        return []
    since = since.astimezone(UTC)
    end = None if until is None else until.astimezone(UTC)
    rows = (
        _read_local(location.path, endpoint, since, end)
        if location.path
        else _read_catalog(location, endpoint, since, end)
    )
    found: list[dict[str, Any]] = rows.sort_by("request_time").to_pylist()
    return found


def _read_local(path: str, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    import pyarrow.compute as pc

    # The day is the folder: others are not opened.
    keep = (pc.field("request_date") >= since.date()) & (pc.field("request_time") >= since)
    if until is not None:
        keep &= (pc.field("request_date") <= until.date()) & (pc.field("request_time") < until)
    return read_local_rows(path, keep & (pc.field("endpoint") == endpoint))


def _read_catalog(location: TableLocation, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    from pyspark.sql import functions as F

    frame = location.read(location.require_version()).where(F.col("endpoint") == endpoint)
    frame = frame.where((F.col("request_date") >= F.lit(since.date())) & (F.col("request_time") >= F.lit(since)))
    if until is not None:
        frame = frame.where(F.col("request_time") < F.lit(until))
    return frame.toArrow()


def measure_windows(
    entries: Iterable[Mapping[str, Any]], candidate: str, *, version: str | None = None
) -> tuple[Window, Window]:
    """Return the window of ``candidate`` and that of all other entities.

    Only answers count, no mirrored ones. Requests that reached no entity (401, 404, 429 and the like), or failed for
    what no version does (a full queue, a store of features that is down), are no evidence and are left out.

    Args:
        entries: Of the inference log, of one endpoint.
        candidate: The served entity that is brought in.
        version: Its version; answers by another one are not the candidate's. None: any.
    """
    mine: list[list[LoggedRow]] = []
    theirs: list[list[LoggedRow]] = []
    for entry in entries:
        rows = list(read_log_rows([entry]))
        if not rows or rows[0].mode != "answer" or rows[0].served_entity is None:
            continue
        found = entry.get("model_version")
        if rows[0].served_entity == candidate and version and found and version not in str(found).split(","):
            continue
        (mine if rows[0].served_entity == candidate else theirs).append(rows)
    return _measure(mine), _measure(theirs)


def _measure(requests: Sequence[Sequence[LoggedRow]]) -> Window:
    judged = [rows for rows in requests if rows[0].status_code < 400 or _is_of_the_model(rows[0].status_code)]
    answered = [rows for rows in judged if rows[0].status_code < 400]
    scores = [row.score for rows in answered for row in rows if row.score is not None]
    return Window(
        requests=len(judged),
        failed=sum(1 for rows in judged if _has_failed(rows)),
        rejected=sum(1 for rows in judged if rows[0].status_code in _REFUSED),
        durations_ms=np.array([rows[0].duration_ms for rows in answered], dtype=np.float64),
        scores=np.array(scores, dtype=np.float64),
    )


def _is_of_the_model(status: int) -> bool:
    # 503 with a full queue is the worker's, one without features the store's: neither carries an entity.
    return status >= 500 or status in _REFUSED


def _has_failed(rows: Sequence[LoggedRow]) -> bool:
    return rows[0].status_code >= 500 or any(row.error not in _NOT_THE_MODEL for row in rows)


def step_canary(
    states: EndpointStates,
    name: str,
    log: TableLocation,
    *,
    actor: Actor,
    now: datetime | None = None,
    admission: Admission | None = None,
) -> CanaryDecision:
    """Judge the canary of ``name`` by the log since its present step began, and move it, or the traffic back.

    Two at once do not move it twice: the ledger accepts one, and the other raises an error. A candidate that was taken
    out of service is rolled back; one that lacks an approval waits for it.

    Args:
        states: The endpoints.
        name: Name of the endpoint.
        log: Location of ``inference.endpoint_log``.
        actor: Who looks, for the trail.
        now: Time of the look; default: now.
        admission: Knows which versions are in service and approved; None: that is not asked.

    Raises:
        RolloutError: If there is no canary under way, or somebody changed the endpoint meanwhile.
    """
    state = states.read(name)
    split = state.config.split
    if split.kind not in STEPPED or split.candidate is None:
        ended = f" since record {state.sequence}, {state.kind} by {state.actor}" if state.sequence else ""
        raise RolloutError.no_canary(name, split.kind, ended, environment=state.environment)
    removed = "" if admission is None else admission.explain_removal(state.config, split.candidate)
    if removed:
        decision = CanaryDecision(outcome="roll_back", reason=removed, checks=())
    elif state.kind == PAUSED:
        return CanaryDecision(outcome="wait", reason="paused", checks=())
    else:
        decision = _judge(states, state, log, now or datetime.now(UTC))
    return _apply(states, state, decision, actor, admission)


def _judge(states: EndpointStates, state: EndpointState, log: TableLocation, now: datetime) -> CanaryDecision:
    split, name = state.config.split, str(state.config.split.candidate)
    entity = state.config.entity(name)
    version = None if entity is None else entity.entity_version
    # Without a record of its start the whole log counts, from the first entry on.
    begun = state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)
    candidate, others = measure_windows(read_entries(log, state.name, since=begun), name, version=version)
    if state.config.traffic_of(name) >= 100:
        # What the others answered until the servers knew of the step is too little to compare with.
        before = states.find_before_last_step(state)
        earlier = [] if before is None else read_entries(log, state.name, since=before[0], until=before[1])
        _, others = measure_windows(earlier, name)
    is_last = next_step(state.config) is None
    return judge_canary(candidate, others, split, seconds=(now - begun).total_seconds(), is_last=is_last)


def _apply(
    states: EndpointStates,
    state: EndpointState,
    decision: CanaryDecision,
    actor: Actor,
    admission: Admission | None,
) -> CanaryDecision:
    """Record what was decided, and return it; or that it waits for an approval."""
    evidence = {"checks": [check.to_evidence() for check in decision.checks]}
    if decision.outcome == "wait":
        return decision
    if decision.outcome == "roll_back":
        if state.undo is None:
            # The canary stands in conf: there is no record from before to return to.
            config = leave_out(state.config, [str(state.config.split.candidate)], in_place=None)
            config = end_rollout(config, None)
            states.change(state, config, kind=ROLLED_BACK, actor=actor, comment=decision.reason, evidence=evidence)
        else:
            states.roll_back(state.name, actor=actor, comment=decision.reason, evidence=evidence, seen=state)
        return decision
    following = next_step(state.config)
    if following is None:
        config = give_everything(end_rollout(state.config, state.base), str(state.config.split.candidate))
    else:
        config = move_canary(state.config, following)
    unapproved = "" if admission is None else admission.explain_unapproved(config, state.config)
    if unapproved:
        return replace(decision, outcome="wait", reason=f"{decision.reason}, but {unapproved}")
    if admission is not None and following is None:
        config = admission.pin(config, state.config, state.base)
    kind = PROMOTED if following is None else STEP
    states.change(state, config, kind=kind, actor=actor, comment=decision.reason, evidence=evidence)
    return decision
