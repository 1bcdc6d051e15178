"""Quality monitors of tables: recorded with their refreshes; what they would compute is not computed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access
    from boathouse.rehearsal.workspace.catalog import UnityCatalog

_BASE = "/api/2.1/unity-catalog/tables/{table}/monitor"
_PROFILES = ("inference_log", "time_series", "snapshot")


@dataclass
class Monitor:
    """A monitor.

    Attributes:
        table: Full name of the table.
        settings: As given.
        version: Counts the changes of the settings.
        refreshes: When each was asked for, in milliseconds since 1970.
    """

    table: str
    settings: dict[str, Any]
    version: int = 1
    refreshes: list[int] = field(default_factory=list)


class Monitors:
    """Monitors of a metastore.

    Attributes:
        monitors: By full name of the table.
    """

    def __init__(self, catalog: UnityCatalog, access: Access) -> None:
        """Start without a monitor."""
        self.monitors: dict[str, Monitor] = {}
        self._catalog, self._access = catalog, access
        self.routes = (
            Route("monitors.create", "POST", _BASE, self._create),
            Route("monitors.get", "GET", _BASE, self._get),
            Route("monitors.update", "PUT", _BASE, self._update),
            Route("monitors.delete", "DELETE", _BASE, self._delete),
            Route("monitors.refresh", "POST", _BASE + "/refreshes", self._refresh),
            Route("monitors.list-refreshes", "GET", _BASE + "/refreshes", self._list_refreshes),
        )

    def _create(self, request: Request) -> dict[str, Any]:
        table = request.asked["table"]
        if not self._catalog.find_table(table):
            raise ServiceError("NOT_FOUND", f"Table '{table}' does not exist.")
        if table in self.monitors:
            raise ServiceError("ALREADY_EXISTS", f"Data monitor already exists for table '{table}'.")
        self._check(request, table)
        self.monitors[table] = Monitor(table, _settings(request))
        return self._show(self.monitors[table])

    def _check(self, request: Request, table: str) -> None:
        """Check settings, and the rights on the table and on the schema of what is computed."""
        output = str(request.need("output_schema_name"))
        given = [profile for profile in _PROFILES if request.asked.get(profile) is not None]
        if len(given) != 1:
            raise ServiceError.invalid(f"Give one of {', '.join(_PROFILES)}; found {', '.join(given) or 'none'}.")
        self._catalog.require_parents(f"{output}.metrics")
        for privilege, name in (("SELECT", table), ("CREATE_TABLE", output)):
            refusal = self._access.refusal(request.principal, privilege, name)
            if refusal is not None:
                raise ServiceError.denied(refusal)

    def _monitor(self, request: Request) -> Monitor:
        table = request.asked["table"]
        if table not in self.monitors:
            raise ServiceError("NOT_FOUND", f"Cannot find a monitor for table '{table}'.")
        refusal = self._access.refusal(request.principal, "SELECT", table)
        if refusal is not None:
            raise ServiceError.denied(refusal)
        return self.monitors[table]

    def _get(self, request: Request) -> dict[str, Any]:
        return self._show(self._monitor(request))

    def _update(self, request: Request) -> dict[str, Any]:
        monitor = self._monitor(request)
        self._check(request, monitor.table)
        monitor.settings = {"assets_dir": monitor.settings.get("assets_dir"), **_settings(request)}
        monitor.version += 1
        return self._show(monitor)

    def _delete(self, request: Request) -> dict[str, Any]:
        del self.monitors[self._monitor(request).table]
        return {}

    def _refresh(self, request: Request) -> dict[str, Any]:
        monitor = self._monitor(request)
        monitor.refreshes.append(int(time.time() * 1000))
        return _show_refresh(monitor, len(monitor.refreshes))

    def _list_refreshes(self, request: Request) -> dict[str, Any]:
        monitor = self._monitor(request)
        return {"refreshes": [_show_refresh(monitor, number + 1) for number in range(len(monitor.refreshes))]}

    def _show(self, monitor: Monitor) -> dict[str, Any]:
        table, output = monitor.table.rpartition(".")[2], monitor.settings["output_schema_name"]
        return {
            **monitor.settings,
            "table_name": monitor.table,
            "status": "MONITOR_STATUS_ACTIVE",
            "monitor_version": monitor.version,
            "profile_metrics_table_name": f"{output}.{table}_profile_metrics",
            "drift_metrics_table_name": f"{output}.{table}_drift_metrics",
        }


def _settings(request: Request) -> dict[str, Any]:
    return {key: value for key, value in request.asked.items() if key != "table"}


def _show_refresh(monitor: Monitor, number: int) -> dict[str, Any]:
    at = monitor.refreshes[number - 1]
    return {"refresh_id": number, "state": "SUCCESS", "start_time_ms": at, "end_time_ms": at, "trigger": "MANUAL"}
