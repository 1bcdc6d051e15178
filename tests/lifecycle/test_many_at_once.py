"""Many persons at once, in threads and in processes: every one recorded once, in a chain that holds."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from boathouse.environment import Environment
from boathouse.errors import LifeCycleError
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from tests.fixtures.life_cycle import LifeCycleSetup, MemoryRegistry, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.lifecycle.registry import Change

RULES = options(needed=5, carry_out=False)
WORKERS, EACH = 4, 25


def attempt(step: Callable[[], object]) -> str:
    """Return ``done``, or why not."""
    try:
        step()
    except LifeCycleError as error:
        return str(error)
    return "done"


def ask_and_approve(root: str, worker: int) -> None:
    """Ask for versions of one's own, and approve version 3 under names of one's own."""
    setup = LifeCycleSetup(Environment("test", {"engine": "sail", "root": root}), MemoryRegistry())
    for _ in range(WORKERS * EACH + 3):
        setup.registry.register()
    for number in range(EACH):
        version = str(4 + worker * EACH + number)
        if number % 2:
            setup.cycle(f"asker{version}").request(version, to="staging", comment="x")
        else:
            setup.cycle(f"approver{version}", RULES).approve("3", comment="x")


def test_a_hundred_requests_and_approvals_by_threads_of_processes_are_each_on_record_once(
    setup: LifeCycleSetup,
) -> None:
    for _ in range(WORKERS * EACH):
        setup.registry.register()
    record_decision(setup.cycle("tom", RULES), decision("3", champion="2"))
    root = setup.environment.lakehouse["root"]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=ask_and_approve, args=(root, number)) for number in range(2)]
    for worker in workers:
        worker.start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: ask_and_approve(root, number), range(2, WORKERS)))
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    actors = [each.actor for each in setup.records() if each.kind in {"requested", "approved"} and each.actor != "tom"]
    expected = {f"{'asker' if (number % EACH) % 2 else 'approver'}{4 + number}" for number in range(WORKERS * EACH)}
    assert len(actors) == len(expected) == 100
    assert set(actors) == expected
    assert setup.records("refused") == []
    assert open_ledger(setup.environment.table(PROMOTIONS)).verify() == []


def test_of_many_promotions_at_once_one_wins_and_the_others_say_why(setup: LifeCycleSetup) -> None:
    versions = [setup.registry.register() for _ in range(5)]
    for version in versions:
        record_decision(setup.cycle("tom", options(needed=1)), decision(version, champion="2"))
    setup.cycle().sync()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda version: attempt(lambda: setup.cycle().promote(version, comment="x")), versions))
    assert answers.count("done") == 1
    winner = versions[answers.index("done")]
    assert all(f"{winner} is champion now" in answer for answer in answers if answer != "done")
    assert len(setup.records("refused")) == 4
    setup.cycle().sync()
    assert setup.registry.aliases["champion"] == winner
    assert plan_changes(setup.cycle().read(), setup.registry.read()) == []


def test_of_many_rollbacks_at_once_one_is_made(setup: LifeCycleSetup) -> None:
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda n: attempt(lambda: setup.cycle(f"on-call {n}").rollback(comment="x")), range(5)))
    assert len(setup.records("rolled_back")) == 1
    assert setup.cycle().read().champion == "1"
    assert all(answer == "done" or "1 is champion now" in answer for answer in answers)


def test_who_shows_an_older_state_last_shows_the_newer_one_after_it(setup: LifeCycleSetup) -> None:
    """While one brings the registry in line, another changes the champion and shows that first."""
    registry, apply = setup.registry, setup.registry.apply
    setup.cycle().sync()

    def interrupted(change: Change) -> None:
        registry.apply = apply  # type: ignore[method-assign]
        setup.cycle("bob").rollback(to="2", comment="it was the data")
        apply(change)

    registry.apply = interrupted  # type: ignore[method-assign]
    state = setup.cycle("ann").rollback(comment="worse")
    assert (state.champion, registry.aliases["champion"]) == ("2", "2")
    assert plan_changes(setup.cycle().read(), registry.read()) == []


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_of_the_same_answer_given_twice_at_once_one_counts(setup: LifeCycleSetup, answer: str) -> None:
    rules = options(needed=1)
    record_decision(setup.cycle("tom", rules), decision("3", champion="2"))
    before = len(setup.records("promoted"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda n: attempt(lambda: getattr(setup.cycle(f"p{n}", rules), answer)("3", comment="x")), range(4)
            )
        )
    assert len(setup.records("promoted")) - before == (answer == "approve")
    assert len(setup.records("rejected")) == (answer == "reject")
    assert setup.cycle().read().champion == {"approve": "3", "reject": "2"}[answer]
    assert answers.count("done") >= 1
    assert setup.cycle().read().open_requests == ()
