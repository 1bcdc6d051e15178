"""A problem of a bundle, and a target as the checks look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from boathouse.bundle.development import Resources
from boathouse.bundle.documents import (
    Bundle,
    ResolvedTarget,
    fill_variables,
    find_required,
    merge_target,
    resolve_target,
)
from boathouse.bundle.references import Where, find_references, split_reference, write_path

# Stands for a variable that is only given when the bundle is deployed: no real application id.
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
# The user as whom a target is resolved that is deployed by persons.
DEVELOPER = "jane.doe@example.com"

_WORKSPACE = frozenset("host profile current_user root_path file_path artifact_path state_path resource_path".split())
_BUNDLE = frozenset("name target mode git uuid environment".split())


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that a deployment would refuse or get wrong.

    Attributes:
        file: File relative to the folder of the bundle.
        path: Key path in the merged document.
        found: What is there.
        expected: What should be there.
        action: What to do.
        targets: Targets it was found in; empty for all.
    """

    file: str
    path: str
    found: str
    expected: str
    action: str
    targets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in one line."""
        where = f" (target {', '.join(self.targets)})" if self.targets else ""
        return f"{self.file}: {self.path}{where}: {self.found}; expected {self.expected}. {self.action}"


@dataclass(frozen=True, kw_only=True)
class TargetView:
    """A target in three states.

    Attributes:
        bundle: Its bundle.
        target: Its name.
        mode: ``development``, ``production`` or empty.
        written: Its merged resources as they are written.
        filled: With variables filled in, references to resources as they are written.
        resolved: As it would be deployed.
        given: Variables that were given a value.
    """

    bundle: Bundle
    target: str
    mode: str
    written: Resources
    filled: Resources
    resolved: ResolvedTarget
    given: Mapping[str, str]

    def problem(self, where: Where, found: str, expected: str, action: str) -> Problem:
        """Return a problem at a key path of this target."""
        return describe(self.bundle, where, found, expected, action, target=self.target)

    def each(self, kind: str, *, state: str = "resolved") -> Iterator[tuple[Where, dict[str, Any]]]:
        """Give each resource of a kind with its key path; ``state`` is written, filled or resolved."""
        resources = self.resolved.resources if state == "resolved" else getattr(self, state)
        for key, resource in resources.get(kind, {}).items():
            yield ("resources", kind, key), resource


def describe(bundle: Bundle, where: Where, found: str, expected: str, action: str, *, target: str = "") -> Problem:
    """Return a problem at a key path; the file is the one that defines what is there, for all targets or for this."""
    own = ("targets", target, *where)
    file = bundle.file_of(where) if bundle.origins.get(where[:3]) or not target else bundle.file_of(own)
    targets = (target,) if target else ()
    return Problem(file=file, path=write_path(where), found=found, expected=expected, action=action, targets=targets)


def join_targets(problems: Iterator[Problem], targets: tuple[str, ...]) -> list[Problem]:
    """Return each problem once, with all targets that have it; one that all have names none."""
    found: dict[Problem, list[str]] = {}
    for each in problems:
        found.setdefault(replace(each, targets=()), []).extend(each.targets)
    return [
        replace(each, targets=() if set(names) == set(targets) else tuple(dict.fromkeys(names)))
        for each, names in found.items()
    ]


def open_view(bundle: Bundle, target: str, variables: Mapping[str, str]) -> TargetView:
    """Return the view of a target; variables without a value get a placeholder.

    Raises:
        BundleError: If it cannot be resolved.
    """
    given = dict.fromkeys(find_required(bundle, target), PLACEHOLDER) | dict(variables)
    mode = str(bundle.targets[target].get("mode") or "")
    user = DEVELOPER if mode == "development" else PLACEHOLDER
    return TargetView(
        bundle=bundle,
        target=target,
        mode=mode,
        written=merge_target(bundle, target),
        filled=fill_variables(bundle, target, user=user, variables=given).resources,
        resolved=resolve_target(bundle, target, user=user, variables=given),
        given=dict(variables),
    )


def find_undefined(bundle: Bundle, target: str) -> Iterator[Problem]:
    """Give references of a target that lead nowhere: to a variable, a resource, or an unknown name."""
    resources = merge_target(bundle, target)
    declared = bundle.document.get("variables") or {}
    own = {key: value for key, value in bundle.targets[target].items() if key != "resources"}
    places = [
        (resources, ("resources",)),
        (own, ("targets", target)),
        (declared, ("variables",)),
        (bundle.document.get("workspace"), ("workspace",)),
    ]
    for content, start in places:
        for name, where in find_references(content, start):
            wrong = _judge_reference(name, declared, resources)
            if wrong:
                yield describe(
                    bundle, where, f"${{{name}}} {wrong[0]}", wrong[1], "Correct the name, or define it.", target=target
                )


def _judge_reference(name: str, declared: Mapping[str, object], resources: Resources) -> tuple[str, str] | None:
    root, *steps = split_reference(name)
    first = steps[0] if steps else ""
    if root in ("var", "variables"):
        known: object = declared
    elif root == "resources":
        key = steps[1] if len(steps) > 1 else ""
        if key in resources.get(first, {}):
            return None
        defined = ", ".join(sorted(resources.get(first, {})))
        return f"is no resource ({first}.{key})", f"one of {first}: {defined or 'none is defined'}"
    elif root in ("workspace", "bundle"):
        known = dict.fromkeys(_WORKSPACE if root == "workspace" else _BUNDLE)
    else:
        return "is an unknown reference", "bundle, var, workspace or resources"
    if isinstance(known, Mapping) and first in known:
        return None
    kind = "variable" if root == "var" else f"value of {root}"
    return f"is an undefined {kind}", f"one of: {', '.join(sorted(known)) if isinstance(known, Mapping) else ''}"
