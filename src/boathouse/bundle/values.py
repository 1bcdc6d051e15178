"""Values of resources that no typed model judges: empty ones, names of catalogs, secrets, files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boathouse.bundle.documents import MAIN
from boathouse.bundle.problems import Problem, TargetView
from boathouse.bundle.references import walk, walk_texts

# Where an empty text would be taken for a name of its own, or for the person who deploys.
_NEVER_EMPTY = frozenset(
    "catalog_name display_name entity_name entity_version group_name host job_id name on_failure principal schema_name "
    "service_principal_name table_name user_email user_name warehouse_id".split()
)
# Names in Unity Catalog, which differ from target to target.
_QUALIFIED = frozenset(
    "catalog_name entity_name schema_name table_name output_schema_name source_table_full_name securable_name "
    "table_names baseline_table_name dataset_catalog dataset_schema artifact_location".split()
)
_SCHEMA_OF = frozenset({"volumes", "registered_models"})
_BY_TARGET = re.compile(r"\$\{bundle\.target\}\.\w+")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|token|secret|api_?key|private_?key|access_?key)$")
_SECRET_REFERENCE = re.compile(r"\{\{secrets/[\w.@-]+/[\w.@-]+\}\}")
_FILES = frozenset("file_path notebook_path python_file source_code_path".split())


def find_value_problems(view: TargetView) -> Iterator[Problem]:
    """Give what is wrong with single values of a target's resources."""
    yield from _find_empty(view)
    yield from _find_literal_names(view)
    yield from _find_secrets(view)
    yield from _find_missing_files(view)


def _find_empty(view: TargetView) -> Iterator[Problem]:
    for where, value in walk(view.resolved.resources, ("resources",)):
        named = [step for step in where if not step.startswith("[")]
        if value in ("", None) and named[-1] in _NEVER_EMPTY and len(named) > 3:
            yield view.problem(
                where,
                f"{named[-1]} is empty",
                "a value",
                "Give the variable behind it: --var NAME=VALUE, or BUNDLE_VAR_NAME=VALUE in the environment.",
            )
    for name, written in (view.bundle.document.get("variables") or {}).items():
        if "principal" in name and isinstance(written, dict) and written.get("default") == "":
            yield view.problem(
                ("variables", name, "default"),
                f"{name} is empty unless it is given",
                "no default, so that a deployment without it is refused",
                "Take the default out.",
            )


def _find_literal_names(view: TargetView) -> Iterator[Problem]:
    """Give names in Unity Catalog that are the same in all targets, or name the catalog by the target."""
    for kind, entries in view.written.items():
        for where, text in walk_texts(entries, ("resources", kind)):
            key = next(step for step in reversed(where) if not step.startswith("["))
            if key in _QUALIFIED and not re.match(r"(dbfs:/Volumes/|/Volumes/)?\$\{", text):
                yield view.problem(
                    where,
                    f"{key} {text!r} is the same in all targets",
                    "a name that begins with ${var.catalog}, ${var.schema_prefix} or ${resources.…}",
                    "Write it so: catalogs are a variable of each target.",
                )
            elif kind in _SCHEMA_OF and key == "schema_name" and "${resources.schemas." not in text:
                yield view.problem(
                    where,
                    f"schema_name {text!r}",
                    "${resources.schemas.KEY.name}: a schema that this bundle makes, with its prefix",
                    "Refer to the resource.",
                )
            elif _BY_TARGET.search(text) and key not in ("root_path", "name"):
                yield view.problem(
                    where,
                    f"{text!r} names a catalog by the target",
                    "${var.catalog}: the catalog of a target may have another name",
                    "Write it.",
                )


def _find_secrets(view: TargetView) -> Iterator[Problem]:
    for kind, entries in view.resolved.resources.items():
        for where, text in walk_texts(entries, ("resources", kind)):
            if _SECRET_NAME.search(where[-1]) and not _SECRET_REFERENCE.fullmatch(text):
                yield view.problem(
                    where,
                    f"{where[-1]} is written as a value",
                    "a reference {{secrets/SCOPE/KEY}}",
                    "Put the value into the secret scope, and change it: it has been seen.",
                )


def _find_missing_files(view: TargetView) -> Iterator[Problem]:
    """Give files that are not there; a path is relative to the file that names it."""
    for kind, entries in view.filled.items():
        for where, text in walk_texts(entries, ("resources", kind)):
            if where[-1] in _FILES and not text.startswith(("/", "$")) and "://" not in text:
                file = view.problem(where, "", "", "").file
                if not (view.bundle.project / file).parent.joinpath(text).exists():
                    yield view.problem(
                        where,
                        f"there is no file {text}",
                        f"a path relative to {file}",
                        "Correct it." if file != MAIN else "Correct it: the main file is in the folder of the bundle.",
                    )
