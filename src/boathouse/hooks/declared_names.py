"""Names in conf (columns, features, groups, tables) held against what the use case declares, before any node runs.

A list of names that a node only filters by takes any text: a feature that is misspelt among the excluded ones would be
an input of the model without a message. ``RULES`` lists what each such parameter may name; a new parameter that names
a column is one more line there.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kedro.config import MissingConfigException

from boathouse.hooks.parameter_files import ParameterFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from kedro.config import OmegaConfigLoader

    Conf = Mapping[str, Mapping[str, Any]]

# Share of common letters from which a declared name is suggested for a misspelt one; lower, it suggests unrelated ones.
_LIKENESS = 0.54


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What one parameter may name.

    Attributes:
        kind: Configuration it stands in: ``parameters``, ``endpoints`` or ``rollouts``.
        path: Its dotted path; ``*`` stands for any key, or any entry of a list.
        what: What is named, with an article, for the message.
        form: Whether the value is one ``name``, a list of ``names``, or a mapping whose ``keys`` are names.
        known: Gives the names that there are, out of the whole configuration.
        declared_in: Where a further name would be declared.
        optional: Whether null is a legal value.
    """

    kind: Literal["parameters", "endpoints", "rollouts"] = "parameters"
    path: str
    what: str
    form: Literal["name", "names", "keys"] = "names"
    known: Callable[[Conf], Collection[str]]
    declared_in: str
    optional: bool = False

    def covers(self, kind: str, path: str) -> bool:
        """Return whether the rule checks the parameter ``path`` of ``kind``, or something above it."""
        wanted, found = self.path.split("."), path.split(".")
        return kind == self.kind and all(ours in {"*", theirs} for ours, theirs in zip(wanted, found, strict=False))


def find_unknown_names(loader: OmegaConfigLoader, is_read: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """Yield one sentence for each name in conf that nothing declares: where, found, expected, what to do.

    Args:
        loader: The run's configuration.
        is_read: Whether the run reads the group of parameters of that path; others are passed over.
    """
    conf = {kind: _read(loader, kind) for kind in ("parameters", "endpoints", "rollouts")}
    for rule in RULES:
        if rule.kind != "parameters" or is_read(rule.path.partition(".*")[0]):
            files = ParameterFiles(loader, rule.kind)
            for path, value in _find_values(conf[rule.kind], rule.path.split(".")):
                yield from _check(rule, path, value, conf, files)


def _read(loader: OmegaConfigLoader, kind: str) -> Mapping[str, Any]:
    try:
        return dict(loader[kind]) if kind in loader.config_patterns else {}
    except MissingConfigException:
        return {}


def _find_values(tree: Any, parts: list[str], path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield path and value of everything that the path ``parts`` leads to."""
    if not parts:
        yield path.lstrip("."), tree
        return
    head, rest = parts[0], parts[1:]
    entries = dict(enumerate(tree)) if isinstance(tree, list) else tree if isinstance(tree, dict) else {}
    for key in entries if head == "*" else [head] if head in entries else []:
        yield from _find_values(entries[key], rest, f"{path}.{key}")


def _check(rule: NameRule, path: str, value: object, conf: Conf, files: ParameterFiles) -> Iterator[str]:
    expected = {"name": str, "names": list | tuple, "keys": dict}[rule.form]
    where = f"'{path}' in {files.locate(path)}"
    if value is None and rule.optional:
        return
    if not isinstance(value, expected):
        form = {"name": "one name", "names": "a list of names", "keys": "a mapping by name"}[rule.form]
        yield f"{where} is {value!r}; expected {form}, each {rule.what}."
        return
    known = sorted(rule.known(conf))
    for name in [value] if isinstance(value, str) else value:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=_LIKENESS)
            hint = f"did you mean '{near[0]}'? " if near else ""
            yield (
                f"{where} names '{name}', which is not {rule.what}; {hint}known: {', '.join(known) or 'none'}. "
                f"Correct the name, or declare it in {rule.declared_in}."
            )


def _features(_: Conf) -> Collection[str]:
    from boathouse.use_case import USE_CASE

    return USE_CASE.feature_names


def _model_inputs(conf: Conf) -> Collection[str]:
    """Return the features that the model may see: a rule on an excluded one would find no such column."""
    excluded = conf["parameters"].get("training", {}).get("features", {}).get("excluded") or ()
    return [name for name in _features(conf) if name not in excluded]


def _request_values(conf: Conf) -> Collection[str]:
    """Return the features and the fields that on-demand features take from a request."""
    from boathouse.use_case import USE_CASE

    return {*_features(conf), *(name for each in USE_CASE.on_demand for name in each.request_names)}


def _request_columns(conf: Conf) -> Collection[str]:
    from boathouse.use_case import USE_CASE

    return {*USE_CASE.keys, *_request_values(conf)}


def _columns(conf: Conf) -> Collection[str]:
    """Return every column of the use case's tables, and what a request may hold."""
    from boathouse.use_case import USE_CASE

    return {*_request_columns(conf), *(name for each in USE_CASE.contracts.values() for name in each.column_names)}


def _groups(_: Conf) -> Collection[str]:
    from boathouse.use_case import USE_CASE

    return USE_CASE.groups.columns if USE_CASE.groups else ()


def _judged_groups(conf: Conf) -> Collection[str]:
    """Return the groups that the evaluation measures: a gate on another one would have no number."""
    judged = conf["parameters"].get("evaluation", {}).get("fairness", {}).get("sensitive")
    return judged if isinstance(judged, list) else _groups(conf)


def _clean_tables(_: Conf) -> Collection[str]:
    from boathouse.use_case import USE_CASE

    return [source.cleaned.name for source in USE_CASE.sources]


def _behaviour_tests(_: Conf) -> Collection[str]:
    from boathouse.use_case import USE_CASE

    return USE_CASE.behaviour.names if USE_CASE.behaviour else ()


_FEATURES_FILE, _SOURCES_FILE = "use_case/features.py", "use_case/schemas.py"

RULES = (
    NameRule(
        path="data_prep.quality.may_be_empty",
        what="the clean table of a source",
        known=_clean_tables,
        declared_in=_SOURCES_FILE,
    ),
    NameRule(path="training.features.excluded", what="a feature", known=_features, declared_in=_FEATURES_FILE),
    NameRule(
        path="training.baseline.feature",
        what="a feature that the model may see",
        form="name",
        known=_model_inputs,
        declared_in=f"{_FEATURES_FILE}, or take it out of training.features.excluded",
    ),
    NameRule(
        path="training.search.candidates.*.feature",
        what="a feature that the model may see",
        form="name",
        known=_model_inputs,
        declared_in=f"{_FEATURES_FILE}, or take it out of training.features.excluded",
    ),
    NameRule(
        path="evaluation.fairness.sensitive",
        what="a group by which fairness is judged",
        known=_groups,
        declared_in="use_case/groups.py",
    ),
    NameRule(
        path="evaluation.behaviour.limits",
        what="a behaviour test",
        form="keys",
        known=_behaviour_tests,
        declared_in="use_case/behaviour.py",
    ),
    NameRule(
        path="promotion.gates.protected",
        what="a group that the evaluation measures",
        known=_judged_groups,
        declared_in="evaluation.fairness.sensitive",
    ),
    NameRule(
        path="promotion.gates.quality_tables",
        what="the clean table of a source",
        known=_clean_tables,
        declared_in=_SOURCES_FILE,
    ),
    NameRule(path="monitoring.drift.ignored", what="a feature", known=_features, declared_in=_FEATURES_FILE),
    NameRule(path="monitoring.drift.also_watched", what="a feature", known=_features, declared_in=_FEATURES_FILE),
    NameRule(
        path="monitoring.service_levels.endpoints",
        what="an endpoint",
        form="keys",
        known=lambda conf: conf["endpoints"].keys(),
        declared_in="serving/endpoints.yml",
    ),
    NameRule(
        kind="endpoints",
        path="*.boathouse.split.unit",
        what="a column of a request",
        form="name",
        known=_request_columns,
        declared_in="use_case/on_demand.py",
        optional=True,
    ),
    NameRule(
        kind="endpoints",
        path="*.boathouse.log.personal.columns",
        what="a column of a table or of a request",
        known=_columns,
        declared_in=_SOURCES_FILE,
    ),
    NameRule(
        kind="endpoints",
        path="*.boathouse.input.ranges",
        what="a feature or a field of a request",
        form="keys",
        known=_request_values,
        declared_in=_FEATURES_FILE,
    ),
    NameRule(
        kind="rollouts",
        path="service_levels",
        what="an endpoint",
        form="keys",
        known=lambda conf: conf["endpoints"].keys(),
        declared_in="serving/endpoints.yml",
    ),
)
