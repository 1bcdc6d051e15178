"""The tags of a model version: one closed list, one way to write them, former names read as the present ones."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from boathouse.errors import ModelError
from boathouse.registry.client import guard_store, ignore_missing, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

VERSION_TAGS: Mapping[str, str] = {
    # Of the run that registers it, as hooks.provenance.RunTags has them.
    "git_sha": "Commit of the code.",
    "branch": "Branch of the code.",
    "git_dirty": "Whether the code differed from the commit: true, false or unknown.",
    "git_difference": "SHA-256 of that difference; none or unknown.",
    "environment": "Environment that trained it.",
    "pipeline": "Pipelines of the run, comma-separated.",
    "engine": "Engine of the tables: sail, spark or databricks.",
    "engine_version": "Version of the engine.",
    "job_run_id": "Run of the workflow manager; none by hand.",
    "boathouse_version": "Version of this package, with the local part of a commit that is not released.",
    "python_version": "Version of the interpreter.",
    "libraries_digest": "SHA-256 of all installed libraries with their versions.",
    "lock_digest": "SHA-256 of requirements.lock, of the checkout or of the one that the wheel was built beside.",
    "run_by": "Account that the run had.",
    # Of the model.
    "algorithm": "Name of the algorithm.",
    "training_window": "First and last date of its training rows, as FIRST/LAST.",
    "held_out": "Which entities were kept from training, for a split by hash.",
    "feature_spec_digest": "SHA-256 of its feature spec.",
    "feature_views": "Feature views that it looks up, as NAME@VERSION=DIGEST, comma-separated.",
    "table_versions": "Tables read before it was registered, as TABLE@VERSION, comma-separated.",
    "model_digest": "SHA-256 of the manifest of its files.",
    "wheel": "Wheel that an endpoint installs for it, as PATH@sha256:DIGEST, or none: and why.",
    "owner": "Who answers for it.",
    # Of its life cycle, shown as the ledger has them.
    "trained_by": "Identity that trained it.",
    "released_code": "Whether it was trained by released code: true or false.",
    "stage": "Stage of its life cycle.",
    "compliance": "Result of the compliance check: passed or failed.",
    "comparison": "Result of the comparison with the champion: passed or failed.",
    "promotion": "The decision on it, in a sentence.",
    "gates": "Numbers of gates passed, and the names of those that were not.",
    "approved_by": "Who approved the step that brought it to its stage.",
    "copied_from": "Version that it is a copy of, as NAME/VERSION.",
    "approval": "Approved or Rejected, by the button on its page.",
}
# Unity Catalog keeps at most 256 characters of a tag's value; the rest goes on in NAME_2, NAME_3 and so on.
TAG_LENGTH = 256
# Stores of before hold these; they are read, never written.
FORMER_NAMES = {"git_commit": "git_sha", "git_branch": "branch"}


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise unless every tag is on the list and says something; what is not known is written as ``unknown``.

    Raises:
        ModelError: Naming the tag, and the nearest one on the list.
    """
    for name, value in tags.items():
        if name not in VERSION_TAGS:
            near = get_close_matches(FORMER_NAMES.get(name, name), VERSION_TAGS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            message = (
                f"'{name}' is no tag of a model version.{hint} The list is VERSION_TAGS of boathouse.registry.tags: "
                "add a name there, with what it means, before it is written."
            )
            raise ModelError(message)
        if not isinstance(value, str) or not value:
            message = f"The tag '{name}' of a model version needs a text, found {value!r}. Write 'unknown' if it is."
            raise ModelError(message)


def write_tags(name: str, version: str, tags: Mapping[str, str], *, client: MlflowClient | None = None) -> None:
    """Write tags of one version, all of them checked before the first is written.

    Raises:
        ModelError: If one is not on the list or empty, or the store cannot be reached.
    """
    check_tags(tags)
    with guard_store():
        store = client or open_client()
        for key, value in tags.items():
            parts = split_tags({key: value})
            for part, content in parts.items():
                store.set_model_version_tag(name, version, part, content)
            if len(content) == TAG_LENGTH:
                # A full part says that another follows: one of an earlier, longer value may not.
                with ignore_missing():
                    store.delete_model_version_tag(name, version, _name_part(key, len(parts) + 1))


def split_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags of which none is longer than every store keeps; :func:`read_tags` joins them."""
    return {
        _name_part(name, number): value[first : first + TAG_LENGTH]
        for name, value in tags.items()
        for number, first in enumerate(range(0, len(value), TAG_LENGTH), 1)
    }


def _name_part(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _join_parts(found: Mapping[str, str]) -> dict[str, str]:
    """Return the tags with each value whole: a full part is followed by the next, if there is one."""
    parts = {name: [found[name]] for name in found if name in VERSION_TAGS}
    taken: set[str] = set()
    for name, values in parts.items():
        while (follows := _name_part(name, len(values) + 1)) in found:
            taken.add(follows)
            if len(values[-1]) != TAG_LENGTH:
                break
            values.append(found[follows])
    joined = {name: "".join(values) for name, values in parts.items()}
    return {name: joined.get(name, value) for name, value in found.items() if name not in taken}


def read_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Return tags as found, in one piece each, those with a former name under the present one."""
    found = _join_parts(tags or {})
    for former, present in FORMER_NAMES.items():
        if former in found:
            value = found.pop(former)
            found.setdefault(present, value)
    return found
