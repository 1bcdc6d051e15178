"""The contracts that follow from a use case: the same tables for every problem, with its keys and features."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from boathouse.features.feature_view import contract_of, time_name
from boathouse.problem.scored_tables import EVENT_COLUMNS, inference_contracts, stream_contracts
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.problem.spec import UseCase

SPLITS = ("train", "validation", "test")
LABELS, TRAINING_SET, REQUESTS = "model_input.labels", "model_input.training_set", "inference.requests"


def derive_contracts(use_case: UseCase) -> Mapping[str, TableContract]:
    """Return the contract of every table that depends on ``use_case``, by name."""
    from boathouse.tables.quality import quarantine_contract, raw_contract

    delivered = [source.delivered for source in use_case.sources]
    contracts = [
        *map(raw_contract, delivered),
        *use_case.clean_contracts.values(),
        *map(quarantine_contract, delivered),
        *map(contract_of, use_case.views),
        labels_contract(use_case),
        *((use_case.groups.contract,) if use_case.groups else ()),
        training_set_contract(use_case),
        *prediction_contracts(use_case).values(),
        requests_contract(use_case),
        *answer_contracts(use_case).values(),
    ]
    return MappingProxyType({contract.name: contract for contract in contracts})


def labels_contract(use_case: UseCase) -> TableContract:
    """Return the contract of ``model_input.labels``."""
    label, words = use_case.label, use_case.words
    return TableContract(
        name=LABELS,
        description=label.about,
        grain=f"One row per {use_case.entity.singular} and {words.observation} whose label is known.",
        columns=(
            *use_case.entity.keys,
            _time(use_case, f"Date of the {words.observation}: a prediction is made on it."),
            _label(use_case),
            Column(name=label.event_date, dtype="date", description=label.event_description),
            _known(use_case),
        ),
        keys=use_case.identity,
        time_column=use_case.time_column,
    )


def training_set_contract(use_case: UseCase) -> TableContract:
    """Return the contract of ``model_input.training_set``: labelled rows with the features known on their date."""
    words = use_case.words
    split = (
        Column(name="split", dtype="string", description="Which part of the split by time.", allowed=SPLITS),
        Column(name="split_version", dtype="string", description="How the split was made, and of which labels."),
        Column(
            name="split_seed",
            dtype="bigint",
            description="Seed of the split; null for one that nothing is drawn for.",
            nullable=True,
        ),
    )
    times = (
        Column(
            name=time_name(view),
            dtype="date",
            description=f"Date of the row of {view.table} that was joined; null if there was none.",
            nullable=True,
        )
        for view in use_case.current_views
    )
    return TableContract(
        name=TRAINING_SET,
        description=f"Labelled {words.observations} with features as known on the date of each, split by time.",
        grain=f"One row per {use_case.entity.singular} and {words.observation}.",
        columns=(
            *use_case.entity.keys,
            _time(use_case, f"Date of the {words.observation}."),
            *split,
            _label(use_case),
            *_features(use_case, current=True),
            _known(use_case),
            *times,
        ),
        keys=use_case.identity,
        time_column=use_case.time_column,
    )


def inference_features(use_case: UseCase) -> dict[str, str]:
    """Return the features that any model may be scored on, with their types: a champion may need older ones."""
    return {column.name: column.dtype for column in _features(use_case, current=False)}


def prediction_contracts(use_case: UseCase) -> dict[str, TableContract]:
    """Return the contracts of the tables that batch scoring fills, by name."""
    return inference_contracts(
        keys=use_case.entity.keys,
        time=_time(use_case, f"Date of the {use_case.words.observation} on which the prediction is made."),
        features=_features(use_case, current=False),
        outputs=use_case.task.outputs,
    )


def request_contract(use_case: UseCase) -> TableContract:
    """Return what a request has to keep; one that does not is quarantined, so the table itself takes anything."""
    return TableContract(
        name="inference.request",
        description="One request for a score.",
        grain="one row per request",
        columns=(*EVENT_COLUMNS, *use_case.entity.keys, _asked_day(use_case), *use_case.request_fields),
    )


def requests_contract(use_case: UseCase) -> TableContract:
    """Return the contract of ``inference.requests``."""
    columns = request_contract(use_case).columns
    batch = Column(name="_batch_id", dtype="string", description="What was sent together; sent again it is not added.")
    return TableContract(
        name=REQUESTS,
        description="Requests for a score, as other systems send them; rows are only ever added.",
        grain="one row per request sent",
        columns=(
            *(
                Column(name=each.name, dtype=each.dtype, description=each.description, unit=each.unit, nullable=True)
                for each in columns
            ),
            batch,
        ),
    )


def answer_contracts(use_case: UseCase) -> dict[str, TableContract]:
    """Return the contracts of the tables that a stream fills, by name."""
    return stream_contracts(
        use_case.entity.keys, _asked_day(use_case), use_case.request_fields, outputs=use_case.task.outputs
    )


def _time(use_case: UseCase, description: str) -> Column:
    return Column(name=use_case.time_column, dtype="date", description=description)


def _asked_day(use_case: UseCase) -> Column:
    return _time(use_case, "As-of date of the score: it is made from what was known on that day.")


def _label(use_case: UseCase) -> Column:
    label = use_case.label
    return Column(name=label.name, dtype="int", description=label.description, allowed=(0, 1))


def _known(use_case: UseCase) -> Column:
    return Column(name=use_case.label.known_date, dtype="date", description="Date from which the label is known.")


def _features(use_case: UseCase, *, current: bool) -> tuple[Column, ...]:
    """Return a column for each feature: of the current views alone, or of all that a model may still look up."""
    older = () if current else tuple(feature for view in use_case.model_views for feature in view.features)
    features = {each.name: each for each in (*older, *use_case.features)}
    return tuple(each.column() for each in features.values())
