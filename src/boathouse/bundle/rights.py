"""Rights: who may see, run and write what, which identity jobs have, and what a deployment may not destroy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from boathouse.bundle.documents import merge
from boathouse.bundle.problems import Problem, TargetView
from boathouse.bundle.references import Where, find_references, walk_texts

# Of dashboards, alerts and database instances the typed models know all levels of all objects alone.
_LEVELS = {
    "alerts": "CAN_READ CAN_RUN CAN_EDIT CAN_MANAGE",
    "apps": "CAN_USE CAN_MANAGE",
    "dashboards": "CAN_READ CAN_RUN CAN_EDIT CAN_MANAGE",
    "database_instances": "CAN_CREATE CAN_USE CAN_MANAGE",
    "experiments": "CAN_READ CAN_EDIT CAN_MANAGE",
    "jobs": "CAN_VIEW CAN_MANAGE_RUN IS_OWNER CAN_MANAGE",
    "model_serving_endpoints": "CAN_VIEW CAN_QUERY CAN_MANAGE",
    "pipelines": "CAN_VIEW CAN_RUN IS_OWNER CAN_MANAGE",
    "secret_scopes": "READ WRITE MANAGE",
}
_BUNDLE_LEVELS = "CAN_VIEW CAN_RUN CAN_MANAGE"
_PRINCIPALS = ("group_name", "user_name", "service_principal_name")
# The typed models know all privileges of all securables alone.
_PRIVILEGES = {
    "registered_models": "EXECUTE APPLY_TAG MANAGE ALL_PRIVILEGES",
    "schemas": "USE_SCHEMA SELECT MODIFY REFRESH EXECUTE READ_VOLUME WRITE_VOLUME CREATE_TABLE CREATE_VIEW "
    "CREATE_MATERIALIZED_VIEW CREATE_FUNCTION CREATE_MODEL CREATE_VOLUME APPLY_TAG BROWSE EXTERNAL_USE_SCHEMA MANAGE "
    "ALL_PRIVILEGES",
    "volumes": "READ_VOLUME WRITE_VOLUME APPLY_TAG MANAGE ALL_PRIVILEGES",
}
_READS = frozenset("USE_SCHEMA SELECT EXECUTE READ_VOLUME BROWSE".split())
# Kinds that hold what cannot be made again, and the target whose history it is.
_KEPT, _PROTECTED = ("registered_models", "schemas", "volumes"), "prod"
_EVERYBODY = frozenset({"account users", "users"})
_APPLICATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find_right_problems(view: TargetView) -> Iterator[Problem]:
    """Give what is wrong with permissions, grants, identities and protection in a target."""
    target = view.bundle.targets[view.target]
    shared = merge(view.bundle.document.get("permissions") or [], target.get("permissions") or [])
    yield from _find_permission_problems(view, ("targets", view.target, "permissions"), shared, _BUNDLE_LEVELS)
    above = {str(each["group_name"]) for each in shared if "group_name" in each}
    for kind, entries in view.resolved.resources.items():
        for key, resource in entries.items():
            where = ("resources", kind, key)
            permissions = resource.get("permissions") or []
            yield from _find_permission_problems(view, (*where, "permissions"), permissions, _LEVELS.get(kind, ""))
            for group in sorted(above & {str(each.get("group_name")) for each in permissions}):
                yield view.problem(
                    (*where, "permissions"),
                    f"group {group} has permissions twice: here and for the whole bundle",
                    "one place for each group",
                    "Take it out of one of them.",
                )
            yield from _find_grant_problems(view, where, resource)
            yield from _find_protection_problems(view, where, resource)
    yield from _find_identity_problems(view)


def _find_permission_problems(
    view: TargetView, where: Where, permissions: list[Mapping[str, Any]], levels: str
) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for place, each in enumerate(permissions):
        path = (*where, f"[{place}]")
        if levels and each.get("level") not in levels.split():
            yield view.problem(
                (*path, "level"),
                f"permission level {each.get('level')}",
                f"one of: {', '.join(levels.split())}",
                "Correct it.",
            )
        named = [(name, str(each[name])) for name in _PRINCIPALS if name in each]
        if len(named) != 1:
            yield view.problem(path, f"{len(named)} principals", f"one of: {', '.join(_PRINCIPALS)}", "Name one.")
        elif named[0] in seen:
            yield view.problem(path, f"{named[0][1]} has permissions twice", "one entry for each", "Remove one.")
        seen.update(named)


def _find_grant_problems(view: TargetView, where: Where, resource: Mapping[str, Any]) -> Iterator[Problem]:
    """Give privileges that the securable does not have, and writing ones of others than the service principal."""
    allowed = _PRIVILEGES.get(where[1], "").split()
    writers = _find_runners(view)
    seen: set[str] = set()
    for place, grant in enumerate(resource.get("grants") or ()):
        path = (*where, "grants", f"[{place}]")
        principal, privileges = str(grant.get("principal")), [str(each) for each in grant.get("privileges") or ()]
        for name in privileges:
            if allowed and name not in allowed:
                yield view.problem(
                    path,
                    f"privilege {name} does not exist for {where[1]}",
                    f"one of: {', '.join(allowed)}",
                    "Correct it.",
                )
        writing = sorted(set(privileges) - _READS - _list_ledger_rights(view, where, resource, principal))
        if view.mode == "production" and writing and principal not in writers:
            yield view.problem(
                path,
                f"{principal} may write: {', '.join(writing)}",
                "the service principal alone, as which the jobs run, and approvers in the schema audit",
                "Grant reading privileges, or name ${var.service_principal}.",
            )
        if principal in seen:
            yield view.problem(path, f"{principal} has grants twice", "one entry for each", "Join them.")
        seen.add(principal)


def _list_ledger_rights(view: TargetView, where: Where, resource: Mapping[str, Any], principal: str) -> frozenset[str]:
    """Return what those who approve may do beside reading: their decision is a row of the ledger. Not all may."""
    is_ledger = where[1] == "schemas" and str(resource.get("name", "")).endswith("audit")
    is_approver = principal == view.resolved.variables.get("approvers") and principal not in _EVERYBODY
    return frozenset({"MODIFY"}) if is_ledger and is_approver else frozenset()


def _find_runners(view: TargetView) -> set[str]:
    jobs = [job.get("run_as") or {} for _, job in view.each("jobs")]
    found = {
        str(each["service_principal_name"])
        for each in jobs
        if isinstance(each, dict) and "service_principal_name" in each
    }
    return found or {view.resolved.variables.get("service_principal", "")}


def _find_protection_problems(view: TargetView, where: Where, resource: Mapping[str, Any]) -> Iterator[Problem]:
    lifecycle = view.written[where[1]][where[2]].get("lifecycle") or {}
    for name, path in find_references(lifecycle, (*where, "lifecycle")):
        yield view.problem(path, f"${{{name}}} in lifecycle", "true or false as it is", "Write it for each target.")
    if (
        view.target == _PROTECTED
        and where[1] in _KEPT
        and (resource.get("lifecycle") or {}).get("prevent_destroy") is not True
    ):
        yield view.problem(
            (*where, "lifecycle"),
            "a deployment could destroy it",
            "lifecycle.prevent_destroy: true for schemas, volumes and models of prod",
            f"Add it below targets.{_PROTECTED}.resources.{where[1]}.{where[2]}.",
        )


def _find_identity_problems(view: TargetView) -> Iterator[Problem]:
    for where, job in view.each("jobs"):
        runner = job.get("run_as") or {}
        if view.mode == "production" and not (isinstance(runner, dict) and runner.get("service_principal_name")):
            yield view.problem(
                where,
                "no run_as with a service principal",
                "run_as.service_principal_name: ${var.service_principal}",
                "Add it: otherwise it runs as the person who deployed last.",
            )
    for kind, entries in view.resolved.resources.items():
        for key, resource in entries.items():
            for path, name in _find_named_principals(resource, ("resources", kind, key)):
                if name and not _APPLICATION_ID.fullmatch(name.lower()):
                    yield view.problem(
                        path,
                        f"service principal {name!r}",
                        "its application id, 8-4-4-4-12 hexadecimal digits",
                        "Give the id, not the name: --var service_principal=ID.",
                    )


def _find_named_principals(content: object, where: Where) -> Iterator[tuple[Where, str]]:
    return ((path, text) for path, text in walk_texts(content, where) if path[-1] == "service_principal_name")
