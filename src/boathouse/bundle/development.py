"""What a target of mode development changes in its resources, as the platform's command line tool does it.

Names get the user's prefix, so that two developers in one workspace do not overwrite each other's resources.
"""

from __future__ import annotations

import re
from typing import Any

Resources = dict[str, dict[str, dict[str, Any]]]

# Resources of Unity Catalog and endpoints have names of letters, digits and underscores.
_PLAIN = frozenset({"registered_models", "schemas", "model_serving_endpoints"})
_TITLED = {
    "jobs": "name",
    "pipelines": "name",
    "models": "name",
    "dashboards": "display_name",
    "alerts": "display_name",
}


def short_name(user: str) -> str:
    """Return the short name of a user: what is before ``@``, in lower case, other characters than letters and digits
    as underscores.

    The application id of a service principal is treated in the same way.
    """  # noqa: D205 - the rule does not fit into one line
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", user.partition("@")[0].lower())).strip("_")


def title_prefix(user: str) -> str:
    """Return the prefix of names that a person reads: ``[dev jane] ``."""
    return f"[dev {short_name(user)}] "


def name_prefix(user: str) -> str:
    """Return the prefix of names in Unity Catalog and of endpoints: ``dev_jane_``."""
    return f"dev_{short_name(user)}_"


def apply_development(resources: Resources, user: str, *, prefixes_schemas: bool = True) -> None:
    """Change ``resources`` in place as mode development does.

    Jobs, pipelines, dashboards, alerts, experiments, registered models, schemas and endpoints get the prefix;
    schedules and triggers without a pause status are paused; schedules of quality monitors that are not unpaused are
    taken out; jobs may run four times at once unless they say otherwise.

    Args:
        resources: Resources by kind and key.
        user: User name of the person who deploys.
        prefixes_schemas: Whether schemas get it too: not with ``experimental.skip_name_prefix_for_schema``.
    """
    for kind, entries in resources.items():
        for resource in entries.values():
            if kind in _TITLED and _TITLED[kind] in resource:
                resource[_TITLED[kind]] = title_prefix(user) + str(resource[_TITLED[kind]])
            elif kind == "experiments":
                folder, slash, base = str(resource["name"]).rpartition("/")
                resource["name"] = f"{folder}{slash}{title_prefix(user)}{base}"
            elif kind in _PLAIN and (kind != "schemas" or prefixes_schemas):
                resource["name"] = name_prefix(user) + str(resource["name"])
            elif kind == "quality_monitors" and resource.get("schedule", {}).get("pause_status") != "UNPAUSED":
                resource.pop("schedule", None)
    for job in resources.get("jobs", {}).values():
        job.setdefault("max_concurrent_runs", 4)
        for start in ("schedule", "trigger", "continuous"):
            if isinstance(job.get(start), dict):
                job[start].setdefault("pause_status", "PAUSED")
