"""Endpoints, quality monitors, alerts and dashboards: what the platform would refuse or watch wrongly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from boathouse.bundle.jobs import find_schedule_problems
from boathouse.bundle.problems import Problem, TargetView
from boathouse.bundle.references import Where

_SIZES = ("Small", "Medium", "Large", "XLarge")
_GRANULARITY = re.compile(r"(5|30) minutes|1 (hour|day|month|year)|\d+ weeks?")
_WATCHED_AS = ("inference_log", "snapshot", "time_series")


def find_serving_problems(view: TargetView) -> Iterator[Problem]:
    """Give what is wrong with endpoints, monitors, alerts and dashboards of a target."""
    for where, endpoint in view.each("model_serving_endpoints"):
        config: dict[str, Any] = endpoint.get("config") or {}
        yield from _find_entity_problems(view, (*where, "config", "served_entities"), config)
        yield from _find_route_problems(view, (*where, "config", "traffic_config"), config)
        if "auto_capture_config" in config:
            yield view.problem(
                (*where, "config", "auto_capture_config"),
                "auto_capture_config is deprecated",
                "ai_gateway.inference_table_config",
                "Move it there.",
            )
    for where, monitor in view.each("quality_monitors"):
        yield from _find_monitor_problems(view, where, monitor)
    for where, alert in view.each("alerts"):
        schedule = alert.get("schedule")
        if isinstance(schedule, dict):
            yield from find_schedule_problems(view, (*where, "schedule"), schedule, "quartz_cron_schedule")
    for where, dashboard in view.each("dashboards"):
        yield from _find_dashboard_problems(view, where, dashboard)


def _find_entity_problems(view: TargetView, where: Where, config: Mapping[str, Any]) -> Iterator[Problem]:
    entities = config.get("served_entities") or []
    names = [str(each.get("name")) for each in entities]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield view.problem(where, f"served entity {name!r} is there twice", "unique names", "Rename one.")
    for place, each in enumerate(entities):
        path = (*where, f"[{place}]")
        if view.target != "prod" and each.get("scale_to_zero_enabled") not in (True, "true"):
            yield view.problem(
                (*path, "scale_to_zero_enabled"),
                "compute that never ends outside prod",
                "scale_to_zero_enabled: true",
                "Write it, or a variable that is true for this target.",
            )
        provisioned = sorted({"min_provisioned_concurrency", "max_provisioned_concurrency"} & each.keys())
        if provisioned and "workload_size" in each:
            yield view.problem(path, f"workload_size with {provisioned[0]}", "one of them", "Keep one.")
        if "workload_size" in each and each["workload_size"] not in _SIZES:
            yield view.problem(
                (*path, "workload_size"), f"size {each['workload_size']}", f"one of: {', '.join(_SIZES)}", "Correct it."
            )
        written = view.written[where[1]][where[2]]["config"]["served_entities"][place]
        if "${" not in str(written.get("entity_version")):
            yield view.problem(
                (*path, "entity_version"),
                f"version {written.get('entity_version')} for all targets",
                "a variable: versions differ from target to target, and have to exist",
                "Write ${var.champion_version} or the like.",
            )


def _find_route_problems(view: TargetView, where: Where, config: Mapping[str, Any]) -> Iterator[Problem]:
    entities = {str(each.get("name")) for each in config.get("served_entities") or ()}
    routes = (config.get("traffic_config") or {}).get("routes") or []
    for place, route in enumerate(routes):
        name = route.get("served_entity_name", route.get("served_model_name"))
        if str(name) not in entities:
            yield view.problem(
                (*where, "routes", f"[{place}]"),
                f"route to unknown entity {name}",
                f"one of: {', '.join(sorted(entities))}",
                "Correct the name.",
            )
    shares = [str(route.get("traffic_percentage")) for route in routes]
    total = sum(int(each) for each in shares if each.isdecimal())
    if routes and (total != 100 or not all(each.isdecimal() for each in shares)):
        yield view.problem(
            (*where, "routes"),
            f"traffic of {' + '.join(shares)}",
            "whole numbers that are 100 together",
            "Correct them.",
        )


def _find_monitor_problems(view: TargetView, where: Where, monitor: Mapping[str, Any]) -> Iterator[Problem]:
    ways = [each for each in _WATCHED_AS if each in monitor]
    if len(ways) != 1:
        yield view.problem(
            where, f"watched as {' and '.join(ways) or 'nothing'}", f"one of: {', '.join(_WATCHED_AS)}", "Keep one."
        )
    for way in ways:
        for each in (monitor[way] or {}).get("granularities") or ():
            if not _GRANULARITY.fullmatch(str(each)):
                yield view.problem(
                    (*where, way, "granularities"),
                    f"granularity {each!r}",
                    "5 minutes, 30 minutes, 1 hour, 1 day, N weeks, 1 month or 1 year",
                    "Correct it.",
                )
    for key, parts in (("table_name", 3), ("output_schema_name", 2)):
        name = str(monitor.get(key, ""))
        if name.count(".") != parts - 1:
            yield view.problem((*where, key), f"{key} {name!r}", f"a name of {parts} parts", "Correct it.")
    schedule = monitor.get("schedule")
    if isinstance(schedule, dict):
        yield from find_schedule_problems(view, (*where, "schedule"), schedule, "quartz_cron_expression")


def _find_dashboard_problems(view: TargetView, where: Where, dashboard: Mapping[str, Any]) -> Iterator[Problem]:
    if dashboard.get("embed_credentials") in (True, "true"):
        yield view.problem(
            (*where, "embed_credentials"),
            "each viewer would read with the rights of the person who deployed",
            "embed_credentials: false",
            "Write it: viewers then see what they are granted.",
        )
    file = str(dashboard.get("file_path", ""))
    path = (view.bundle.project / view.problem(where, "", "", "").file).parent / file
    if not file or not path.is_file():
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        datasets = {each["name"] for each in content["datasets"]}
        widgets = [each["widget"] for page in content["pages"] for each in page["layout"]]
    except (ValueError, KeyError, TypeError) as error:
        yield view.problem(
            (*where, "file_path"),
            f"{file} is no dashboard: {error!r}",
            "datasets, and pages with a layout",
            "Export it again.",
        )
        return
    for widget in widgets:
        used = {query["query"]["datasetName"] for query in widget.get("queries") or ()}
        for name in sorted(used - datasets):
            yield view.problem(
                (*where, "file_path"),
                f"widget {widget.get('name')} of {file} shows dataset {name}",
                f"one of: {', '.join(sorted(datasets))}",
                "Correct the name.",
            )
