"""Consistency checks of a use case's declarations, run when the object is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.errors import ConfigError
from boathouse.features.feature_view import check_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from boathouse.features.feature_view import FeatureView, Source
    from boathouse.problem.spec import UseCase


def check_use_case(use_case: UseCase) -> None:
    """Refuse declarations that contradict each other.

    Raises:
        ConfigError: Naming what was expected, what was found and where.
        FeatureError: If the views contradict each other.
    """
    require_unique("sources", [source.name for source in use_case.sources])
    check_views(use_case.views)
    _check_tables(use_case)
    for view in use_case.views:
        _check_view(view, use_case)
    _check_names(use_case)


def _check_tables(use_case: UseCase) -> None:
    """Check that spine, label, groups and behaviour read clean tables, and that the spine has keys and date."""
    groups, behaviour, tables = use_case.groups, use_case.behaviour, use_case.clean_contracts
    read = {"the spine": (use_case.spine_table,), f"label '{use_case.label.name}'": use_case.label.tables}
    read |= {"groups": groups.tables if groups else (), "behaviour": behaviour.tables if behaviour else ()}
    for who, names in read.items():
        _require_known(f"the tables of {who}", names, tables)
    columns = tables[use_case.spine_table].column_names
    _require_known(f"the columns of spine {use_case.spine_table}", (*use_case.keys, use_case.known_column), columns)
    if groups:
        _require_known("the keys of groups", groups.contract.keys, use_case.keys)
    labels = [view.label for view in use_case.views]
    _require_known("model_views", [view.label for view in use_case.model_views], labels)


def _check_view(view: FeatureView, use_case: UseCase) -> None:
    """Check that a view has keys of the entity, reads columns that its sources have, and names their cleaners."""
    _require_known(f"the keys of view '{view.label}'", view.keys, use_case.entity.typed_keys)
    columns = {each.table: each.columns for each in use_case.views}
    columns |= {name: contract.column_names for name, contract in use_case.clean_contracts.items()}
    _require_known(f"the tables of view '{view.label}'", view.source_names, columns)
    cleaners = {source.cleaned.name: source.clean for source in use_case.sources}
    for source in view.sources:
        what = f"what view '{view.label}' reads of {source.table}"
        _require_known(what, source.columns, columns[source.table])
        _require_cleaner(view, source, cleaners.get(source.table))


def _require_cleaner(view: FeatureView, source: Source, cleaner: Callable[..., object] | None) -> None:
    """Check that the definition of a view has the function that cleans what it reads."""
    if source.cleaned_by is not cleaner:
        expected, found = (getattr(each, "__name__", repr(each)) for each in (cleaner, source.cleaned_by))
        raise ConfigError(
            f"Use case, view '{view.label}': expected source {source.table} to name cleaned_by={expected}, found "
            f"{found}. The function that cleans a table decides the view's values, so that its code belongs to the "
            "view's definition."
        )


def _check_names(use_case: UseCase) -> None:
    """Check that no two columns share a name, and that the stored inputs of on-demand features are declared."""
    names = [*use_case.feature_names, *use_case.identity, use_case.label.name]
    require_unique("features, keys, time and label", names)
    stored = {name for view in use_case.model_views for name in view.feature_names}
    for each in use_case.on_demand:
        _require_known(f"the stored features of on-demand '{each.name}'", each.stored, sorted(stored))


def require_unique(what: str, names: Iterable[str]) -> None:
    """Refuse a name that is declared twice.

    Raises:
        ConfigError: Naming it.
    """
    listed = list(names)
    if repeated := sorted({name for name in listed if listed.count(name) > 1}):
        message = f"Use case, {what}: expected each name once, found {', '.join(repeated)} more than once. Rename one."
        raise ConfigError(message)


def _require_known(what: str, wanted: Iterable[Any], known: Iterable[Any]) -> None:
    declared = list(known)
    if missing := [each for each in wanted if each not in declared]:
        message = f"Use case, {what}: found {_list(missing)}, which is not declared. Declared: {_list(declared)}."
        raise ConfigError(message)


def _list(values: Iterable[Any]) -> str:
    return ", ".join(" ".join(each) if isinstance(each, tuple) else str(each) for each in values) or "nothing"
