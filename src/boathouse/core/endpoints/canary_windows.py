"""What the inference log says of a canary and of the others in the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from boathouse.core.endpoints.canary import Window
from boathouse.core.endpoints.log_rows import FAILED, REQUEST_LOST, REQUEST_UNREADABLE, LoggedRow, read_log_rows

# What a version can cause by wanting other columns or types than its predecessor.
_REFUSED = (400, 422)
# The record may be unreadable in the log while the client got its answer.
_NOT_THE_MODEL = (None, FAILED, REQUEST_LOST, REQUEST_UNREADABLE)


def measure_windows(entries: Iterable[Mapping[str, Any]], candidate: str) -> tuple[Window, Window]:
    """Return the window of ``candidate`` and that of all other entities.

    Only answers count, no mirrored ones. Requests that no entity took on (401, 404, 429 and the like) say
    nothing about a version and are left out.

    Args:
        entries: Of the inference log, of one endpoint.
        candidate: The served entity that is brought in.
    """
    mine: list[list[LoggedRow]] = []
    theirs: list[list[LoggedRow]] = []
    for entry in entries:
        rows = list(read_log_rows([entry]))
        if not rows or rows[0].mode != "answer" or rows[0].served_entity is None:
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
    # 503 with a full queue is the worker's, not the version's; it carries no entity and does not get here.
    return status >= 500 or status in _REFUSED


def _has_failed(rows: Sequence[LoggedRow]) -> bool:
    return rows[0].status_code >= 500 or any(row.error not in _NOT_THE_MODEL for row in rows)
