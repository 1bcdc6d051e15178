"""The documents of a bundle: ``databricks.yml`` and its included files, read, merged, and resolved for a target."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boathouse.bundle.development import Resources, apply_development, short_name
from boathouse.bundle.references import Where, descend, fill, split_reference, write_path
from boathouse.bundle.yaml_files import Document, read_document
from boathouse.errors import BundleError

MAIN = "databricks.yml"

# Lists whose entries are merged by this key; all others are joined.
_MERGED_BY = {"tasks": "task_key", "job_clusters": "job_cluster_key", "parameters": "name"}
# What the name of a resource in Unity Catalog is made of.
_NAME_PARTS = {
    "schemas": ("catalog_name", "name"),
    "volumes": ("catalog_name", "schema_name", "name"),
    "registered_models": ("catalog_name", "schema_name", "name"),
}
# Ids of these are their names; the platform gives the others a number, for which their key stands here.
_NAMED = frozenset({"model_serving_endpoints", "secret_scopes", "database_instances", "database_catalogs"})


@dataclass(frozen=True)
class Bundle:
    """A bundle as it is written.

    Attributes:
        project: Folder of its ``databricks.yml``.
        document: That file with its included files merged in.
        origins: For each resource and target override, by key path, the files that define it, relative to the folder.
    """

    project: Path
    document: Document
    origins: Mapping[Where, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return str((self.document.get("bundle") or {}).get("name", ""))

    @property
    def targets(self) -> dict[str, Document]:
        """Its targets by name; a target without content is an empty mapping."""
        return {name: target or {} for name, target in (self.document.get("targets") or {}).items()}

    @property
    def resources(self) -> Resources:
        """The resources of all targets by kind and key, before a target's own are merged over them."""
        return self.document.get("resources") or {}

    def file_of(self, where: Where) -> str:
        """Return the file that has what is at the key path ``where``; the main file for all that is not in another."""
        for length in range(len(where), 0, -1):
            found = self.origins.get(where[:length])
            if found:
                return found[0]
        return MAIN


@dataclass(frozen=True, kw_only=True)
class ResolvedTarget:
    """A bundle as it would be deployed to one target.

    Attributes:
        target: Name of the target.
        mode: ``development``, ``production`` or empty.
        variables: Value of each variable that is a text, number or boolean, as text.
        resources: Resources by kind and key, every reference filled in. The ids that the platform gives to jobs,
            experiments and others are not known before: their key stands in their place.
        root_path: Workspace folder of the deployment.
        file_path: Workspace folder of the synced files.
    """

    target: str
    mode: str
    variables: dict[str, str]
    resources: Resources
    root_path: str
    file_path: str


def read_bundle(project: Path) -> Bundle:
    """Return the bundle of the folder ``project``.

    Raises:
        BundleError: If a file is missing or no YAML, has a key twice, or a pattern of ``include`` matches nothing.
    """
    document = read_document(project / MAIN)
    origins: dict[Where, tuple[str, ...]] = {}
    _note_origins(document, MAIN, origins)
    for pattern in document.get("include") or ():
        paths = sorted(project.glob(str(pattern)))
        if not paths:
            raise BundleError(
                f"{project / MAIN}: include has the pattern {pattern!r}; expected one that matches a file. Correct it "
                "or take it out."
            )
        for path in paths:
            included = read_document(path)
            _note_origins(included, path.relative_to(project).as_posix(), origins)
            document = merge(document, included)
    return Bundle(project, document, origins)


def list_bundles(project: Path) -> list[Path]:
    """Return the folders of the bundles of a project: its own, then those below ``bundles/``, by name."""
    return [project, *(path.parent for path in sorted(project.glob(f"bundles/*/{MAIN}")))]


def merge(base: Any, over: Any, key: str = "") -> Any:  # noqa: ANN401 - a YAML document
    """Return ``over`` merged over ``base``: mappings by key, tasks by ``task_key``, other lists joined."""
    if isinstance(base, dict) and isinstance(over, dict):
        merged = {name: merge(base[name], over[name], name) if name in over else base[name] for name in base}
        return merged | {name: value for name, value in over.items() if name not in base}
    if not (isinstance(base, list) and isinstance(over, list)):
        return over
    identity = _MERGED_BY.get(key)
    if identity is None or not all(isinstance(each, dict) and identity in each for each in [*base, *over]):
        return base + over
    entries: dict[Any, Any] = {}
    for each in [*base, *over]:
        name = each[identity]
        entries[name] = merge(entries[name], each) if name in entries else each
    return list(entries.values())


def merge_target(bundle: Bundle, target: str) -> Resources:
    """Return the resources of ``target``, its own merged over the common ones; references as they are written.

    Raises:
        BundleError: If there is no such target.
    """
    if target not in bundle.targets:
        raise BundleError(
            f"{bundle.project / MAIN} has no target {target!r}; it has: {', '.join(sorted(bundle.targets))}. Name one "
            "of them with --target."
        )
    merged = merge(copy.deepcopy(bundle.resources), copy.deepcopy(bundle.targets[target].get("resources") or {}))
    return {kind: {key: each or {} for key, each in (entries or {}).items()} for kind, entries in merged.items()}


def resolve_target(
    bundle: Bundle, target: str, *, user: str, variables: Mapping[str, str] | None = None
) -> ResolvedTarget:
    """Return what would be deployed to ``target`` by ``user``.

    References to bundle, workspace and variables are filled in first, then development mode changes names, then
    references to resources are filled in: the order of the platform's command line tool.

    Args:
        bundle: The bundle.
        target: Name of the target.
        user: User name, or application id, of who deploys.
        variables: Values given with the command; they go before those of the target and the defaults.

    Raises:
        BundleError: If the target is unknown, a variable has no value or is a lookup, or a reference leads nowhere.
    """
    found = fill_variables(bundle, target, user=user, variables=variables)
    resources = found.resources
    if found.mode == "development":
        skips = bool((bundle.document.get("experimental") or {}).get("skip_name_prefix_for_schema"))
        apply_development(resources, user, prefixes_schemas=not skips)
    filled = _fill_resources(resources)
    return ResolvedTarget(
        target=target,
        mode=found.mode,
        variables=found.variables,
        resources=filled,
        root_path=found.root_path,
        file_path=found.file_path,
    )


def fill_variables(
    bundle: Bundle, target: str, *, user: str, variables: Mapping[str, str] | None = None
) -> ResolvedTarget:
    """Return ``target`` with references to bundle, workspace and variables filled in, those to resources not yet.

    Raises:
        BundleError: As :func:`resolve_target`.
    """
    resources = merge_target(bundle, target)
    own = bundle.targets[target]
    values = _assign(bundle, target, variables or {})
    roots = {"bundle": _describe_bundle(bundle, target), "var": values}
    look_up = _ReferenceTable(roots).look_up
    workspace = merge(bundle.document.get("workspace") or {}, own.get("workspace") or {})
    default = f"/Workspace/Users/{user}/.bundle/{bundle.name}/{target}"
    person = {"userName": user, "short_name": short_name(user), "domain_friendly_name": short_name(user)}
    roots["workspace"] = {"root_path": default, **workspace, "current_user": person}
    root = fill(roots["workspace"]["root_path"], look_up, ("targets", target, "workspace", "root_path"))
    roots["workspace"] = {
        "file_path": f"{root}/files",
        "artifact_path": f"{root}/artifacts",
        "state_path": f"{root}/state",
        "resource_path": f"{root}/resources",
        **roots["workspace"],
        "root_path": root,
    }
    file_path = fill(roots["workspace"]["file_path"], look_up, ("workspace", "file_path"))
    plain = {name: fill(value, look_up, ("variables", name)) for name, value in values.items()}
    return ResolvedTarget(
        target=target,
        mode=str(own.get("mode") or ""),
        variables={name: _as_text(value) for name, value in plain.items() if not isinstance(value, dict | list)},
        resources=fill(resources, look_up, ("resources",)),
        root_path=root,
        file_path=file_path,
    )


class _ReferenceTable:
    """What references to anything but resources stand for; a value may have references itself."""

    def __init__(self, roots: dict[str, Any]) -> None:
        self._roots = roots
        self._open: list[str] = []

    def look_up(self, name: str, where: Where) -> Any:  # noqa: ANN401 - a YAML document
        root, *steps = split_reference(name)
        if root == "resources":
            return f"${{{name}}}"
        if root == "variables":
            # The long form of a variable: ${variables.x.value}.
            root, steps = "var", steps[:1]
        if name in self._open:
            raise BundleError(
                f"{write_path(where)}: ${{{name}}} refers to itself: {' -> '.join([*self._open, name])}. Give one of "
                "them a value of its own."
            )
        try:
            value = descend(self._roots[root], steps)
        except KeyError:
            raise BundleError(_describe_unknown(name, where, self._roots)) from None
        self._open.append(name)
        try:
            return fill(value, self.look_up, where)
        finally:
            self._open.pop()


def _describe_unknown(name: str, where: Where, roots: Mapping[str, Any]) -> str:
    root = split_reference(name)[0]
    known = sorted(roots[root]) if isinstance(roots.get(root), dict) else [*sorted(roots), "resources"]
    return (
        f"{write_path(where)}: ${{{name}}} is not defined; expected one of: {', '.join(known)}. Correct the name, or "
        "define it."
    )


def _fill_resources(resources: Resources) -> Resources:
    """Return the resources with references to each other filled in."""
    known = copy.deepcopy(resources)
    opened: list[str] = []

    def look_up(name: str, where: Where) -> object:
        steps = split_reference(name)[1:]
        kind, key = [*steps, "", ""][:2]
        if key not in known.get(kind, {}):
            defined = ", ".join(f"{kind}.{each}" for each in sorted(known.get(kind, {}))) or f"no {kind}"
            raise BundleError(
                f"{write_path(where)}: ${{{name}}} names no resource of this target; it has: {defined}. Correct the "
                "name, or define the resource."
            )
        if name in opened:
            raise BundleError(f"{write_path(where)}: ${{{name}}} refers to itself: {' -> '.join([*opened, name])}.")
        opened.append(name)
        try:
            return fill(_read_attribute(known[kind][key], kind, key, steps[2:]), look_up, where)
        except KeyError as missing:
            raise BundleError(
                f"{write_path(where)}: ${{{name}}} is not known before a deployment: {kind}.{key} does not state "
                f"{missing.args[0]!r}. Refer to name or id."
            ) from None
        finally:
            opened.pop()

    filled: Resources = fill(resources, look_up, ("resources",))
    return filled


def _read_attribute(resource: Document, kind: str, key: str, rest: list[str]) -> object:
    """Return what a reference to a resource stands for: a key of it, or the id that it will have."""
    parts = _NAME_PARTS.get(kind)
    if rest == ["id"] or (rest == ["full_name"] and parts):
        if parts:
            return ".".join(str(resource[part]) for part in parts)
        return resource["name"] if kind in _NAMED else key
    if rest == ["volume_path"] and kind == "volumes":
        return "/Volumes/" + "/".join(str(resource[part]) for part in _NAME_PARTS["volumes"])
    return descend(resource, rest)


def _assign(bundle: Bundle, target: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of each variable: the one given, the target's, or the default."""
    declared = bundle.document.get("variables") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise BundleError(
            f"--var names {', '.join(unknown)}, and {bundle.project / MAIN} declares: "
            f"{', '.join(sorted(declared)) or 'no variable'}. Correct the name."
        )
    values, missing = dict(given), []
    for name, written in _list_variables(bundle, target):
        if name in given:
            continue
        if "lookup" in written:
            raise BundleError(
                f"variables.{name} of target {target!r} is looked up in a workspace, which cannot be done without one. "
                f"Give its value: --var {name}=VALUE."
            )
        if "default" in written:
            values[name] = written["default"]
        else:
            missing.append(name)
    if missing:
        raise BundleError(
            f"target {target!r} has no value for {', '.join(missing)}, which have no default. Give each: "
            f"{' '.join(f'--var {name}=VALUE' for name in missing)}."
        )
    return values


def find_required(bundle: Bundle, target: str) -> list[str]:
    """Return the variables to be given when ``target`` is deployed: those without a value, or with a lookup."""
    return [
        name for name, written in _list_variables(bundle, target) if "default" not in written or "lookup" in written
    ]


def _list_variables(bundle: Bundle, target: str) -> Iterator[tuple[str, Document]]:
    """Give each variable with what says its value: the target, else the declaration."""
    own = bundle.targets[target].get("variables") or {}
    for name, declared in (bundle.document.get("variables") or {}).items():
        written = dict(declared or {})
        if name in own:
            # A value, which may be a mapping, or the long form with default or lookup.
            is_long = isinstance(own[name], dict) and bool({"default", "lookup"} & own[name].keys())
            written = own[name] if is_long else {"default": own[name]}
        yield name, written


def _describe_bundle(bundle: Bundle, target: str) -> Document:
    own = merge(bundle.document.get("bundle") or {}, bundle.targets[target].get("bundle") or {})
    return {**own, "target": target, "mode": bundle.targets[target].get("mode", "")}


def _as_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def _note_origins(document: Document, file: str, origins: dict[Where, tuple[str, ...]]) -> None:
    places: list[tuple[Where, Any]] = [(("resources",), document.get("resources"))]
    for name, target in _require_mapping(document.get("targets"), ("targets",), file).items():
        own = _require_mapping(target, ("targets", str(name)), file)
        places.append((("targets", str(name), "resources"), own.get("resources")))
    for start, resources in places:
        for kind, entries in _require_mapping(resources, start, file).items():
            for key, resource in _require_mapping(entries, (*start, str(kind)), file).items():
                _require_mapping(resource, (*start, str(kind), str(key)), file)
                where = (*start, str(kind), str(key))
                origins[where] = (*origins.get(where, ()), file)


def _require_mapping(content: Any, where: Where, file: str) -> Document:  # noqa: ANN401 - a YAML document
    """Return a mapping, an empty one for nothing."""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BundleError(
            f"{file}: {write_path(where)} is {content!r:.60}; expected a mapping of 'key: value'. Correct it."
        )
    return content
