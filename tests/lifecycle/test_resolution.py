"""Which version may score: what ledger and registry have to agree on, and what happens where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boathouse.errors import UndecidedModelError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.registry import Change
from boathouse.lifecycle.resolution import RecordedModel, check_not_archived, explain_missing
from boathouse.lifecycle.sync import compare_records, synchronize
from boathouse.lifecycle.webhooks import name_events
from tests.fixtures.life_cycle import NAME, LifeCycleSetup, event, options, seal

if TYPE_CHECKING:
    from boathouse.lifecycle.comparison import Difference

STORY = (
    event("registered", "1", number=1),
    event("registered", "2", number=2),
    event("promoted", "1", number=3, stage="champion"),
    event("promoted", "2", number=4, stage="champion"),
)
MODEL = RecordedModel.of(NAME, seal(*STORY))


@pytest.mark.parametrize(
    ("aliases", "shown"),
    [
        ({"champion": "2", "previous": "1"}, 4),
        # A step was cut off before it reached the registry, or is on its way there.
        ({"champion": "1"}, 3),
        ({}, 2),
        ({"champion": "2"}, 3),
    ],
)
def test_the_ledgers_champion_scores_where_the_registry_shows_it_or_was_not_told_yet(
    aliases: dict[str, str], shown: int
) -> None:
    assert MODEL.find_alias("champion", aliases, shown=shown) == "2"


@pytest.mark.parametrize(
    ("aliases", "shown"),
    [
        # Back to the version from before, and to one that never was champion; taken away; before any step was shown.
        ({"champion": "1"}, 4),
        ({"champion": "3"}, 3),
        ({}, 4),
        ({"champion": "1"}, 0),
    ],
)
def test_an_alias_that_was_moved_past_the_ledger_is_refused(aliases: dict[str, str], shown: int) -> None:
    found = aliases.get("champion")
    told = f"is {f'version {found}' if found else 'not set'} in the registry; test.audit.promotions decided: version 2"
    with pytest.raises(UndecidedModelError, match=f"{told}.*boathouse models sync {NAME} --env test"):
        MODEL.find_alias("champion", aliases, shown=shown)


def test_an_alias_that_nothing_was_decided_on_is_refused_too() -> None:
    with pytest.raises(UndecidedModelError, match="decided: not set"):
        MODEL.find_alias("challenger", {"challenger": "1"}, shown=4)
    assert MODEL.find_alias("challenger", {}, shown=4) is None


def test_a_version_scores_with_the_digest_on_record_alone() -> None:
    found = MODEL.check_version("2", "digest2")
    assert (found.version, found.digest, found.stage) == ("2", "digest2", "champion")
    assert (found.decision["records"], found.decision["head"]) == (4, MODEL.records[-1].hash)
    for tagged in ("digest1", None):
        with pytest.raises(UndecidedModelError, match=r"has digest \w+, test.audit.promotions has digest2.*Not loaded"):
            MODEL.check_version("2", tagged)
    with pytest.raises(UndecidedModelError, match="has no version 3 by test.audit.promotions; it has: 1, 2"):
        MODEL.check_version("3", "digest3")


def test_an_archived_version_scores_by_its_number_and_leaves_for_nowhere() -> None:
    model = RecordedModel.of(NAME, seal(*STORY, event("archived", "1", number=5)))
    found = model.check_version("1", "digest1")
    assert found.stage == "archived"
    with pytest.raises(UndecidedModelError, match=r"Version 1 of test.models.late is archived \(why\)"):
        check_not_archived(found)


def test_a_refusal_names_a_version_and_registers_none() -> None:
    early = AuditEvent(
        event_id="refused/1", kind="refused", subject=NAME, version="7", actor="vera", occurred_at=STORY[0].occurred_at
    )
    assert RecordedModel.of(NAME, seal(early)).now.versions == {}


REQUEST = event("requested", "1", number=3, actor="tom", to="production")
GATES = {"outcome": "rejected", "champion": None, "gates": []}


@pytest.mark.parametrize(
    ("story", "told"),
    [
        ((), "No version of test.models.late was made champion. Next: kedro run .* --env test"),
        (STORY[:1], "None of the versions of test.models.late was made champion"),
        ((*STORY[:1], REQUEST), "Version 1 of .* waits for approval, asked for by tom.*requests list --env test"),
        (
            (*STORY[:1], event("checked", "1", number=3, **GATES)),
            "The gates decided 'rejected' on version 1 of .*: why",
        ),
    ],
)
def test_without_a_champion_it_is_said_what_comes_next(story: tuple[AuditEvent, ...], told: str) -> None:
    import re

    assert re.search(told, explain_missing(RecordedModel.of(NAME, seal(*story)).now))


def test_of_a_stopped_champion_it_is_said_who_stopped_it_and_how_it_is_resumed() -> None:
    state = RecordedModel.of(NAME, seal(*STORY, event("stopped", "2", number=5, actor="ann"))).now
    told = explain_missing(state)
    assert told.startswith(f"version 2 of {NAME} was stopped by ann at 2026-03-01 09:05 UTC: why. Resume it: ")
    assert told.endswith("boathouse models rollback --to 2 --comment WHY --env test")
    assert "was stopped" not in explain_missing(state, "challenger")


THIRD = (event("registered", "3", number=5), event("promoted", "3", number=6, stage="champion"))
REQUESTED = (event("requested", "1", number=2, to="production"),)


@pytest.mark.parametrize(
    ("story", "version", "told"),
    [
        (STORY, "2", ""),
        (STORY, "9", ""),
        (
            (*STORY, event("stopped", "2", number=5, actor="ann")),
            "2",
            "was stopped by ann at 2026-03-01 09:05 UTC: why",
        ),
        ((*STORY, event("rolled_back", "1", number=5, **{"from": "2", "to": "1"})), "2", "replaced by 1 in a rollback"),
        ((*STORY, event("rolled_back", "1", number=5, **{"from": "2", "to": "1"})), "1", ""),
        ((*STORY, event("archived", "1", number=5, why="by hand")), "1", "was archived by vera"),
        # They made way for others: a rollout that they are in goes on.
        ((*STORY, event("archived", "1", number=5, why="superseded")), "1", ""),
        ((*STORY, *THIRD), "1", ""),
        # Stopped, resumed, replaced in order.
        (
            (
                *STORY,
                event("stopped", "2", number=5),
                event("rolled_back", "2", number=6, **{"from": "2", "to": "2"}),
                *THIRD,
                event("registered", "4", number=7),
                event("promoted", "4", number=8, stage="champion"),
            ),
            "2",
            "",
        ),
        (
            (*STORY[:1], *REQUESTED, event("rejected", "1", number=3, request="requested/1/2")),
            "1",
            "the request to make version 1 of test.models.late champion was rejected by vera",
        ),
        (
            (*STORY[:1], *REQUESTED, event("rejected", "1", number=3, request="requested/1/2", by="the comparison")),
            "1",
            "",
        ),
        (
            (
                *STORY[:1],
                *REQUESTED,
                event("rejected", "1", number=3, request="requested/1/2"),
                event("requested", "1", number=4, to="production"),
            ),
            "1",
            "",
        ),
    ],
)
def test_what_a_person_took_out_of_service_goes_on_nowhere(
    story: tuple[AuditEvent, ...], version: str, told: str
) -> None:
    found = RecordedModel.of(NAME, seal(*story)).explain_removal(version)
    assert told in found if told else found == ""


# Alarms, on record before they are set back


def alarms(setup: LifeCycleSetup) -> list[Difference]:
    found = compare_records(NAME, setup.records(), setup.registry.read())
    return [each for each in found if each.is_alarm]


def edit(setup: LifeCycleSetup, what: str) -> None:
    """Change the registry as a person can in MLflow's page."""
    change = {
        "alias": Change("set_alias", "1", "champion"),
        "no alias": Change("delete_alias", "", "champion"),
        "digest": Change("set_tag", "2", "model_digest", "other"),
        "stage": Change("set_tag", "2", "stage", "archived"),
        "approved_by": Change("set_tag", "2", "approved_by", "nobody"),
        "trained_by": Change("set_tag", "2", "trained_by", "nobody"),
    }[what]
    setup.registry.apply(change)


@pytest.mark.parametrize("what", ["alias", "no alias", "digest", "stage", "approved_by", "trained_by"])
def test_what_was_changed_past_the_ledger_is_recorded_once_then_set_back(setup: LifeCycleSetup, what: str) -> None:
    setup.cycle("tom").sync()
    before = setup.records()
    shown = setup.registry.read()
    assert alarms(setup) == []
    edit(setup, what)
    (alarm,) = alarms(setup)
    synced = setup.cycle("ann").synchronize()
    assert (synced.alarms, len(synced.changes)) == ((alarm,), 1)
    assert (alarms(setup), setup.registry.read().aliases) == ([], shown.aliases)
    assert setup.registry.versions["2"].tags == shown.versions["2"].tags
    new = setup.records()[len(before) :]
    assert [(each.kind, each.actor, each.version) for each in new] == [
        ("differed", "ann", None),
        ("synced", "ann", None),
    ]
    assert [name_events(each) for each in new] == [("registry_differs",), ("registry_synced",)]
    assert str(alarm) in new[0].comment
    setup.cycle("ann").sync()
    assert setup.records() == [*before, *new]
    # Made again, it is another alarm.
    edit(setup, what)
    setup.cycle("ann").sync()
    assert [each.kind for each in setup.records()[len(before) :]] == ["differed", "synced"] * 2


def test_files_changed_with_their_tag_stay_an_alarm_that_is_recorded_once(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").sync()
    before = len(setup.records())
    edit(setup, "digest")
    setup.registry.digests["2"] = "other"
    for _ in range(2):
        synced = setup.cycle("ann").synchronize()
        assert ([each.kind for each in synced.alarms], synced.changes) == (["digest"], ())
    assert [each.kind for each in setup.records()[before:]] == ["differed"]


def test_a_step_that_was_cut_off_is_finished_and_is_no_alarm(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").sync()
    setup.registry.down_after = 0
    with pytest.raises(Exception, match="cannot be used"):
        setup.cycle("ann").rollback(comment="worse")
    setup.registry.down, setup.registry.down_after = False, None
    assert setup.registry.aliases["champion"] == "2"
    assert alarms(setup) == []
    assert (
        RecordedModel.of(NAME, setup.records()).find_alias(
            "champion", setup.registry.aliases, shown=setup.registry.shown
        )
        == "1"
    )
    synced = synchronize(setup.cycle().ledger, setup.registry)  # type: ignore[arg-type]
    assert (synced.alarms, setup.registry.aliases["champion"]) == ((), "1")
    assert {each.kind for each in setup.records()}.isdisjoint({"differed", "synced"})


def test_what_people_write_beside_it_is_no_alarm(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").sync()
    setup.registry.apply(Change("set_tag", "2", "reviewed_by", "vera"))
    setup.registry.apply(Change("set_alias", "1", "for_the_demo"))
    setup.registry.apply(Change("describe", "2", "", "Mine."))
    setup.registry.register()
    assert alarms(setup) == []


def test_refused_before_there_is_a_version_it_is_decided_like_any_other(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").sync()
    for step in ("approve", "reject", "promote", "archive"):
        with pytest.raises(Exception, match="has no version 4"):
            getattr(setup.cycle("ann"), step)("4", comment="too early")
    with pytest.raises(Exception, match="has no version 4"):
        setup.cycle("ann").request("4", to="production", comment="too early")
    with pytest.raises(Exception, match="has no version 4"):
        setup.cycle("ann").rollback(to="4", comment="too early")
    assert [each.version for each in setup.records("refused")] == ["4"] * 6
    setup.registry.register()
    assert list(setup.cycle("tom").sync().versions) == ["1", "2", "3", "4"]
    assert setup.cycle("ann", options()).request("4", to="staging", comment="now").find_request("4") is not None
