"""The parts of a bundle that no typed model covers: top level, targets, variables, and keys over all files."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from boathouse.bundle.documents import MAIN, Bundle, merge
from boathouse.bundle.problems import DEVELOPER, Problem, TargetView, describe
from boathouse.bundle.references import Where

# Accepted names, as the schema of the platform's command line tool has them.
_TOP = frozenset(
    "artifacts bundle environments experimental include permissions presets python resources run_as scripts sync "
    "targets variables workspace".split()
)
_TARGET = frozenset(
    "artifacts bundle cluster_id default git mode permissions presets resources run_as sync variables workspace".split()
)
_BELOW: dict[str, frozenset[str]] = {
    "bundle": frozenset("name databricks_cli_version deployment engine git cluster_id uuid".split()),
    "presets": frozenset(
        "artifacts_dynamic_version jobs_max_concurrent_runs name_prefix pipelines_development "
        "source_linked_deployment tags trigger_pause_status".split()
    ),
    "sync": frozenset("include exclude paths".split()),
    "workspace": frozenset(
        "host profile root_path file_path state_path artifact_path resource_path auth_type client_id account_id "
        "azure_client_id azure_environment azure_login_app_id azure_tenant_id azure_use_msi "
        "azure_workspace_resource_id google_service_account experimental_is_unified_host workspace_id".split()
    ),
}
_EACH: dict[str, frozenset[str]] = {
    "artifacts": frozenset("type path build executable dynamic_version files".split()),
    "variables": frozenset("default description lookup type".split()),
}
_SHARED = ("/Workspace/Shared", "/Shared")


def find_document_problems(bundle: Bundle) -> Iterator[Problem]:
    """Give unknown keys, keys of resources that stand twice, and targets that no command could choose."""
    yield from _find_unknown(bundle, bundle.document, (), _TOP)
    for name, target in bundle.targets.items():
        yield from _find_unknown(bundle, target, ("targets", name), _TARGET)
    yield from _find_repeated_keys(bundle)
    defaults = [name for name, target in bundle.targets.items() if target.get("default")]
    if len(defaults) != 1:
        yield describe(
            bundle,
            ("targets",),
            f"default targets: {', '.join(defaults) or 'none'}",
            "exactly one target with 'default: true'",
            "Take it out of the others; a command without --target goes to the default one.",
        )
    yield from _find_run_as(bundle, bundle.document, ("run_as",))


def _find_unknown(
    bundle: Bundle, content: dict[str, object], start: Where, known: Collection[str]
) -> Iterator[Problem]:
    """Give unknown keys at one level, and in the groups below it."""
    for key in sorted(set(content) - set(known)):
        yield _unknown(bundle, (*start, key), known)
    for group, allowed in _BELOW.items():
        below = content.get(group)
        if isinstance(below, dict):
            for key in sorted(set(below) - allowed):
                yield _unknown(bundle, (*start, group, key), allowed)
    for group, allowed in _EACH.items():
        entries = content.get(group)
        for name, entry in (entries if isinstance(entries, dict) else {}).items():
            # A target gives a variable its value alone.
            for key in sorted(set(entry) - allowed) if isinstance(entry, dict) else ():
                yield _unknown(bundle, (*start, group, str(name), str(key)), allowed)


def _unknown(bundle: Bundle, where: Where, known: Collection[str]) -> Problem:
    return describe(
        bundle, where, f"unknown key {where[-1]}", f"one of: {', '.join(sorted(known))}", "Correct or remove it."
    )


def _find_repeated_keys(bundle: Bundle) -> Iterator[Problem]:
    """Give keys that two resources have: they are unique over all kinds, scripts included."""
    kinds: dict[str, dict[str, None]] = {}
    everywhere = [bundle.resources, *(target.get("resources") or {} for target in bundle.targets.values())]
    for resources in everywhere:
        for kind, entries in resources.items():
            for key in entries or {}:
                kinds.setdefault(str(key), {})[kind] = None
    for key in bundle.document.get("scripts") or {}:
        kinds.setdefault(str(key), {})["scripts"] = None
    for key, found in kinds.items():
        if len(found) > 1:
            first = next(iter(found))
            yield describe(
                bundle,
                ("resources", first, key),
                f"resource key {key!r} is used twice: {', '.join(found)}",
                "keys that are unique over all kinds of resource",
                "Rename one of them.",
            )
    for where, files in bundle.origins.items():
        # What a target changes may stand in several files.
        if len(files) > 1 and where[0] == "resources":
            yield describe(
                bundle,
                where,
                f"resource key {where[-1]!r} is used twice: {', '.join(files)}",
                "one file for each resource",
                "Rename one, or merge them.",
            )


def find_target_problems(view: TargetView) -> Iterator[Problem]:
    """Give what is wrong with a target: its mode, folder and identity."""
    target = view.bundle.targets[view.target]
    where = ("targets", view.target)
    if view.mode not in ("development", "production"):
        yield view.problem(
            (*where, "mode"), f"mode {view.mode or 'is missing'}", "development or production", "Say which it is."
        )
    yield from _find_run_as(view.bundle, target, (*where, "run_as"))
    workspace = merge(view.bundle.document.get("workspace") or {}, target.get("workspace") or {})
    root = str(workspace.get("root_path", ""))
    if view.mode == "production" and not root:
        yield view.problem(
            (*where, "workspace"),
            "no root_path",
            "a folder of the service principal that deploys, /Workspace/Users/${var.service_principal}/.bundle/…",
            "Set it; without, each person who deploys makes a deployment of their own.",
        )
    if root.startswith(_SHARED):
        yield view.problem(
            (*where, "workspace", "root_path"),
            f"root_path {root} can be written by all users of the workspace",
            "a folder of the service principal that deploys",
            "Move it below /Workspace/Users/${var.service_principal}.",
        )
    if view.mode == "development" and root and DEVELOPER not in view.resolved.root_path:
        yield view.problem(
            (*where, "workspace", "root_path"),
            f"root_path {root} is the same for all developers",
            "one that holds ${workspace.current_user.userName}",
            "Leave it out: the default holds it.",
        )
    yield from _find_presets(view, merge(view.bundle.document.get("presets") or {}, target.get("presets") or {}))


def _find_presets(view: TargetView, presets: dict[str, object]) -> Iterator[Problem]:
    where = ("targets", view.target, "presets")
    if view.mode != "development":
        return
    if presets.get("trigger_pause_status") == "UNPAUSED":
        yield view.problem(
            (*where, "trigger_pause_status"),
            "UNPAUSED in mode development",
            "PAUSED",
            "Take it out: it is the default.",
        )
    prefix = str(presets.get("name_prefix", "${workspace.current_user.short_name}"))
    if "${workspace.current_user." not in prefix:
        yield view.problem(
            (*where, "name_prefix"),
            f"name_prefix {prefix!r} is the same for all developers",
            "one that holds ${workspace.current_user.short_name}",
            "Add it.",
        )


def _find_run_as(bundle: Bundle, content: dict[str, object], where: Where) -> Iterator[Problem]:
    """Give ``run_as`` above resources: refused as soon as there is an endpoint, a monitor or an app."""
    if "run_as" in content:
        yield describe(
            bundle,
            where,
            "run_as at target level" if where[0] == "targets" else f"run_as at the top of {MAIN}",
            "run_as at each job: above, the platform refuses it beside endpoints, quality monitors and apps",
            "Move it to each job, or deploy as that service principal.",
        )
