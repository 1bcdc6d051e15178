"""What ``boathouse doctor`` looks at on a Databricks runtime: identity, Unity Catalog, rights, secrets.

Every finding that is not ok ends with the command that repairs it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from boathouse.cli.checks import Check
from boathouse.databricks.inspection import Kind, WorkspaceView, open_workspace
from boathouse.databricks.secrets import SecretReference, read_secret
from boathouse.environment import SECRETS, Environment, list_environments, open_environment
from boathouse.errors import BoathouseError, SecretError
from boathouse.lifecycle.policy import GovernanceOptions

# What the flow does with its own tables, models and volume.
_OF_SCHEMA = ("USE_SCHEMA", "SELECT", "MODIFY", "CREATE_TABLE")
_OF_MODEL = ("EXECUTE", "CREATE_MODEL_VERSION", "APPLY_TAG", "MANAGE")
_OF_VOLUME = ("READ_VOLUME", "WRITE_VOLUME")
# What may not be held on the schemas of another environment.
_WRITING = ("MODIFY", "CREATE_TABLE", "CREATE_MODEL", "WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE")
# Secrets without which the flow of the jobs works all the same, and what does not.
_OPTIONAL = {"online_store": "boathouse features publish needs it", "log_salt": "endpoints' logs need it"}


def check_platform(environment: Environment, conf_source: Path, service_principal: str | None) -> tuple[Check, ...]:
    """Return the findings for an environment in the workspace that this process runs in.

    Args:
        environment: The environment.
        conf_source: Its configuration, which has the other environments.
        service_principal: Application id that its jobs run as; None if any identity will do.
    """
    view: list[WorkspaceView] = []
    identity = _guard("identity", lambda: [_check_identity(view, environment, service_principal)])
    if not view:
        return tuple(identity)
    (seen,) = view
    groups = (
        ("catalog", lambda: _check_catalog(seen, environment)),
        ("own tables", lambda: _check_schemas(seen, environment)),
        ("other environments", lambda: _check_others(seen, environment, conf_source)),
        ("volume", lambda: _check_volume(seen, environment)),
        ("models", lambda: _check_models(seen, environment)),
        ("experiments", lambda: _check_experiments(seen, environment)),
        ("secrets", lambda: _check_secrets(environment)),
    )
    return (*identity, *(check for name, look in groups for check in _guard(name, look)))


def _guard(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """Return the findings; what keeps the workspace from answering is one."""
    try:
        return list(look())
    except BoathouseError as error:
        return [Check(name=name, status="fail", detail=str(error))]
    except Exception as error:  # noqa: BLE001  # the SDK's own errors and the network's
        reason = type(error).__name__
        text = f"the workspace did not answer ({reason}). Check host and credentials: databricks auth describe"
        return [Check(name=name, status="fail", detail=text)]


def _check_identity(view: list[WorkspaceView], environment: Environment, expected: str | None) -> Check:
    seen = WorkspaceView(open_workspace())
    caller = seen.caller
    view.append(seen)
    kind = "service principal" if caller.is_service else "user"
    if expected and caller.name != expected:
        text = (
            f"{kind} {caller.name}; jobs of '{environment.name}' run as {expected}. Run it as the job: "
            f"databricks bundle deploy -t {environment.name} --var service_principal={expected}"
        )
        return Check(name="identity", status="fail", detail=text)
    needed = environment.options(GovernanceOptions, "parameters", "governance").rules.needed
    if needed and not caller.is_service:
        text = (
            f"{kind} {caller.name}; '{environment.name}' asks for approvals, so its jobs run as a service principal: "
            f"databricks bundle deploy -t {environment.name} --var service_principal=APPLICATION_ID"
        )
        return Check(name="identity", status="warn", detail=text)
    return Check(name="identity", status="ok", detail=f"{kind} {caller.name}")


def _name_catalog(environment: Environment) -> str:
    return environment.table("any.any").table.split(".")[0]


def _name_schemas(environment: Environment) -> list[str]:
    """Return the full names of the schemas that the flow writes to: those of the catalog's tables and models."""
    entries = environment.section("catalog").values()
    names = [str(entry.get("table") or entry.get("name") or "") for entry in entries if isinstance(entry, dict)]
    return sorted({".".join(name.split(".")[:2]) for name in names if name.count(".") == 2})


def _check_catalog(view: WorkspaceView, environment: Environment) -> Iterator[Check]:
    name = _name_catalog(environment)
    state = view.look("catalog", name).state
    if state == "missing":
        text = f"'{name}' is missing. Make it: databricks catalogs create {name}"
        yield Check(name="catalog", status="fail", detail=text)
        return
    lacking = view.lacks("catalog", name, ("USE_CATALOG",))
    if lacking or state == "hidden":
        yield Check(name="catalog", status="fail", detail=_say_lacking(view, "catalog", name, ("USE_CATALOG",)))
        return
    yield Check(name="catalog", status="ok", detail=name)


def _check_schemas(view: WorkspaceView, environment: Environment) -> Iterator[Check]:
    names = _name_schemas(environment)
    # One that only its owner may see looks the same as one whose grants were forgotten: the rights are said then.
    missing = [name for name in names if view.look("schema", name).state == "missing"]
    if missing:
        text = f"missing: {', '.join(missing)}. Make them: databricks bundle deploy -t {environment.name}"
        yield Check(name="schemas", status="fail", detail=text)
    else:
        yield Check(name="schemas", status="ok", detail=f"{len(names)} of {_name_catalog(environment)}")
    present = [name for name in names if name not in missing]
    lacking = {name: view.lacks("schema", name, _OF_SCHEMA) for name in present}
    faults = [_say_lacking(view, "schema", name, lacks) for name, lacks in lacking.items() if lacks]
    text = "\n".join(faults) or f"read and write {len(present)} schemas"
    yield Check(name="own tables", status="fail" if faults else "ok", detail=text)


def _say_lacking(view: WorkspaceView, kind: Kind, name: str, lacking: Iterable[str]) -> str:
    """Return which privileges are missing, and the command by which the owner grants them."""
    words = ", ".join(each.replace("_", " ") for each in lacking)
    return f"{name}: no {words}. Its owner grants it: {_grant_command(view.caller.name, kind, name, add=lacking)}"


def _grant_command(principal: str, kind: str, name: str, **change: Iterable[str]) -> str:
    """Return the command that adds (``add``) or removes (``remove``) privileges of a principal on a securable."""
    changes = {"changes": [{"principal": principal, **{what: list(given) for what, given in change.items()}}]}
    return f"databricks grants update {kind} {name} --json '{json.dumps(changes)}'"


def _check_others(view: WorkspaceView, environment: Environment, conf_source: Path) -> Iterator[Check]:
    """Yield that nothing of another environment can be written."""
    own = _name_catalog(environment)
    names = [each for each in list_environments(conf_source) if each not in {environment.name, "test", "local"}]
    others = {each: open_environment(each, conf_source) for each in names}
    places = [
        (kind, name)
        for other in others.values()
        if _name_catalog(other) != own
        for kind, name in [("catalog", _name_catalog(other)), *(("schema", each) for each in _name_schemas(other))]
    ]
    faults = [fault for kind, name in places for fault in _find_writing(view, kind, name)]
    catalogs = sorted({_name_catalog(other) for other in others.values()} - {own})
    text = "\n".join(faults) or f"cannot write {', '.join(catalogs) or 'any: there is none'}"
    yield Check(name="other environments", status="fail" if faults else "ok", detail=text)


def _find_writing(view: WorkspaceView, kind: str, name: str) -> Iterator[str]:
    securable: Kind = "catalog" if kind == "catalog" else "schema"
    if view.owns(securable, name):
        command = f"databricks {securable}s update {name} --owner OWNER"
        yield f"{name} is owned by this identity. Give it to another: {command}"
    held: dict[str, list[str]] = {}
    for each in view.grants(securable, name):
        if each.privilege in _WRITING and not each.is_inherited:
            held.setdefault(each.principal, []).append(each.privilege)
    for principal, privileges in held.items():
        command = _grant_command(principal, securable, name, remove=sorted(privileges))
        yield f"{name} could be written ({', '.join(sorted(privileges))}). Take it away: {command}"


def _check_volume(view: WorkspaceView, environment: Environment) -> Iterator[Check]:
    parts = PurePosixPath(os.environ.get("BOATHOUSE_DATA") or "").parts
    if parts[:2] != ("/", "Volumes") or len(parts) < 5:
        text = (
            "the data folder is no volume, so a job's reports end with it. Name one: "
            "--data-dir=/Volumes/CATALOG/SCHEMA/VOLUME"
        )
        yield Check(name="volume", status="warn", detail=text)
        return
    name = ".".join(parts[2:5])
    state = view.look("volume", name).state
    if state == "missing":
        text = f"'{name}' is missing. Make it: databricks bundle deploy -t {environment.name}"
        yield Check(name="volume", status="fail", detail=text)
        return
    lacking = _OF_VOLUME if state == "hidden" else view.lacks("volume", name, _OF_VOLUME)
    text = _say_lacking(view, "volume", name, lacking) if lacking else name
    yield Check(name="volume", status="fail" if lacking else "ok", detail=text)


def _check_models(view: WorkspaceView, environment: Environment) -> Iterator[Check]:
    for name in environment.promoted_models:
        state = view.look("function", name).state
        if state == "missing":
            schema = name.rpartition(".")[0]
            lacking = view.lacks("schema", schema, ("CREATE_MODEL",))
            makes = "not there yet; the first training makes it"
            text = _say_lacking(view, "schema", schema, lacking) if lacking else makes
            yield Check(name=f"model {name}", status="fail" if lacking else "ok", detail=text)
            continue
        lacking = _OF_MODEL if state == "hidden" else view.lacks("function", name, _OF_MODEL)
        text = _say_lacking(view, "function", name, lacking) if lacking else "new versions, aliases and tags"
        yield Check(name=f"model {name}", status="fail" if lacking else "ok", detail=text)


def _check_experiments(view: WorkspaceView, environment: Environment) -> Iterator[Check]:
    name = str(environment.section("mlflow")["tracking"]["experiment"]["name"])
    folder = PurePosixPath(name).parent.as_posix()
    if not name.startswith("/"):
        text = f"'{name}' is no absolute path of the workspace. Set BOATHOUSE_EXPERIMENTS=/Shared"
        yield Check(name="experiments", status="fail", detail=text)
    elif view.has_folder(folder):
        yield Check(name="experiments", status="ok", detail=name)
    else:
        text = f"the folder of '{name}' is missing. Make it: databricks workspace mkdirs {folder}"
        yield Check(name="experiments", status="fail", detail=text)


def _check_secrets(environment: Environment) -> Iterator[Check]:
    hooks = environment.options(GovernanceOptions, "parameters", "governance").hooks
    named = [environment.secret(name) for name in SECRETS]
    named += [hook.secret(part) for hook in hooks for part in ("url", "signing")]
    for reference in named:
        if reference.scope or (reference.variable and reference.name not in SECRETS):
            yield _check_secret(reference)


def _check_secret(reference: SecretReference) -> Check:
    name = f"secret {reference.name}"
    where = f"scope {reference.scope}, key {reference.key}" if reference.scope else f"variable {reference.variable}"
    try:
        found = read_secret(reference)
    except SecretError as error:
        reason = _OPTIONAL.get(reference.name)
        if reason and error.is_missing:
            return Check(name=name, status="warn", detail=f"{error} ({reason})")
        return Check(name=name, status="fail", detail=str(error))
    if found is None:
        return Check(name=name, status="fail", detail=f"{where} is not set: export {reference.variable}=…")
    return Check(name=name, status="ok", detail=where)
