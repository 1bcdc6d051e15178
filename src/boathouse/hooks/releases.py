"""Released code and configuration: what is in use, how it differs from the release, and who may write with it."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from boathouse.environment import BASE, CONFIG_LOADER_ARGS, list_environments
from boathouse.errors import ReleaseError
from boathouse.hooks.provenance import digest_lock, find_checkout, list_tags, read_source_state
from boathouse.hooks.release_record import ReleaseRecord, name_version, read_release, release_tags
from boathouse.lifecycle.evidence import NO_COMMIT, UNKNOWN, SourceState, is_released
from boathouse.lifecycle.policy import RELEASE_MODES, GovernanceOptions
from boathouse.lifecycle.rules_in_force import ConfState
from boathouse.lineage.git_files import ask_git, identify_content, list_committed, read_committed

if TYPE_CHECKING:
    from boathouse.environment import Environment

_log = logging.getLogger(__name__)
# Kedro's own loader reads these as credentials; local is one machine's.
_SECRET = ("credentials*", ".env*", "*.pem", "*.key", "*.p12", "*.pfx")
LOCAL = "local"
# Of reproducible builds: https://reproducible-builds.org/specs/source-date-epoch/
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
# Tags of this form name a version of the package; others, such as of a deployment, do not.
_VERSION_TAG = re.compile(r"v?\d+\.\d+\.\d+")
# How the names begin of files and folders that a run reads as something else than credentials.
_READ = ("parameters", "catalog", "globals", "logging", *CONFIG_LOADER_ARGS["config_patterns"])
# Groups of parameters that are rules: a run for which they are given is judged by other rules than those released.
_RULES = (("governance",), ("promotion", "gates"))
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Release:
    """Code and configuration that are in use, beside those that were released together.

    Attributes:
        source: The code.
        conf: The configuration in use.
        mode: What the released configuration says of runs that are not released: ``off``, ``warn`` or ``enforce``.
        checkout: Folder of the checkout; None for an installed wheel, or for code without a repository.
    """

    source: SourceState
    conf: ConfState
    mode: str
    checkout: Path | None = None


def is_private(path: Path) -> bool:
    """Return whether a file of conf, by its path below it, is one machine's own or may hold secrets."""
    return path.parts[0] == LOCAL or any(fnmatch(part.lower(), rule) for part in path.parts for rule in _SECRET)


def decides_a_run(path: Path) -> bool:
    """Return whether a file of conf, by its path below it, decides what a run does: a secret alone does not.

    A file that a run reads as parameters or catalog counts, also in a folder that is named like one of secrets.
    """
    read_as = any(part.startswith(_READ) for part in path.parts[1:])
    return path.parts[0] != LOCAL and (read_as or not is_private(path))


def read_conf_files(source: Path, environment: str | None = None) -> dict[str, bytes]:
    """Return the content of the files of a conf folder that decide what a run does, by their path below it.

    Args:
        source: Folder, ``.tar.gz`` or ``.zip``.
        environment: The environment whose layer counts, beside base; None for all.
    """
    layers = None if environment is None else {BASE, environment}
    return {
        name: content
        for name, content in _walk(source)
        if decides_a_run(Path(name)) and (layers is None or Path(name).parts[0] in layers)
    }


def _walk(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(each for each in source.rglob("*") if each.is_file()):
            yield path.relative_to(source).as_posix(), path.read_bytes()
    elif source.is_file() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(name for name in archive.namelist() if not name.endswith("/")):
                yield name.partition("/")[2], archive.read(name)
    elif source.is_file():
        with tarfile.open(source) as packed:
            for member in sorted((each for each in packed.getmembers() if each.isfile()), key=lambda each: each.name):
                file = packed.extractfile(member)
                yield member.name.partition("/")[2], b"" if file is None else file.read()


def read_release_in_use(conf_source: Path, environment: str, package: Path | None = None) -> Release:
    """Return the code that runs, the configuration at ``conf_source``, and how both differ from their release.

    The released configuration is the one of the commit that the code is from, or of the wheel: the same files,
    wherever they lie. Code without either has none.
    """
    code = package or Path(__file__).parents[1]
    source, checkout = read_source_state(code), find_checkout(code)
    released, mode = _read_released(code, checkout, environment)
    in_use = {name: identify_content(each) for name, each in read_conf_files(conf_source, environment).items()}
    changed = sorted(name for name in in_use.keys() | released.keys() if in_use.get(name) != released.get(name))
    conf = ConfState.of(_shorten(conf_source, checkout), in_use, changed=tuple(changed) if released else None)
    return Release(source=source, conf=conf, mode=mode, checkout=checkout)


def _shorten(source: Path, checkout: Path | None) -> str:
    """Return the path from the checkout on, if it is in it."""
    whole = source.absolute()
    return (whole.relative_to(checkout) if checkout and whole.is_relative_to(checkout) else whole).as_posix()


def _read_released(code: Path, checkout: Path | None, environment: str) -> tuple[dict[str, str], str]:
    """Return the released files of the environment's configuration, and what it says of runs that are not released."""
    if checkout is not None:
        committed = list_committed(checkout, f"conf/{BASE}", f"conf/{environment}")
        files = {name.removeprefix("conf/"): each for name, each in committed.items()}
        return files, _read_mode(read_committed(checkout, _governing(committed)))
    record = read_release(code)
    if record is None:
        return {}, RELEASE_MODES[0]
    layers = {BASE, environment}
    files = {name: each for name, each in record.conf.items() if name.partition("/")[0] in layers}
    return files, str(record.released_runs.get(environment, RELEASE_MODES[0]))


def _governing(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files of parameters, base first."""
    names = [name for name in files if any(part.startswith("parameters") for part in Path(name).parts)]
    return {name: files[name] for name in sorted(names, key=lambda each: (f"/{BASE}/" not in f"/{each}", each))}


def _read_mode(parameters: Mapping[str, bytes]) -> str:
    """Return ``governance.released_runs`` of the files, of which a later one wins."""
    mode = RELEASE_MODES[0]
    for content in parameters.values():
        group = (yaml.safe_load(content) or {}).get("governance") or {}
        given = group.get("released_runs", mode)
        mode = RELEASE_MODES[0] if given is False else str(given)
    return mode


def describe_release(root: Path, sources: Sequence[Path] = ()) -> ReleaseRecord:
    """Return the record of a wheel that is built from the project at ``root``.

    Args:
        root: Folder of the project.
        sources: The files that go into it: code without a repository is told apart by their digest.

    Raises:
        ReleaseError: If a tag says that this commit is another version than its code does.
    """
    code = root / "src" / Path(__file__).parents[1].name
    source = read_source_state(code)
    if source.commit in {UNKNOWN, NO_COMMIT} or find_checkout(code) is None:
        source = replace(source, dirty=UNKNOWN, difference=_digest_files(root, sources))
    built_at, built_at_is = read_build_time(root, source)
    _check_tags(root)
    # What a package leaves out is in no release.
    files = {name: each for name, each in read_conf_files(root / "conf").items() if not is_private(Path(name))}
    modes = {}
    for environment in list_environments(root / "conf"):
        layers = {f"conf/{name}": each for name, each in files.items() if name.split("/")[0] in {BASE, environment}}
        modes[environment] = _read_mode({name: layers[name] for name in _governing(dict.fromkeys(layers, ""))})
    return ReleaseRecord(
        version=name_version(source),
        commit=source.commit,
        branch=source.branch,
        tag=source.tag,
        dirty=source.dirty,
        difference=source.difference,
        lock_digest=digest_lock(root),
        built_at=built_at.isoformat(),
        built_at_is=built_at_is,
        conf={name: identify_content(content) for name, content in files.items()},
        released_runs=modes,
    )


def read_build_time(root: Path, source: SourceState) -> tuple[datetime, str]:
    """Return when a build is said to happen, in UTC, and where that is from.

    ``SOURCE_DATE_EPOCH``, the variable that all builders of packages know, goes before all. A clean commit has the
    commit's own time, so that every build of it has the same bytes; what differs from a commit has the clock's.

    Raises:
        ReleaseError: If the variable holds no number of seconds.
    """
    given = os.environ.get(EPOCH_VARIABLE, "")
    if given:
        try:
            return datetime.fromtimestamp(int(given), UTC), EPOCH_VARIABLE
        except (ValueError, OverflowError, OSError) as error:
            message = (
                f"{EPOCH_VARIABLE} is {given!r}; expected whole seconds since 1970, as `git log -1 --format=%ct` has."
            )
            raise ReleaseError(message) from error
    committed = ask_git(root, "log", "-1", "--format=%ct") if source.dirty == "false" else None
    if committed and committed.strip():
        return datetime.fromtimestamp(int(committed), UTC), "commit"
    return datetime.now(UTC).replace(microsecond=0), "clock"


def _check_tags(root: Path) -> None:
    """Check that no tag of the commit names another version than the code has."""
    if find_checkout(root / "src" / Path(__file__).parents[1].name) is None:
        return
    named = [tag for tag in list_tags(root) if _VERSION_TAG.fullmatch(tag) and tag not in release_tags()]
    if named:
        raise ReleaseError(
            f"The tag {named[0]} stands on this commit, whose code is version {release_tags()[1]}. Nothing was built. "
            f"Set __version__ of src/boathouse/__init__.py in a commit and tag that one, or remove the tag."
        )


def _digest_files(root: Path, names: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.as_posix().encode() + b"\0" + hashlib.sha256((root / name).read_bytes()).digest())
    return digest.hexdigest()


def check_release(
    environment: Environment, options: GovernanceOptions | None, parameters: Mapping[str, Any] | None = None
) -> None:
    """Check, before anything is written in ``environment``, that code and configuration are released.

    What the environment's released configuration asks for counts as well as what the one in use says: an
    edited configuration does not switch the check off.

    Args:
        environment: Where something is to be written.
        options: Its rules; None for a project without.
        parameters: Given for this run alone, by ``--params``.

    Raises:
        ReleaseError: If they are not, where that is enforced; where it is to warn, it is logged.
    """
    release = read_release_in_use(environment.conf_source, environment.name)
    own = options.release_mode if options else RELEASE_MODES[0]
    mode = max(own, release.mode, key=RELEASE_MODES.index)
    if mode == RELEASE_MODES[0]:
        return
    rule = options.released_code if options else "clean_commit"
    problems = [
        *find_code_faults(release, rule),
        *find_conf_faults(release, environment),
        *find_given_rules(parameters or {}),
    ]
    if not problems:
        return
    listed = "\n".join(f"- {problem}" for problem in problems)
    asked = "written by released code and configuration (governance.released_runs)"
    if mode == "enforce":
        raise ReleaseError(f"Environment '{environment.name}' is {asked} only; nothing has run.\n{listed}")
    _log.warning(
        "Environment '%s' should be %s; where that is enforced, nothing runs:\n%s", environment.name, asked, listed
    )


def check_writing(environment: Environment, parameters: Mapping[str, Any] | None = None) -> None:
    """Check, by the environment's own rules, that something may be written there; see :func:`check_release`."""
    has_rules = bool(environment.section("parameters").get("governance"))
    options = environment.options(GovernanceOptions, "parameters", "governance") if has_rules else None
    check_release(environment, options, parameters)


def find_code_faults(release: Release, rule: str) -> list[str]:
    """Return why the code is not released by ``rule``, and what to do; nothing if it is."""
    source, where = release.source, release.checkout
    if is_released(source, rule):
        return []
    if source.is_wheel:
        if source.changed:
            return [f"{_count(source.changed)} not as the wheel installed them. Install the wheel again."]
        return [f"The wheel is not released code ('{rule}'): {_say_commit(source)}. Build it by: boathouse package"]
    if where is None:
        text = (
            f"The code in {Path(__file__).parents[3]} is neither a git checkout nor an installed wheel (a downloaded "
            "archive has no commit), so nothing says what runs. Clone the repository (git clone) and run there, or "
            "build the wheel in a clone (boathouse package) and install it."
        )
        return [text]
    if source.changed:
        aside = "Commit them (git add, git commit), or set them aside: git stash --include-untracked"
        return [f"{_count(source.changed)} not as in commit {source.commit[:12]}. {aside}"]
    ways = {"tag": "give it a tag: git tag NAME", "wheel": "build the wheel (boathouse package), install and run it"}
    return [f"The code is not released by the rule '{rule}': {_say_commit(source)}; {ways.get(rule, 'commit it')}."]


def find_conf_faults(release: Release, environment: Environment) -> list[str]:
    """Return why the configuration is not the released one, and what to do; nothing if it is."""
    faults = []
    layer, conf = _layer_of(environment), release.conf
    if (
        layer is not None
        and layer != environment.name
        and environment.name in list_environments(environment.conf_source)
    ):
        faults.append(
            f"Layer '{layer}' of {conf.source} names environment '{environment.name}', which has a layer of its own. "
            f"Give the layer another name in its globals.yml, or run with --env {environment.name}."
        )
    released = "the commit" if release.checkout is not None else "the wheel"
    if conf.changed is None:
        if release.source.is_wheel:
            faults.append("The wheel holds no record of its configuration. Build it by: boathouse package")
    elif conf.changed:
        faults.append(
            f"The configuration {conf.source} is not the one of {released}: {_list(conf.changed)}. Commit the change, "
            "or leave out --conf-source."
            if release.checkout is not None
            else f"The configuration {conf.source} is not the one of {released}: {_list(conf.changed)}. Use the one "
            "that was packaged with it, conf-boathouse.tar.gz."
        )
    return faults


def find_given_rules(parameters: Mapping[str, Any]) -> list[str]:
    """Return which rules ``--params`` sets; nothing if it sets none."""
    given = []
    for path in _RULES:
        group: Any = parameters
        for name in path:
            group = group.get(name) if isinstance(group, Mapping) else None
        if group is not None:
            given.append(".".join(path))
    if not given:
        return []
    return [f"--params sets {' and '.join(given)}: the rules are those of the released configuration. Leave it out."]


def _layer_of(environment: Environment) -> str | None:
    """Return the folder of conf that the environment was opened from, if its configuration says."""
    conf = environment.conf
    return getattr(conf, "env", None) or getattr(conf, "default_run_env", None)


def _say_commit(source: SourceState) -> str:
    if source.commit == UNKNOWN:
        return "its commit is unknown"
    dirty = {"true": "built from changed files, ", "false": ""}.get(source.dirty, "")
    return f"{dirty}commit {source.commit[:12]}, tag {source.tag}"


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} file(s) that decide what runs ({_list(names)}) are"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
