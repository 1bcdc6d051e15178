"""The feature dictionary: one page that says what every feature means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.core.features.feature_view import FeatureView
    from boathouse.core.scoring.on_demand import OnDemandFeature, RequestField


def write_dictionary(views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Feature dictionary\n",
        "Written by `boathouse features dictionary --to docs/features.md`; a test compares it with the code.\n",
        *map(_describe_view, views),
        _describe_on_demand(on_demand),
    ]
    return "\n".join(part for part in parts if part)


def _describe_view(view: FeatureView) -> str:
    age = "never" if view.max_age_days is None else f"after {view.max_age_days} days"
    sources = "; ".join(f"`{each.table}` ({', '.join(each.columns)})" for each in view.sources)
    lines = [
        f"## {view.label}\n",
        f"{view.description} One row per {', '.join(view.key_names)} and {view.time_column}, in `{view.table}`.\n",
        f"- version {view.version}, definition `{view.digest}`, owner {view.owner}",
        f"- made from {sources}",
        f"- stale: {age}; published online: {'yes' if view.online else 'no'}",
        *(f"- {key}: {value}" for key, value in view.tags),
        "",
        "| feature | unit | meaning | as a reason |",
        "|---|---|---|---|",
        *(f"| `{each.name}` | {each.unit} | {each.description} | {each.reason} |" for each in view.features),
        "",
    ]
    return "\n".join(lines)


def _describe_on_demand(features: Sequence[OnDemandFeature]) -> str:
    if not features:
        return ""
    lines = [
        "## On demand\n",
        "Computed when they are asked for, by the same function in training, batch scoring and the endpoint.\n",
        "| feature | unit | meaning | from stored | from the request |",
        "|---|---|---|---|---|",
    ]
    for each in features:
        fields = "; ".join(map(_describe_field, each.request))
        stored = ", ".join(f"`{name}`" for name in each.stored)
        lines.append(f"| `{each.name}` | {each.unit} | {each.description} | {stored} | {fields} |")
    return "\n".join([*lines, ""])


def _describe_field(field: RequestField) -> str:
    given = "must be given" if field.default is None else f"default {field.default:g}"
    return f"`{field.name}` ({field.unit}, {given})"
