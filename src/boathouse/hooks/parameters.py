"""Parameters checked as a whole before any node runs: none missing, none unknown, none out of range.

Kedro builds the options classes of ``params:`` inputs by itself, but passes over a group that is not
there and names neither file nor allowed keys. This check comes first and reports all problems at once.
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING, Any

from kedro.validation import TypeExtractor

from boathouse.errors import ConfigError, OptionError
from boathouse.hooks.declared_names import find_unknown_names
from boathouse.hooks.parameter_files import ParameterFiles
from boathouse.options import parse_date
from boathouse.tables.scope import resolve_train_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kedro.config import OmegaConfigLoader
    from kedro.pipeline import Pipeline


_PREFIX = "params:"
_MISSING = object()


def check_parameters(loader: OmegaConfigLoader, pipelines: Mapping[str, Pipeline]) -> None:
    """Check ``parameters`` against what the nodes of ``pipelines`` ask for.

    Raises:
        ConfigError: With one line for each missing, unknown or out-of-range parameter, and for each column, feature
            or table that one names and nothing declares: its name, its file, its value and what is allowed.
    """
    used, values = _list_used(pipelines), loader["parameters"]
    problems = list(find_problems(values, pipelines, ParameterFiles(loader)))
    problems += _check_cutoffs(values)
    problems += find_unknown_names(loader, lambda path: _is_read(path, used))
    if problems:
        text = "\n".join(f"- {problem}" for problem in problems)
        message = f"Faulty parameters; nothing has run.\n{text}"
        raise ConfigError(message)


def find_problems(values: Mapping[str, Any], pipelines: Mapping[str, Pipeline], files: ParameterFiles) -> Iterator[str]:
    """Yield what is wrong with ``values``, one sentence each."""
    used = _list_used(pipelines)
    for path, nodes in used.items():
        if _look_up(values, path) is _MISSING:
            yield f"'{path}' is missing (node {', '.join(sorted(nodes))} needs it). Add it to {files.suggest(path)}."
    yield from _find_unused(values, used, pipelines, files)
    for path, options in TypeExtractor(dict(pipelines)).extract_types_from_pipelines().items():
        group = _look_up(values, path)
        if group is not _MISSING:
            yield from _check_group(path, group, options, files)


def _check_cutoffs(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with two dates that are given apart; one that the data decides is checked by the node."""
    as_of, until = values.get("as_of"), values.get("train_until")
    if as_of and until:
        try:
            resolve_train_until(until, parse_date("as_of", as_of))
        except OptionError as error:
            yield str(error)


def _list_used(pipelines: Mapping[str, Pipeline]) -> dict[str, set[str]]:
    """Return the paths of all ``params:`` inputs with the names of the nodes that read them."""
    used: dict[str, set[str]] = {}
    for pipeline in pipelines.values():
        for node in pipeline.nodes:
            for name in node.inputs:
                if name.startswith(_PREFIX):
                    used.setdefault(name.removeprefix(_PREFIX), set()).add(node.name)
    return used


def _look_up(values: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401
    value: Any = values
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return _MISSING
        value = value[key]
    return value


def _find_unused(
    values: Mapping[str, Any],
    used: Mapping[str, Collection[str]],
    pipelines: Mapping[str, Pipeline],
    files: ParameterFiles,
) -> Iterator[str]:
    """Yield top keys and groups that nothing reads.

    A run of some pipelines cannot know what the others read, so a key that stands in a file is then
    let pass, and so are the groups of pipelines that were not asked for.
    """
    whole = "__default__" in pipelines
    top = {path.partition(".")[0] for path in used}
    for key, content in values.items():
        if key not in top and (whole or files.find(key) is None):
            yield _say_unknown(key, content, top | set(pipelines) - {"__default__"}, files)
        elif key in top and key in pipelines and isinstance(content, dict):
            for group in content:
                path = f"{key}.{group}"
                if not _is_read(path, used):
                    siblings = {name.partition(".")[2].partition(".")[0] for name in used if name.startswith(f"{key}.")}
                    yield _say_unknown(path, content[group], siblings, files)


def _is_read(path: str, used: Mapping[str, Collection[str]]) -> bool:
    return any(name == path or name.startswith(f"{path}.") or path.startswith(f"{name}.") for name in used)


def _say_unknown(path: str, value: object, known: Collection[str], files: ParameterFiles) -> str:
    where = files.say_where(path)
    last = path.rpartition(".")[2]
    near = difflib.get_close_matches(last, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(sorted(known)) or 'none'}."
    shown = "" if isinstance(value, dict) else f" (value {value!r})"
    return f"'{path}'{shown} in {where} is unknown: no node reads it; {hint}"


def _check_group(path: str, group: object, options: type, files: ParameterFiles) -> Iterator[str]:
    """Yield what is wrong with one group that a node reads as the frozen class ``options``."""
    kind = _unwrap(options)
    if group is None and kind is not options:
        return
    if not isinstance(group, dict):
        yield f"'{path}' in {files.say_where(path)} is {group!r}; expected a group of keys."
        return
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    unknown = [name for name in group if name not in fields]
    missing = [name for name, field in fields.items() if name not in group and _is_required(field)]
    for name in unknown:
        yield _say_unknown(f"{path}.{name}", group[name], fields, files)
    for name in missing:
        yield f"'{path}.{name}' is missing. Add it to {files.suggest(f'{path}.{name}')}."
    if not unknown and not missing:
        yield from _build(path, group, kind, files)


def _unwrap(options: Any) -> Any:  # noqa: ANN401
    """Return ``X`` for ``X | None``."""
    kinds = [kind for kind in getattr(options, "__args__", ()) if kind is not type(None)]
    return kinds[0] if kinds else options


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _build(path: str, group: dict[str, Any], options: type, files: ParameterFiles) -> Iterator[str]:
    try:
        options(**group)
    except (OptionError, TypeError, ValueError, AttributeError) as error:
        name = next((name for name in group if f"'{name}'" in str(error)), "")
        where = files.say_where(f"{path}.{name}" if name else path)
        full = str(error).replace(f"'{name}'", f"'{path}.{name}'", 1) if name else f"'{path}': {error}"
        yield f"{full} ({where})"
