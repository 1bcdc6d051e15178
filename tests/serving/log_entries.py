"""Entries of an inference log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from boathouse.core.endpoints.log_contract import LogEntry

MOMENT = datetime(2026, 3, 31, 23, 59, 59, 123456, tzinfo=UTC)


def entry(number: int, **changes: Any) -> LogEntry:
    values: dict[str, Any] = {
        "databricks_request_id": f"request-{number}",
        "client_request_id": None,
        "request_time": MOMENT,
        "status_code": 200,
        "execution_duration_ms": 1.4,
        "request": f'{{"dataframe_records":[{{"key":{number},"a":1.5}}]}}',
        "response": '{"predictions":[{"probability":0.25}]}',
        "served_entity_id": "champion",
        "endpoint": "late",
    }
    return LogEntry(**{**values, **changes})
