"""A trace tells what is on record, and what is not."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from boathouse.features.lineage import describe_sources, list_taken, select_sources
from boathouse.lifecycle.chain import AuditEvent, seal_events
from boathouse.lineage.facts import CodeFacts, RunFacts, RuntimeFacts, find_gaps, flatten
from boathouse.lineage.trace_text import find_served, trace_to_dict, write_trace
from boathouse.scoring.feature_spec import FeatureSpec
from tests.fixtures.boats import CARGO, ON_DEMAND, VIEWS
from tests.fixtures.lineage_facts import NAME, make_facts

EVENTS = seal_events(
    [
        AuditEvent(
            event_id="e1",
            kind="checked",
            subject=NAME,
            version="3",
            actor="otto",
            occurred_at=datetime(2005, 10, 2, tzinfo=UTC),
            evidence={"outcome": "rejected", "gates": [{"name": "calibration", "passed": False}]},
        ),
        AuditEvent(
            event_id="e2",
            kind="approved",
            subject=NAME,
            version="3",
            actor="vera",
            occurred_at=datetime(2005, 10, 3, tzinfo=UTC),
            comment="Good enough.",
        ),
    ]
)


def test_a_whole_record_has_no_gaps() -> None:
    assert find_gaps(make_facts()) == []
    assert "not recorded" not in write_trace(make_facts(), EVENTS).lower()


@pytest.mark.parametrize(
    ("changes", "gaps"),
    [
        ({"model_digest": None}, ["model_digest"]),
        ({"tables": ()}, ["tables"]),
        ({"parameters": {}, "metrics": {}}, ["parameters", "metrics"]),
        ({"code": CodeFacts(commit="c")}, ["code.branch", "code.dirty", "code.difference", "code.package_version"]),
        ({"source": "", "aliases": (), "artefacts": ()}, []),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, object], gaps: list[str]) -> None:
    facts = make_facts(**changes)
    assert find_gaps(facts) == gaps
    text = write_trace(facts, EVENTS)
    assert [name for name in gaps if f"  {name}" not in text] == []


def served(number: int, model: str, libraries: dict[str, str], version: str = "3") -> AuditEvent:
    """Return the record that an endpoint has loaded a version."""
    runtime = {
        "python": "3.11.9",
        "system": "Linux 5",
        "machine": "arm64",
        "libraries": libraries,
        "lock_digest": "unknown",
        "libraries_digest": "9" * 64,
    }
    return AuditEvent(
        event_id=f"s{number}",
        kind="served",
        subject=f"late_{number}",
        version=version,
        actor="app",
        occurred_at=datetime(2005, 10, number, tzinfo=UTC),
        evidence={"model": model, "runtime_environment": runtime},
    )


def test_the_environment_of_serving_stands_beside_that_of_training() -> None:
    same, other = {"numpy": "2.0", "xgboost": "3.2.0"}, {"numpy": "2.1", "uvicorn": "0.30"}
    records = seal_events(
        [served(4, NAME, same), served(5, NAME, other), served(6, "prod.models.x", same), served(7, NAME, same, "2")]
    )
    found = find_served([*EVENTS, *records], NAME, "3")
    assert [each.endpoint for each in found] == ["late_4", "late_5"]
    text = write_trace(make_facts(), EVENTS, found)
    assert "Trained in\n  Python 3.11.7" in text
    assert (
        "Served in\n  endpoint late_4 since 2005-10-04 00:00:00 UTC as app\n      Python 3.11.9, system Linux 5" in text
    )
    assert "libraries as in training" in text
    differing = "numpy 2.0 there, 2.1 here; uvicorn none there, 0.30 here; xgboost 3.2.0 there, none here"
    assert f"other libraries than in training: {differing}" in text
    (first, _) = json.loads(json.dumps(trace_to_dict(make_facts(), EVENTS, found)))["served_in"]
    assert (first["since"], first["runtime_environment"]["libraries"]) == ("2005-10-04T00:00:00+00:00", same)
    assert "no endpoint has loaded it" in write_trace(make_facts(), EVENTS)


def test_a_view_without_sources_is_a_gap() -> None:
    (view,) = make_facts().features
    facts = make_facts(features=(dataclasses.replace(view, sources=None),))
    assert find_gaps(facts) == ["features.habits.sources"]
    assert "from: not recorded" in write_trace(facts, [])


def test_the_text_answers_each_question() -> None:
    text = write_trace(make_facts(), EVENTS)
    for line in (
        "commit " + "c" * 40 + " on main, boathouse 0.1.0",
        "clean: nothing differed from the commit",
        "Python 3.11.7, sail 0.7.2",
        "r1 by otto in prod, FINISHED",
        "prod.clean.rows version 4, 1,200 rows: can be read",
        "prod.model_input.training_set version 2, 1,000 rows: cannot be read: vacuumed",
        "rows.csv, 1,200 rows: a file, without versions",
        "habits version 1, abcd (as defined here): late, early",
        "    from clean.rows: id, paid_on",
        "training.search.seed = 7",
        "validation.roc_auc = 0.71",
        "eeeeeeeeeeee         10 bytes  model/MLmodel",
        "2005-10-02 00:00 UTC  checked by otto; rejected; not passed: calibration",
        "2005-10-03 00:00 UTC  approved by vera; Good enough.",
    ):
        assert f"  {line}" in text
    assert "monitoring.window" not in text  # of a pipeline that had no part in it


def test_a_dirty_tree_is_told_with_its_digest() -> None:
    code = CodeFacts(commit="c", branch="b", dirty="true", difference="feed", package_version="1")
    assert "digest of the difference: feed" in write_trace(make_facts(code=code), [])


def test_nothing_on_record_is_still_a_trace() -> None:
    facts = make_facts(
        code=CodeFacts(), runtime_environment=RuntimeFacts(), run=RunFacts(), tables=(), features=(), parameters={}
    )
    text = write_trace(facts, [])
    assert "commit not recorded on not recorded" in text
    assert "Data\n  not recorded" in text
    assert "Decisions\n  not recorded" in text


def test_json_holds_everything() -> None:
    found = json.loads(json.dumps(trace_to_dict(make_facts(), EVENTS)))
    assert found["runtime_environment"]["libraries"]["numpy"] == "2.0"
    assert found["features"][0]["sources"] == {"clean.rows": ["id", "paid_on"]}
    assert found["parameters"]["monitoring.window"] == 3
    assert found["events"][0]["evidence"]["outcome"] == "rejected"
    assert found["registered_at"] == "2005-10-01T08:30:00+00:00"
    assert found["not_recorded"] == []


def test_flattening_keeps_lists_and_empty_groups() -> None:
    assert flatten({"a": {"b": [1, 2], "c": {}}, "d": None}) == {"a.b": [1, 2], "a.c": {}, "d": None}


def test_of_a_view_that_is_shown_first_what_the_version_takes() -> None:
    facts = make_facts()
    (view,) = facts.features
    text = write_trace(replace(facts, features=(replace(view, taken=("early",)),)), [])
    assert "habits version 1, abcd (as defined here): early\n" in text
    assert "not taken, but looked up with it: late" in text


def test_sources_are_those_of_the_features_that_are_taken() -> None:
    cargo = replace(CARGO, reads={"weight": ("clean.trips.weight",), "fuel": ("clean.trips.fuel",)})
    described = describe_sources(cargo, VIEWS)
    (source, _) = cargo.sources
    shared = ("boat_id", source.time_column)
    found = select_sources([None, described], ["weight"])
    assert found is not None
    assert set(found["clean.trips"]) == {*shared, "weight"}
    assert found["clean.boats"] == ("boat_id",)
    # What is not declared may come from any column.
    assert select_sources([described], ["load"]) == select_sources([described], None)
    earlier = {"sources": {"clean.rows": ["id"]}}
    assert select_sources([earlier, None], ["weight"]) == {"clean.rows": ("id",)}
    assert select_sources([earlier, described], ["weight"]) == found
    assert select_sources([None], ["weight"]) is None


def test_a_version_takes_what_its_features_on_demand_are_computed_from() -> None:
    inputs = ["fuel", "load_after"]
    spec = FeatureSpec.describe(inputs, VIEWS, ON_DEMAND)
    taken = {view.name: list_taken(view, spec, inputs) for view in spec.views}
    assert taken == {"identity": ("capacity",), "cargo": ("weight", "fuel")}
    assert list_taken(spec.views[0], spec, None) is None
